#include <kit/binlog.h>
#include <kit/cmocka.h>
#include <stdlib.h>

struct bench {
    struct leat_bytes bytes;
    struct leat_binlog_format format;
    struct leat_binlog_event ev;
    struct leat_error err;
};

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    leat_bytes_init(&bench->bytes, 1 << 20);
    bench->format = kit_binlog_format();
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    leat_bytes_fini(&bench->bytes);
    free(bench);
    return 0;
}

/* Ends the event and takes it in. */
static enum leat_status take(struct bench *b)
{
    kit_event_end(&b->bytes, b->format.has_checksum);
    return leat_binlog_event(&b->ev, &b->format, b->bytes.data, b->bytes.len, true, &b->err);
}

#define TAKE(b) assert_status(take(b), LEAT_OK, &(b)->err)

static void put_format(struct bench *b, const char *server, uint8_t algorithm)
{
    char version[50] = {0};
    strncpy(version, server, sizeof version - 1);
    kit_event_begin(&b->bytes, LEAT_BINLOG_FORMAT);
    leat_bytes_u16(&b->bytes, 4);
    leat_bytes_add(&b->bytes, version, sizeof version);
    leat_bytes_u32(&b->bytes, 0);
    leat_bytes_put(&b->bytes, LEAT_BINLOG_HEADER);
    for (uint8_t type = 1; type <= 40; type++)
        leat_bytes_put(&b->bytes, type); /* post-header lengths: their own number, to be known again */
    leat_bytes_put(&b->bytes, algorithm);
    b->format = (struct leat_binlog_format){0};
    kit_event_end(&b->bytes, true);
}

static void header_fields_come_apart(void **state)
{
    struct bench *b = *state;
    kit_event_begin(&b->bytes, LEAT_BINLOG_XID);
    leat_bytes_u64(&b->bytes, 99);
    TAKE(b);
    assert_int_equal(b->ev.time_s, 1700000000);
    assert_int_equal(b->ev.server_id, 7);
    assert_int_equal(b->ev.log_pos, 4711);
    assert_int_equal(b->ev.length, 27);
    uint64_t xid;
    assert_true(leat_binlog_xid(&b->ev, &xid));
    assert_true(xid == 99);
}

static void a_length_that_is_not_the_events_is_refused(void **state)
{
    struct bench *b = *state;
    kit_event_begin(&b->bytes, LEAT_BINLOG_XID);
    leat_bytes_u64(&b->bytes, 99);
    kit_event_end(&b->bytes, false);
    for (size_t len = 0; len < b->bytes.len; len++)
        assert_status(leat_binlog_event(&b->ev, &b->format, b->bytes.data, len, true, &b->err), LEAT_STOP,
                      &b->err);
}

static void format_tells_checksum_and_flavour(void **state)
{
    struct bench *b = *state;
    put_format(b, "10.11.6-MariaDB-log", 1);
    assert_status(leat_binlog_event(&b->ev, &b->format, b->bytes.data, b->bytes.len, true, &b->err), LEAT_OK,
                  &b->err);
    assert_status(leat_binlog_format(&b->format, &b->ev, &b->err), LEAT_OK, &b->err);
    assert_true(b->format.is_mariadb && b->format.has_checksum);
    assert_int_equal(b->format.post_count, 40);
    assert_int_equal(b->format.post_header[LEAT_BINLOG_TABLE_MAP], LEAT_BINLOG_TABLE_MAP);
    put_format(b, "8.0.36", 0);
    assert_status(leat_binlog_event(&b->ev, &b->format, b->bytes.data, b->bytes.len, true, &b->err), LEAT_OK,
                  &b->err);
    assert_status(leat_binlog_format(&b->format, &b->ev, &b->err), LEAT_OK, &b->err);
    assert_false(b->format.is_mariadb || b->format.has_checksum);
}

static void an_unknown_checksum_algorithm_is_refused(void **state)
{
    struct bench *b = *state;
    put_format(b, "8.0.36", 2);
    assert_status(leat_binlog_event(&b->ev, &b->format, b->bytes.data, b->bytes.len, true, &b->err), LEAT_OK,
                  &b->err);
    assert_status(leat_binlog_format(&b->format, &b->ev, &b->err), LEAT_STOP, &b->err);
}

