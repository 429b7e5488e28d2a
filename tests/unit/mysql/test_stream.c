/* Where the stream takes itself to be, for events that carry no rows. */
// packages: mariadb
#include <kit/binlog.h>
#include <kit/cmocka.h>
#include <base/memory.h>
#include <model/batch.h>
#include <mysql/stream.h>
#include <stdlib.h>

struct bench {
    struct tables tables;
    struct stream stream;
    struct xa xa;
    struct leat_batch *batch;
    struct leat_bytes bytes;
    struct leat_error err;
    uint32_t log_pos; /* of the events that come */
};

static const struct leat_list patterns = {.items = (const char *const[]){"shop.*"}, .count = 1};

static void feed(struct bench *b, bool is_artificial)
{
    leat_set_u32(b->bytes.data + 13, is_artificial ? 0 : b->log_pos);
    leat_set_u16(b->bytes.data + 17, is_artificial ? LEAT_BINLOG_ARTIFICIAL : 0);
    kit_event_end(&b->bytes, b->stream.format.has_checksum);
    assert_status(stream_event(&b->stream, b->batch, b->bytes.data, b->bytes.len, &b->err), LEAT_OK, &b->err);
}

static void feed_rotate(struct bench *b, const char *file, uint64_t pos, bool is_artificial)
{
    kit_event_begin(&b->bytes, LEAT_BINLOG_ROTATE);
    leat_bytes_u64(&b->bytes, pos);
    leat_bytes_text(&b->bytes, file);
    feed(b, is_artificial);
}

static void feed_format(struct bench *b, const char *server)
{
    char version[50] = {0};
    struct leat_binlog_format format = kit_binlog_format();
    strncpy(version, server, sizeof version - 1);
    kit_event_begin(&b->bytes, LEAT_BINLOG_FORMAT);
    leat_bytes_u16(&b->bytes, 4);
    leat_bytes_add(&b->bytes, version, sizeof version);
    leat_bytes_u32(&b->bytes, 0);
    leat_bytes_put(&b->bytes, LEAT_BINLOG_HEADER);
    leat_bytes_add(&b->bytes, format.post_header + 1, 42);
    leat_bytes_put(&b->bytes, 0); /* no checksums */
    leat_set_u16(b->bytes.data + 17, LEAT_BINLOG_ARTIFICIAL);
    leat_set_u32(b->bytes.data + 13, 0);
    kit_event_end(&b->bytes, true);
    assert_status(stream_event(&b->stream, b->batch, b->bytes.data, b->bytes.len, &b->err), LEAT_OK, &b->err);
}

static uint32_t feed_text(struct bench *b, uint8_t type, const char *text)
{
    kit_event_begin(&b->bytes, type);
    leat_bytes_text(&b->bytes, text);
    feed(b, false);
    return (uint32_t)b->bytes.len;
}

static void feed_query(struct bench *b, const char *text)
{
    kit_event_begin(&b->bytes, LEAT_BINLOG_QUERY);
    leat_bytes_add(&b->bytes, "\1\0\0\0\0\0\0\0\0\0\0\0\0", 13); /* no database, no variables */
    leat_bytes_put(&b->bytes, 0);
    leat_bytes_text(&b->bytes, text);
    feed(b, false);
}

static void feed_maria_gtid_of(struct bench *b, uint64_t seq, uint8_t flags, uint8_t extra)
{
    kit_event_begin(&b->bytes, LEAT_BINLOG_MARIA_GTID);
    leat_bytes_u64(&b->bytes, seq);
    leat_bytes_u32(&b->bytes, 0);
    leat_bytes_put(&b->bytes, flags);
    leat_bytes_put(&b->bytes, extra);
    leat_bytes_add(&b->bytes, "\0\0\0\0\0", 5);
    feed(b, false);
}

static void feed_maria_gtid(struct bench *b, uint64_t seq)
{
    feed_maria_gtid_of(b, seq, 0, 0);
}

static void feed_mysql_gtid(struct bench *b, uint64_t number)
{
    kit_event_begin(&b->bytes, LEAT_BINLOG_GTID);
    leat_bytes_add(&b->bytes, "\0aaaabbbbccccdddd", 17);
    leat_bytes_u64(&b->bytes, number);
    feed(b, false);
}

static void feed_xid(struct bench *b)
{
    kit_event_begin(&b->bytes, LEAT_BINLOG_XID);
    leat_bytes_u64(&b->bytes, 1);
    feed(b, false);
}

