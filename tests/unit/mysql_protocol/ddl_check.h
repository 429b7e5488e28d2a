/* ddl_check.h - what the scanner finds in a statement, as one line to compare with.
 *
 *   create t(+a int(11)!, +b varchar(9)@latin1) key(a) cs=utf8mb4
 *   alter d.t(+x int after id, -y, a>b text{40}, c=d) nokey ??        ?? unclear    ~ rows come or go
 *   rename a>b; drop c?; truncate t; dropdb d; db d cs=latin1         ? IF EXISTS
 */
#ifndef DDL_CHECK_H
#define DDL_CHECK_H

#include <base/buffer.h>
#include <kit/cmocka.h>
#include <mysql_protocol/ddl.h>

static inline void print_name(struct leat_bytes *out, const struct leat_ddl_name *name)
{
    if (name->database)
        leat_bytes_printf(out, "%s%s", name->database, name->table ? "." : "");
    if (name->table)
        leat_bytes_text(out, name->table);
}

static inline void print_column(struct leat_bytes *out, const struct leat_ddl_column *column)
{
    leat_bytes_printf(out, " %s", column->type ? column->type : "(none)");
    if (column->charset && column->charset[0])
        leat_bytes_printf(out, "@%s", column->charset);
    if (column->length)
        leat_bytes_printf(out, "{%llu}", (unsigned long long)column->length);
    leat_bytes_printf(out, "%s%s%s", column->is_json ? " json" : "", column->is_nullable ? "" : "!", column->is_key ? "*" : "");
}

static inline void print_change(struct leat_bytes *out, const struct leat_ddl_change *change)
{
    const char *name = change->column.name ? change->column.name : "(none)";
    switch (change->kind) {
    case LEAT_DDL_ADD:
        leat_bytes_printf(out, "+%s", name);
        break;
    case LEAT_DDL_DROP:
        leat_bytes_printf(out, "-%s", change->old);
        break;
    case LEAT_DDL_CHANGE:
        leat_bytes_printf(out, "%s>%s", change->old, name);
        break;
    case LEAT_DDL_RENAME_COLUMN:
        leat_bytes_printf(out, "%s=%s", change->old, name);
        break;
    }
    if (change->kind == LEAT_DDL_ADD || change->kind == LEAT_DDL_CHANGE)
        print_column(out, &change->column);
    if (change->place == LEAT_DDL_FIRST)
        leat_bytes_text(out, " first");
    if (change->place == LEAT_DDL_AFTER)
        leat_bytes_printf(out, " after %s", change->after);
    leat_bytes_text(out, change->is_conditional ? "?" : "");
}

static inline void print_step(struct leat_bytes *out, const struct leat_ddl_step *step)
{
    static const char *const kinds[] = {"create", "alter", "rename", "drop", "truncate", "db", "dropdb"};
    leat_bytes_printf(out, "%s ", kinds[step->kind]);
    print_name(out, &step->name);
    if (step->other.table) {
        leat_bytes_text(out, step->kind == LEAT_DDL_RENAME ? ">" : " like ");
        print_name(out, &step->other);
    }
    for (uint32_t i = 0; i < step->change_count; i++) {
        leat_bytes_text(out, i == 0 ? "(" : ", ");
        print_change(out, &step->changes[i]);
    }
    leat_bytes_text(out, step->change_count ? ")" : "");
    for (uint32_t i = 0; i < step->key_count; i++)
        leat_bytes_printf(out, "%s%s", i ? "," : " key(", step->key[i]);
    leat_bytes_printf(out, "%s%s", step->key_count ? ")" : "", step->drops_key ? " nokey" : "");
    if (step->charset)
        leat_bytes_printf(out, " cs=%s", step->charset);
    if (step->convert_to)
        leat_bytes_printf(out, " to=%s", step->convert_to);
    leat_bytes_printf(out, "%s%s%s%s", step->replaces ? " replace" : "", step->is_conditional ? "?" : "",
                      step->loses_rows ? " ~" : "", step->is_unclear ? " ??" : "");
}

/* Terminated. */
static inline void print_ddl(struct leat_bytes *out, const struct leat_ddl *ddl)
{
    leat_bytes_clear(out);
    for (const struct leat_ddl_step *step = ddl->steps; step; step = step->next) {
        leat_bytes_text(out, step == ddl->steps ? "" : "; ");
        print_step(out, step);
    }
    leat_bytes_text(out, ddl->is_bad ? " BAD" : "");
    leat_bytes_put(out, 0);
}

#define MARIADB 101106, true
#define MYSQL 80033, false

static int problems;

static inline void reads_as(const char *statement, uint64_t sql_mode, uint32_t version, bool is_mariadb, const char *wanted)
{
    struct leat_arena arena;
    struct leat_bytes out;
    struct leat_ddl ddl;
    leat_arena_init(&arena, 0);
    leat_bytes_init(&out, 1 << 20);
    leat_ddl_read(&ddl, statement, strlen(statement), sql_mode, version, is_mariadb, &arena);
    print_ddl(&out, &ddl);
    if (strcmp((char *)out.data, wanted) != 0) {
        print_error("%s\n  reads as %s\n  wanted   %s\n", statement, (char *)out.data, wanted);
        problems++;
    }
    leat_bytes_fini(&out);
    leat_arena_fini(&arena);
}

#define MARIA(statement, wanted) reads_as(statement, 0, MARIADB, wanted)
#define MY(statement, wanted) reads_as(statement, 0, MYSQL, wanted)
#define BOTH(statement, wanted) (MARIA(statement, wanted), MY(statement, wanted))

static inline void none_is_left(void)
{
    int found = problems;
    problems = 0;
    assert_int_equal(found, 0);
}

#endif