static void a_changed_bit_is_seen_by_the_checksum(void **state)
{
    struct bench *b = *state;
    b->format.has_checksum = true;
    kit_event_begin(&b->bytes, LEAT_BINLOG_XID);
    leat_bytes_u64(&b->bytes, 99);
    TAKE(b);
    assert_int_equal(b->ev.body.end - b->ev.body.at, 8);
    for (size_t i = LEAT_BINLOG_HEADER; i < b->bytes.len; i++) {
        b->bytes.data[i] ^= 1;
        assert_status(leat_binlog_event(&b->ev, &b->format, b->bytes.data, b->bytes.len, true, &b->err),
                      LEAT_RETRY, &b->err);
        b->bytes.data[i] ^= 1;
    }
}

static void rotate_names_the_next_file(void **state)
{
    struct bench *b = *state;
    struct leat_binlog_rotate rotate;
    kit_event_begin(&b->bytes, LEAT_BINLOG_ROTATE);
    leat_bytes_u64(&b->bytes, 4);
    leat_bytes_text(&b->bytes, "bin.000002");
    TAKE(b);
    assert_true(leat_binlog_rotate(&b->ev, &rotate));
    assert_true(rotate.pos == 4 && rotate.file_len == 10);
    assert_memory_equal(rotate.file, "bin.000002", 10);
}

static void the_first_rotate_has_its_checksum_taken_off_before_any_format_says_so(void **state)
{
    struct bench *b = *state;
    struct leat_binlog_rotate rotate;
    b->format = (struct leat_binlog_format){0};
    for (int has_checksum = 0; has_checksum < 2; has_checksum++) {
        kit_event_begin(&b->bytes, LEAT_BINLOG_ROTATE);
        leat_bytes_u64(&b->bytes, 4);
        leat_bytes_text(&b->bytes, "bin.000002");
        kit_event_end(&b->bytes, has_checksum);
        assert_status(leat_binlog_event(&b->ev, &b->format, b->bytes.data, b->bytes.len, true, &b->err), LEAT_OK, &b->err);
        assert_true(leat_binlog_rotate(&b->ev, &rotate));
        assert_int_equal(rotate.file_len, 10);
    }
}

static void put_query_head(struct bench *b, uint8_t type)
{
    static const uint8_t vars[] = {0, 0, 0, 0, 0, 1, 0x20, 0, 0, 0, 0, 0, 0, 0, 6, 3, 's', 't', 'd',
                                   4, 45, 0, 45, 0, 45, 0, 12, 1};
    kit_event_begin(&b->bytes, type);
    leat_bytes_u32(&b->bytes, 31);
    leat_bytes_u32(&b->bytes, 2);
    leat_bytes_put(&b->bytes, 4);
    leat_bytes_u16(&b->bytes, 0);
    leat_bytes_u16(&b->bytes, sizeof vars);
    leat_bytes_add(&b->bytes, vars, sizeof vars);
    leat_bytes_add(&b->bytes, "shop", 5);
}

static void query_gives_statement_database_and_charset(void **state)
{
    struct bench *b = *state;
    struct leat_binlog_query query;
    put_query_head(b, LEAT_BINLOG_QUERY);
    leat_bytes_text(&b->bytes, "DROP TABLE x");
    TAKE(b);
    assert_true(leat_binlog_query(&b->ev, &b->format, NULL, &query));
    assert_int_equal(query.thread, 31);
    assert_int_equal(query.seconds, 2);
    assert_int_equal(query.charset, 45);
    assert_true(query.has_sql_mode && query.sql_mode == 0x20);
    assert_int_equal(query.database_len, 4);
    assert_memory_equal(query.database, "shop", 4);
    assert_int_equal(query.text_len, 12);
    assert_memory_equal(query.text, "DROP TABLE x", 12);
}