static int start(void **state, const char *server, uint64_t pos)
{
    struct bench *b = leat_calloc(1, sizeof *b);
    struct position from;
    bool is_mariadb = strstr(server, "MariaDB") != NULL;
    leat_bytes_init(&b->bytes, 1 << 20);
    b->batch = leat_batch_new(1 << 20, 1000);
    tables_init(&b->tables, NULL, NULL, &patterns, false, is_mariadb);
    xa_init(&b->xa);
    position_init(&from);
    strcpy(from.file, "bin.000007");
    from.pos = pos;
    stream_init(&b->stream, &b->tables, &from, "here", true);
    b->stream.xa = &b->xa;
    position_fini(&from);
    stream_begin_batch(&b->stream);
    feed_rotate(b, "bin.000007", pos, true);
    feed_format(b, server);
    *state = b;
    return 0;
}

static int maria(void **state)
{
    return start(state, "11.8.2-MariaDB-log", 1000);
}

static int mysql(void **state)
{
    return start(state, "9.7.0", UINT64_C(0x1fffffff0));
}

static int teardown(void **state)
{
    struct bench *b = *state;
    stream_fini(&b->stream);
    xa_fini(&b->xa);
    tables_fini(&b->tables);
    leat_batch_free(b->batch);
    leat_bytes_fini(&b->bytes);
    free(b);
    return 0;
}

static void is_at(struct bench *b, const char *file, uint64_t pos)
{
    assert_string_equal(b->stream.position.file, file);
    assert_int_equal(b->stream.position.pos, pos);
}

static void places_that_the_server_does_not_say_are_counted(void **state)
{
    struct bench *b = *state;
    b->log_pos = 1042;
    feed_maria_gtid(b, 5);
    b->log_pos = 0;
    uint32_t len = feed_text(b, LEAT_BINLOG_ANNOTATE, "INSERT INTO other.t VALUES (1)");
    assert_int_equal(b->stream.pos, 1042 + len);
    is_at(b, "bin.000007", 1000);
    stream_end_batch(&b->stream, b->batch);
    assert_int_equal(b->stream.position.done, 1042 + len);
    b->log_pos = 2000;
    feed_xid(b);
    is_at(b, "bin.000007", 2000);
    stream_end_batch(&b->stream, b->batch);
    assert_int_equal(b->stream.position.done, 0);
}

static void places_beyond_4_gib_go_on_rising(void **state)
{
    struct bench *b = *state;
    b->log_pos = 0xfffffff5;
    feed_mysql_gtid(b, 1);
    assert_int_equal(b->stream.pos, UINT64_C(0x1fffffff5));
    b->log_pos = 70; /* 32 bits of it */
    feed_query(b, "BEGIN");
    assert_int_equal(b->stream.pos, UINT64_C(0x200000046));
    b->log_pos = 170;
    feed_xid(b);
    is_at(b, "bin.000007", UINT64_C(0x2000000aa));
}

static void heartbeats_move_the_place_beyond_4_gib(void **state)
{
    struct bench *b = *state;
    kit_event_begin(&b->bytes, LEAT_BINLOG_HEARTBEAT_V2);
    leat_bytes_add(&b->bytes, "\1\x0a" "bin.000007\2\x09\xfe", 15);
    leat_bytes_u64(&b->bytes, UINT64_C(0x345678901));
    leat_bytes_put(&b->bytes, 0);
    feed(b, true);
    is_at(b, "bin.000007", UINT64_C(0x345678901));
    kit_event_begin(&b->bytes, LEAT_BINLOG_HEARTBEAT);
    leat_bytes_text(&b->bytes, "bin.000007");
    b->log_pos = 0x45678a00;
    leat_set_u32(b->bytes.data + 13, b->log_pos);
    leat_set_u16(b->bytes.data + 17, LEAT_BINLOG_ARTIFICIAL);
    kit_event_end(&b->bytes, false);
    assert_status(stream_event(&b->stream, b->batch, b->bytes.data, b->bytes.len, &b->err), LEAT_OK, &b->err);
    is_at(b, "bin.000007", UINT64_C(0x345678a00));
    feed_rotate(b, "bin.000008", 4, true);
    is_at(b, "bin.000008", 4);
}

static void a_gtid_counts_at_the_commit_of_its_transaction(void **state)
{
    struct bench *b = *state;
    struct leat_bytes text;
    b->stream.position.gtids.kind = GTIDS_SET;
    b->log_pos = 0xfffffff9;
    feed_mysql_gtid(b, 41);
    feed_query(b, "BEGIN");
    assert_true(leat_gtid_set_is_empty(&b->stream.position.gtids.set));
    feed_xid(b);
    leat_bytes_init(&text, 1000);
    gtids_print(&b->stream.position.gtids, &text);
    leat_bytes_put(&text, 0);
    assert_string_equal((char *)text.data, "61616161-6262-6262-6363-636364646464:41");
    leat_bytes_fini(&text);
}

