/* What a QUERY event's text means: a change that is logged as text must never pass for DDL. */
// packages: mariadb
#include <kit/cmocka.h>
#include <mysql/statement.h>
#include <string.h>

static void is(const char *text, enum statement_kind wanted)
{
    if (statement_read(text, strlen(text)) != wanted)
        fail_msg("%s: %d, not %d", text, (int)statement_read(text, strlen(text)), (int)wanted);
}

static void comments_are_passed_over(void **state)
{
    (void)state;
    is("/*MyService*/ UPDATE t SET a = 1", STATEMENT_CHANGE);
    is("/*M*/ DELETE FROM t", STATEMENT_CHANGE);
    is("/*M!100100 UPDATE */ t SET a = 1", STATEMENT_CHANGE);
    is("/*!50000 INSERT */ INTO t VALUES (1)", STATEMENT_CHANGE);
    is("/* a */ -- b\n# c\nALTER TABLE t ADD a INT", STATEMENT_DDL);
    is("# kept back", STATEMENT_WITHIN);
    is("/*M", STATEMENT_WITHIN);
}

static void what_may_write_is_a_change(void **state)
{
    (void)state;
    is("SELECT f(1)", STATEMENT_CHANGE);
    is("DO f(1)", STATEMENT_CHANGE);
    is("WITH x AS (SELECT 1) DELETE FROM t", STATEMENT_CHANGE);
    is("ANALYZE UPDATE t SET a = 1", STATEMENT_CHANGE);
    is("ANALYZE FORMAT = JSON DELETE FROM t", STATEMENT_CHANGE);
    is("ANALYZE FORMAT=JSON REPLACE t VALUES (1)", STATEMENT_CHANGE);
    is("ANALYZE TABLE t", STATEMENT_WITHIN);
    is("ANALYZE NO_WRITE_TO_BINLOG TABLE t", STATEMENT_WITHIN);
    is("SET STATEMENT max_statement_time = 0 FOR INSERT INTO t VALUES (1)", STATEMENT_CHANGE);
}

static void transactions_begin_and_end(void **state)
{
    (void)state;
    is("BEGIN", STATEMENT_BEGIN);
    is("COMMIT", STATEMENT_COMMIT);
    is("ROLLBACK", STATEMENT_COMMIT);
    is("ROLLBACK TO `a`", STATEMENT_WITHIN);
    is("SAVEPOINT `a`", STATEMENT_WITHIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comments_are_passed_over),
        cmocka_unit_test(what_may_write_is_a_change),
        cmocka_unit_test(transactions_begin_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