static void compressed_query_inflates(void **state)
{
    struct bench *b = *state;
    struct leat_binlog_query query;
    struct leat_bytes room;
    char text[500], packed[600];
    memset(text, 'q', sizeof text);
    uLongf packed_len = sizeof packed;
    assert_int_equal(compress((Bytef *)packed, &packed_len, (const Bytef *)text, sizeof text), Z_OK);
    leat_bytes_init(&room, 1 << 20);
    put_query_head(b, LEAT_BINLOG_QUERY_COMPRESSED);
    leat_bytes_put(&b->bytes, 0x82);
    leat_bytes_put(&b->bytes, 500 >> 8);
    leat_bytes_put(&b->bytes, 500 & 255);
    leat_bytes_add(&b->bytes, packed, packed_len);
    TAKE(b);
    assert_true(leat_binlog_query(&b->ev, &b->format, &room, &query));
    assert_int_equal(query.text_len, 500);
    assert_memory_equal(query.text, text, 500);
    b->ev.body.end--;
    assert_false(leat_binlog_query(&b->ev, &b->format, &room, &query));
    leat_bytes_fini(&room);
}

static void mariadb_gtid_has_domain_and_flags(void **state)
{
    struct bench *b = *state;
    struct leat_binlog_gtid gtid;
    kit_event_begin(&b->bytes, LEAT_BINLOG_MARIA_GTID);
    leat_bytes_u64(&b->bytes, 48210);
    leat_bytes_u32(&b->bytes, 3);
    leat_bytes_put(&b->bytes, 0x21);
    TAKE(b);
    assert_true(leat_binlog_gtid(&b->ev, &gtid));
    assert_true(gtid.domain == 3 && gtid.server == 7 && gtid.seq == 48210);
    assert_true(gtid.is_standalone && gtid.is_ddl && !gtid.is_xa_prepare && !gtid.is_xa_commit);
}

static bool maria_is_undecided(struct bench *b, uint8_t flags, const char *tail, size_t len)
{
    struct leat_binlog_gtid gtid;
    kit_event_begin(&b->bytes, LEAT_BINLOG_MARIA_GTID);
    leat_bytes_u64(&b->bytes, 48210);
    leat_bytes_u32(&b->bytes, 3);
    leat_bytes_put(&b->bytes, flags);
    leat_bytes_add(&b->bytes, tail, len);
    TAKE(b);
    assert_true(leat_binlog_gtid(&b->ev, &gtid));
    return gtid.is_undecided;
}

static void an_alter_counts_when_it_commits(void **state)
{
    struct bench *b = *state;
    assert_true(maria_is_undecided(b, 0x21, "\2", 1));                      /* START */
    assert_false(maria_is_undecided(b, 0x21, "\4\1\0\0\0\0\0\0\0", 9)); /* COMMIT, and of which START */
    assert_true(maria_is_undecided(b, 0x21, "\x08\1\0\0\0\0\0\0\0", 9)); /* ROLLBACK */
    assert_true(maria_is_undecided(b, 0x23, "\0\0\0\0\0\0\0\0\2", 9));  /* behind a commit's id */
    assert_false(maria_is_undecided(b, 0x23, "\2\2\2\2\2\2\2\2", 8));
    assert_true(maria_is_undecided(b, 0x41, "\0\0\0\0\1\2abc\2", 10)); /* behind an XID */
    assert_false(maria_is_undecided(b, 0x21, "\0\0\0\0\0\0", 6));
}

static void mysql_gtid_has_uuid_number_time_and_length(void **state)
{
    struct bench *b = *state;
    struct leat_binlog_gtid gtid;
    uint64_t commit_us = UINT64_C(1700000000123456);
    kit_event_begin(&b->bytes, LEAT_BINLOG_GTID);
    leat_bytes_put(&b->bytes, 1);
    leat_bytes_add(&b->bytes, "0123456789abcdef", 16);
    leat_bytes_u64(&b->bytes, 12);
    leat_bytes_put(&b->bytes, 2);
    leat_bytes_u64(&b->bytes, 5);
    leat_bytes_u64(&b->bytes, 6);
    leat_bytes_add(&b->bytes, &commit_us, 7);
    leat_bytes_put(&b->bytes, 0xfc);
    leat_bytes_u16(&b->bytes, 1234);
    TAKE(b);
    assert_true(leat_binlog_gtid(&b->ev, &gtid));
    assert_memory_equal(gtid.uuid, "0123456789abcdef", 16);
    assert_true(gtid.seq == 12 && !gtid.is_anonymous);
    assert_true(gtid.commit_us == (int64_t)commit_us);
    assert_true(gtid.length == 1234);
}