static void a_prepared_transaction_is_kept_until_its_end_is_known(void **state)
{
    struct bench *b = *state;
    b->log_pos = 0xfffffff9;
    feed_mysql_gtid(b, 1);
    feed_query(b, "XA START X'61',X'',1");
    assert_non_null(b->xa.now);
    feed_query(b, "XA END X'61',X'',1");
    kit_event_begin(&b->bytes, LEAT_BINLOG_XA_PREPARE);
    leat_bytes_add(&b->bytes, "\0\1\0\0\0\1\0\0\0\0\0\0\0a", 14);
    feed(b, false);
    struct xa_group *group = xa_find(&b->xa, "X'61',X'',1");
    assert_true(group && !group->has_rows && group->is_kept && group->place.pos == UINT64_C(0x1fffffff0));
    assert_false(b->stream.is_within);
    b->log_pos = 500;
    feed_mysql_gtid(b, 2);
    feed_query(b, "XA ROLLBACK X'61',X'',1");
    assert_null(xa_find(&b->xa, "X'61',X'',1"));
    assert_int_equal(b->xa.kept_bytes, 0);
    is_at(b, "bin.000007", UINT64_C(0x2000001f4));
    stream_end_batch(&b->stream, b->batch); /* its key goes from the position */
    assert_int_equal(b->xa.gone.count, 0);
}

static void feed_ddl(struct bench *b, uint8_t extra, const char *text)
{
    b->log_pos += 100;
    feed_maria_gtid_of(b, b->log_pos, 0x21, extra);
    b->log_pos += 100;
    feed_query(b, text);
    is_at(b, "bin.000007", b->log_pos);
}

/* Captured, though no pattern says so: it needs no topic. */
static struct table *captured_table(struct bench *b)
{
    struct table *table = tables_find(&b->tables, "crm", 3, "t", 1);
    table->is_captured = true;
    return table;
}

static void first_column_is(const struct table *table, const char *wanted)
{
    assert_true(table->is_known);
    assert_string_equal(table->columns[0].name, wanted);
}

static void an_alter_of_two_phases_counts_when_it_commits(void **state)
{
    enum { START = 2, COMMIT = 4, ROLLBACK = 8 };
    struct bench *b = *state;
    struct table *table = captured_table(b);
    b->log_pos = 1000;
    feed_ddl(b, 0, "CREATE TABLE crm.t (a INT PRIMARY KEY, b INT)");
    first_column_is(table, "a");
    feed_ddl(b, START, "ALTER TABLE crm.t MODIFY a INT AFTER b");
    first_column_is(table, "a");
    feed_ddl(b, ROLLBACK, "ALTER TABLE crm.t MODIFY a INT AFTER b");
    first_column_is(table, "a");
    feed_ddl(b, START, "ALTER TABLE crm.t MODIFY a INT AFTER b");
    feed_ddl(b, COMMIT, "ALTER TABLE crm.t MODIFY a INT AFTER b");
    first_column_is(table, "b");
}

static void a_table_renamed_to_its_own_name_stays(void **state)
{
    struct bench *b = *state;
    struct table *table = captured_table(b);
    b->log_pos = 1000;
    feed_ddl(b, 0, "CREATE TABLE crm.t (a INT PRIMARY KEY, b INT)");
    feed_ddl(b, 0, "ALTER TABLE crm.t ADD c INT FIRST, RENAME TO crm.t");
    first_column_is(table, "c");
    assert_false(table->is_gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(places_that_the_server_does_not_say_are_counted, maria, teardown),
        cmocka_unit_test_setup_teardown(places_beyond_4_gib_go_on_rising, mysql, teardown),
        cmocka_unit_test_setup_teardown(heartbeats_move_the_place_beyond_4_gib, mysql, teardown),
        cmocka_unit_test_setup_teardown(a_gtid_counts_at_the_commit_of_its_transaction, mysql, teardown),
        cmocka_unit_test_setup_teardown(a_prepared_transaction_is_kept_until_its_end_is_known, mysql, teardown),
        cmocka_unit_test_setup_teardown(an_alter_of_two_phases_counts_when_it_commits, maria, teardown),
        cmocka_unit_test_setup_teardown(a_table_renamed_to_its_own_name_stays, maria, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
