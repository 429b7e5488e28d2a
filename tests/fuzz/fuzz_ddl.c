/* fuzz_ddl.c - any text as a statement. What is found has names, types that settle and convert, and is found again where the
 * same statement has a comment before it. First byte: sql_mode and server. */
// folders: mysql_protocol base
#include <base/assert.h>
#include <base/buffer.h>
#include <kit/fuzz.h>
#include <mysql_protocol/ddl.h>

static void check_column(struct leat_ddl_column column, struct leat_arena *arena)
{
    leat_assert(column.name && column.type && column.data_type);
    leat_assert(strncmp(column.type, column.data_type, strlen(column.data_type)) == 0);
    leat_ddl_settle(&column, "latin1", arena);
    leat_assert(column.charset && column.length == 0);
    leat_ddl_convert(&column, "utf8mb4", arena);
    leat_assert(strncmp(column.type, column.data_type, strlen(column.data_type)) == 0);
}

static void check_step(const struct leat_ddl_step *step, struct leat_arena *arena)
{
    bool is_database = step->kind == LEAT_DDL_DATABASE || step->kind == LEAT_DDL_DROP_DATABASE;
    leat_assert(is_database || step->name.table);
    leat_assert(step->kind != LEAT_DDL_RENAME || step->other.table);
    for (uint32_t i = 0; i < step->key_count; i++)
        leat_assert(step->key[i]);
    for (uint32_t i = 0; i < step->change_count && !step->is_unclear; i++) {
        const struct leat_ddl_change *change = &step->changes[i];
        leat_assert(change->kind == LEAT_DDL_ADD || change->old);
        leat_assert(change->place != LEAT_DDL_AFTER || change->after);
        if (change->kind == LEAT_DDL_ADD || change->kind == LEAT_DDL_CHANGE)
            check_column(change->column, arena);
    }
}

static uint32_t check(const struct leat_ddl *ddl, struct leat_arena *arena)
{
    uint32_t count = 0;
    for (const struct leat_ddl_step *step = ddl->steps; step; step = step->next, count++)
        check_step(step, arena);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t modes[] = {0, LEAT_SQL_ANSI_QUOTES, LEAT_SQL_NO_BACKSLASH_ESCAPES, LEAT_SQL_REAL_AS_FLOAT};
    if (size == 0)
        return 0;
    bool is_mariadb = *data & 4;
    uint32_t version = is_mariadb ? 101106 : *data & 8 ? 50744 : 80033;
    struct leat_arena arena;
    struct leat_bytes text;
    struct leat_ddl ddl, again;
    leat_arena_init(&arena, 0);
    leat_bytes_init(&text, SIZE_MAX);
    leat_ddl_read(&ddl, (const char *)data + 1, size - 1, modes[*data % 4], version, is_mariadb, &arena);
    leat_bytes_text(&text, "/* DROP TABLE x */ ");
    leat_bytes_add(&text, data + 1, size - 1);
    leat_ddl_read(&again, (const char *)text.data, text.len, modes[*data % 4], version, is_mariadb, &arena);
    leat_assert(check(&ddl, &arena) == check(&again, &arena) && ddl.is_bad == again.is_bad);
    leat_bytes_fini(&text);
    leat_arena_fini(&arena);
    return 0;
}

size_t leat_fuzz_seed(uint32_t number, uint8_t *bytes, size_t room)
{
    static const char *const seeds[] = {
        "4CREATE TABLE IF NOT EXISTS `a``b`.c (id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'x''y', e ENUM('a','b\\'') CHARACTER SET "
        "latin1, t TEXT(300), PRIMARY KEY (id, e(3) DESC)) DEFAULT CHARSET=utf8mb4",
        "0ALTER TABLE t ADD COLUMN a DECIMAL(5,2) FIRST, CHANGE b c VARCHAR(9) COLLATE latin1_bin AFTER a, DROP d, RENAME COLUMN e TO f, "
        "DROP PRIMARY KEY, ADD PRIMARY KEY (a), CONVERT TO CHARACTER SET utf8, RENAME TO u",
        "1RENAME TABLE \"a\" TO b, c.d TO \"a\"",
        "4/*!50100 DROP */ /*M!100100 TABLE */ a /*!999999 , b */ -- , c\n, d # e",
        "8ALTER TABLE t ADD (a INT, b DATE, KEY (a)), DROP PARTITION p0, p1",
        "4CREATE OR REPLACE TABLE a LIKE b",
        "0CREATE TABLE a (x INT) SELECT * FROM (SELECT 1) y",
        "4SET STATEMENT max_statement_time = 0 FOR TRUNCATE TABLE t",
    };
    size_t len = number < sizeof seeds / sizeof *seeds ? strlen(seeds[number]) : 0;
    if (len == 0 || len > room)
        return 0;
    memcpy(bytes, seeds[number], len);
    return len;
}