static void heartbeats_say_where_the_server_is(void **state)
{
    struct bench *b = *state;
    struct leat_binlog_rotate at;
    kit_event_begin(&b->bytes, LEAT_BINLOG_HEARTBEAT);
    leat_bytes_text(&b->bytes, "bin.000007");
    TAKE(b);
    assert_true(leat_binlog_heartbeat(&b->ev, &at));
    assert_true(at.pos == 4711 && at.file_len == 10);
    kit_event_begin(&b->bytes, LEAT_BINLOG_HEARTBEAT_V2);
    leat_bytes_add(&b->bytes, "\1\3abc\2\x09\xfe\0\0\0\0\1\0\0\0\0", 17);
    TAKE(b);
    assert_true(leat_binlog_heartbeat(&b->ev, &at));
    assert_true(at.pos == UINT64_C(1) << 32 && at.file_len == 3);
}

static void incident_and_annotate_have_texts(void **state)
{
    struct bench *b = *state;
    const char *text;
    size_t len;
    uint16_t kind;
    kit_event_begin(&b->bytes, LEAT_BINLOG_INCIDENT);
    leat_bytes_u16(&b->bytes, 1);
    leat_bytes_add(&b->bytes, "\4lost", 5);
    TAKE(b);
    assert_true(leat_binlog_incident(&b->ev, &kind, &text, &len));
    assert_true(kind == 1 && len == 4 && memcmp(text, "lost", 4) == 0);
    kit_event_begin(&b->bytes, LEAT_BINLOG_ANNOTATE);
    leat_bytes_text(&b->bytes, "INSERT");
    TAKE(b);
    assert_true(leat_binlog_statement(&b->ev, &text, &len));
    assert_true(len == 6 && memcmp(text, "INSERT", 6) == 0);
}

static void only_what_loses_nothing_may_be_skipped(void **state)
{
    struct bench *b = *state;
    const uint8_t needed[] = {LEAT_BINLOG_QUERY, LEAT_BINLOG_TABLE_MAP, LEAT_BINLOG_WRITE_V2, LEAT_BINLOG_PAYLOAD,
                              LEAT_BINLOG_INCIDENT, LEAT_BINLOG_START_ENCRYPTION, LEAT_BINLOG_PARTIAL_ROW_DATA,
                              LEAT_BINLOG_XA_PREPARE, 99};
    for (size_t i = 0; i < sizeof needed; i++) {
        b->ev = (struct leat_binlog_event){.type = needed[i]};
        assert_false(leat_binlog_may_skip(&b->ev));
    }
    b->ev = (struct leat_binlog_event){.type = 99, .flags = LEAT_BINLOG_MAY_IGNORE};
    assert_true(leat_binlog_may_skip(&b->ev));
    b->ev = (struct leat_binlog_event){.type = LEAT_BINLOG_CHECKPOINT};
    assert_true(leat_binlog_may_skip(&b->ev));
    assert_string_equal(leat_binlog_type_name(LEAT_BINLOG_PAYLOAD), "TRANSACTION_PAYLOAD");
    assert_string_equal(leat_binlog_type_name(255), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(header_fields_come_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_length_that_is_not_the_events_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(format_tells_checksum_and_flavour, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_checksum_algorithm_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_bit_is_seen_by_the_checksum, setup, teardown),
        cmocka_unit_test_setup_teardown(rotate_names_the_next_file, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_rotate_has_its_checksum_taken_off_before_any_format_says_so, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(query_gives_statement_database_and_charset, setup, teardown),
        cmocka_unit_test_setup_teardown(compressed_query_inflates, setup, teardown),
        cmocka_unit_test_setup_teardown(mariadb_gtid_has_domain_and_flags, setup, teardown),
        cmocka_unit_test_setup_teardown(an_alter_counts_when_it_commits, setup, teardown),
        cmocka_unit_test_setup_teardown(mysql_gtid_has_uuid_number_time_and_length, setup, teardown),
        cmocka_unit_test_setup_teardown(heartbeats_say_where_the_server_is, setup, teardown),
        cmocka_unit_test_setup_teardown(incident_and_annotate_have_texts, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_loses_nothing_may_be_skipped, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
