#include <kit/cmocka.h>
#include <mysql/definition.h>
#include <stdio.h>

/* A table, and what statements make of it: "id int(11)*1!, a varchar(9)@latin1". */
struct bench {
    struct table *table;
    bool is_mariadb;
};

static void print(const struct table *table, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < table->column_count && len < size; i++) {
        const struct column *column = &table->columns[i];
        len += (size_t)snprintf(out + len, size - len, "%s%s %s%s%s%s", i ? ", " : "", column->name, column->type,
                                column->charset[0] ? "@" : "", column->charset, column->is_json ? " json" : "");
        if (len < size && column->key_place)
            len += (size_t)snprintf(out + len, size - len, "*%u", column->key_place);
        if (len < size && !column->is_nullable)
            len += (size_t)snprintf(out + len, size - len, "!");
    }
}

/* False: it cannot be told. */
static bool run(struct bench *bench, const char *statement, struct leat_arena *arena)
{
    struct leat_ddl ddl;
    struct table *fresh = table_new("shop", "t");
    leat_ddl_read(&ddl, statement, strlen(statement), 0, bench->is_mariadb ? 101106 : 80033, bench->is_mariadb, arena);
    assert_non_null(ddl.steps);
    bool is_good = ddl.steps->kind == LEAT_DDL_CREATE
                       ? definition_create(fresh, ddl.steps, "utf8mb4", bench->is_mariadb)
                       : definition_alter(fresh, bench->table, ddl.steps, bench->is_mariadb);
    if (bench->table)
        table_free(is_good ? bench->table : fresh);
    bench->table = is_good || !bench->table ? fresh : bench->table;
    return is_good;
}

static void gives(const char *create, const char *alter, const char *wanted)
{
    struct bench bench = {.is_mariadb = true};
    struct leat_arena arena;
    char got[2000];
    leat_arena_init(&arena, 0);
    assert_true(run(&bench, create, &arena));
    if (alter && !run(&bench, alter, &arena))
        snprintf(got, sizeof got, "?");
    else
        print(bench.table, got, sizeof got);
    if (strcmp(got, wanted) != 0)
        fail_msg("%s\n%s\n  gives  %s\n  wanted %s", create, alter ? alter : "", got, wanted);
    assert_true(!alter || strcmp(wanted, "?") == 0 || bench.table->schema);
    table_free(bench.table);
    leat_arena_fini(&arena);
}

#define ABC "CREATE TABLE t (a INT PRIMARY KEY, b INT, c VARCHAR(9)) CHARSET latin1"

static void a_table_is_made(void **state)
{
    (void)state;
    gives(ABC, NULL, "a int(11)*1!, b int(11), c varchar(9)@latin1");
    gives("CREATE TABLE t (a CHAR, j JSON, b TEXT(20), PRIMARY KEY (b(3), a))", NULL,
          "a char(1)@utf8mb4*2!, j longtext@utf8mb4 json, b tinytext@utf8mb4*1!");
    gives("CREATE TABLE t (a CHAR(5), e ENUM('x')) CHARSET binary", NULL, "a binary(5), e enum('x')@binary");
}

static void columns_are_added_where_the_statement_says(void **state)
{
    (void)state;
    gives(ABC, "ALTER TABLE t ADD x DATE", "a int(11)*1!, b int(11), c varchar(9)@latin1, x date");
    gives(ABC, "ALTER TABLE t ADD x DATE FIRST, ADD y TIME AFTER X", "x date, y time, a int(11)*1!, b int(11), c varchar(9)@latin1");
    gives(ABC, "ALTER TABLE t ADD x DATE AFTER a, ADD y CHAR AFTER x", "a int(11)*1!, x date, y char(1)@latin1, b int(11), c varchar(9)@latin1");
    gives(ABC, "ALTER TABLE t ADD COLUMN IF NOT EXISTS B DATE, ADD x DATE", "a int(11)*1!, b int(11), c varchar(9)@latin1, x date");
    gives(ABC, "ALTER TABLE t ADD (x DATE, y TIME)", "a int(11)*1!, b int(11), c varchar(9)@latin1, x date, y time");
    gives(ABC, "ALTER TABLE t CHARSET utf8mb4, ADD x CHAR", "a int(11)*1!, b int(11), c varchar(9)@latin1, x char(1)@utf8mb4");
    gives(ABC, "ALTER TABLE t ADD b DATE", "?");
    gives(ABC, "ALTER TABLE t ADD x DATE AFTER y", "?");
    gives(ABC, "ALTER TABLE t ADD x NOTHING", "?");
}

static void columns_are_dropped_and_changed(void **state)
{
    (void)state;
    gives(ABC, "ALTER TABLE t DROP b", "a int(11)*1!, c varchar(9)@latin1");
    gives(ABC, "ALTER TABLE t DROP COLUMN IF EXISTS x, DROP C", "a int(11)*1!, b int(11)");
    gives(ABC, "ALTER TABLE t DROP x", "?");
    gives(ABC, "ALTER TABLE t DROP b, ADD b DATE", "a int(11)*1!, c varchar(9)@latin1, b date");
    gives(ABC, "ALTER TABLE t DROP b, CHANGE c b TIME", "a int(11)*1!, b time");
    gives(ABC, "ALTER TABLE t CHANGE b c DATE, CHANGE c b TIME", "a int(11)*1!, c date, b time");
    gives(ABC, "ALTER TABLE t RENAME COLUMN b TO c, RENAME COLUMN c TO b", "a int(11)*1!, c int(11), b varchar(9)@latin1");
    gives(ABC, "ALTER TABLE t MODIFY a BIGINT", "a bigint(20)*1!, b int(11), c varchar(9)@latin1");
    gives(ABC, "ALTER TABLE t MODIFY b DATE NOT NULL FIRST", "b date!, a int(11)*1!, c varchar(9)@latin1");
    gives(ABC, "ALTER TABLE t CHANGE a x INT AFTER c, ADD y DATE AFTER x", "b int(11), c varchar(9)@latin1, x int(11)*1!, y date");
    gives(ABC, "ALTER TABLE t MODIFY a INT AFTER c, MODIFY b INT AFTER a", "c varchar(9)@latin1, a int(11)*1!, b int(11)");
    gives(ABC, "ALTER TABLE t MODIFY COLUMN IF EXISTS x DATE", "a int(11)*1!, b int(11), c varchar(9)@latin1");
    gives(ABC, "ALTER TABLE t CHANGE x y DATE", "?");
    gives(ABC, "ALTER TABLE t DROP a, DROP b, DROP c", "?");
}

static void keys_come_and_go(void **state)
{
    (void)state;
    gives(ABC, "ALTER TABLE t DROP PRIMARY KEY", "a int(11)!, b int(11), c varchar(9)@latin1");
    gives(ABC, "ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (c, a)", "a int(11)*2!, b int(11), c varchar(9)@latin1*1!");
    gives(ABC, "ALTER TABLE t DROP a, ADD x INT KEY FIRST", "x int(11)*1!, b int(11), c varchar(9)@latin1");
    gives("CREATE TABLE t (a INT, b INT, c INT, PRIMARY KEY (c, b, a))", "ALTER TABLE t DROP b", "a int(11)*2!, c int(11)*1!");
    gives("CREATE TABLE t (a INT, b INT, PRIMARY KEY (b))", "ALTER TABLE t RENAME COLUMN b TO z", "a int(11), z int(11)*1!");
    gives(ABC, "ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (x)", "?");
    gives("CREATE TABLE t (a INT)", "ALTER TABLE t ADD CONSTRAINT PRIMARY KEY (A)", "a int(11)*1!");
}

static void texts_are_converted(void **state)
{
    (void)state;
    gives("CREATE TABLE t (a TEXT, b CHAR(3), c BLOB, e ENUM('ä'), i INT, l VARCHAR(9) CHARSET gbk, j JSON) CHARSET latin1",
          "ALTER TABLE t CONVERT TO CHARACTER SET utf8",
          "a mediumtext@utf8mb3, b char(3)@utf8mb3, c blob, e enum('ä')@utf8mb3, i int(11), l varchar(9)@utf8mb3, j longtext@utf8mb4 json");
    gives(ABC, "ALTER TABLE t CONVERT TO CHARACTER SET binary", "a int(11)*1!, b int(11), c varbinary(9)");
    gives(ABC, "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4, ADD x TEXT", "a int(11)*1!, b int(11), c varchar(9)@utf8mb4, x text@utf8mb4");
    gives(ABC, "ALTER TABLE t CONVERT TO CHARACTER SET DEFAULT", "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_made),
        cmocka_unit_test(columns_are_added_where_the_statement_says),
        cmocka_unit_test(columns_are_dropped_and_changed),
        cmocka_unit_test(keys_come_and_go),
        cmocka_unit_test(texts_are_converted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
