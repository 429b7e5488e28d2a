#include <kit/binlog.h>
#include <kit/cmocka.h>
#include <mysql_protocol/payload.h>
#include <stdlib.h>
#include <zstd.h>

struct bench {
    struct leat_bytes inner, one, outer;
    struct leat_binlog_format format;
    struct leat_binlog_event ev;
    struct leat_error err;
};

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    leat_bytes_init(&bench->inner, 64 << 20);
    leat_bytes_init(&bench->one, 64 << 20);
    leat_bytes_init(&bench->outer, 64 << 20);
    bench->format = kit_binlog_format();
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    leat_bytes_fini(&bench->inner);
    leat_bytes_fini(&bench->one);
    leat_bytes_fini(&bench->outer);
    free(bench);
    return 0;
}

/* XID events 0, 1, 2 ..., and between them statements of `size` letters. */
static void put_events(struct bench *b, int count, size_t size)
{
    for (int i = 0; i < count; i++) {
        kit_event_begin(&b->one, i % 2 ? LEAT_BINLOG_ANNOTATE : LEAT_BINLOG_XID);
        if (i % 2)
            for (size_t j = 0; j < size; j++)
                leat_bytes_put(&b->one, (uint8_t)('a' + (j * j + (size_t)i) % 26));
        else
            leat_bytes_u64(&b->one, (uint64_t)i);
        kit_event_end(&b->one, false);
        leat_bytes_add(&b->inner, b->one.data, b->one.len);
    }
}

static void put_field(struct leat_bytes *out, uint8_t type, uint64_t value)
{
    leat_bytes_put(out, type);
    leat_bytes_put(out, 9);
    leat_bytes_put(out, 0xfe);
    leat_bytes_u64(out, value);
}

/* The event around `len` bytes of `inner`, compressed or not. */
static void wrap(struct bench *b, bool is_compressed)
{
    size_t len = b->inner.len;
    const uint8_t *bytes = b->inner.data;
    uint8_t *packed = malloc(ZSTD_compressBound(len));
    if (is_compressed) {
        len = ZSTD_compress(packed, ZSTD_compressBound(len), b->inner.data, len, 3);
        assert_false(ZSTD_isError(len));
        bytes = packed;
    }
    kit_event_begin(&b->outer, LEAT_BINLOG_PAYLOAD);
    put_field(&b->outer, 2, is_compressed ? 0 : 255);
    put_field(&b->outer, 3, b->inner.len);
    put_field(&b->outer, 1, len);
    leat_bytes_put(&b->outer, 0);
    leat_bytes_add(&b->outer, bytes, len);
    free(packed);
    kit_event_end(&b->outer, b->format.has_checksum);
}

static int count_events(struct bench *b, enum leat_status wanted_end)
{
    struct leat_payload payload;
    struct leat_binlog_event inner;
    int count = 0;
    uint64_t xid;
    assert_status(leat_binlog_event(&b->ev, &b->format, b->outer.data, b->outer.len, true, &b->err), LEAT_OK, &b->err);
    enum leat_status status = leat_payload_open(&payload, &b->ev, &b->format, &b->err);
    while (status == LEAT_OK && (status = leat_payload_next(&payload, &inner, &b->err)) == LEAT_OK) {
        assert_int_equal(inner.type, count % 2 ? LEAT_BINLOG_ANNOTATE : LEAT_BINLOG_XID);
        if (count % 2 == 0) {
            assert_true(leat_binlog_xid(&inner, &xid));
            assert_true(xid == (uint64_t)count);
        }
        count++;
    }
    leat_payload_close(&payload);
    assert_status(status, wanted_end, &b->err);
    return count;
}

static void events_inside_come_out_in_order(void **state)
{
    struct bench *b = *state;
    b->format.has_checksum = true; /* outside; inside there are none */
    put_events(b, 101, 100);
    wrap(b, true);
    assert_int_equal(count_events(b, LEAT_EOF), 101);
    wrap(b, false);
    assert_int_equal(count_events(b, LEAT_EOF), 101);
}

static void large_events_come_out_whole(void **state)
{
    struct bench *b = *state;
    put_events(b, 5, 3 << 20);
    wrap(b, true);
    assert_int_equal(count_events(b, LEAT_EOF), 5);
}

static void an_empty_payload_is_empty(void **state)
{
    struct bench *b = *state;
    leat_bytes_reserve(&b->inner, 1);
    wrap(b, true);
    assert_int_equal(count_events(b, LEAT_EOF), 0);
}

static void a_payload_that_ends_inside_an_event_is_damaged(void **state)
{
    struct bench *b = *state;
    put_events(b, 3, 10);
    size_t whole = b->inner.len;
    for (size_t len = 1; len < whole; len++) {
        bool is_between = len == 27 || len == 27 + 29;
        b->inner.len = len;
        wrap(b, true);
        count_events(b, is_between ? LEAT_EOF : LEAT_STOP);
    }
}

static void a_compressed_run_cut_short_is_damaged(void **state)
{
    struct bench *b = *state;
    put_events(b, 41, 50);
    wrap(b, true);
    size_t head = LEAT_BINLOG_HEADER + 3 * 11 + 1, whole = b->outer.len - head;
    for (size_t len = 0; len < whole; len++) {
        b->outer.len = head + len;
        leat_set_u32(b->outer.data + 9, (uint32_t)b->outer.len);
        leat_set_u64(b->outer.data + head - 9, len);
        count_events(b, LEAT_STOP);
    }
}

static void an_unknown_compression_is_named(void **state)
{
    struct bench *b = *state;
    put_events(b, 1, 1);
    wrap(b, false);
    b->outer.data[LEAT_BINLOG_HEADER + 3] = 7;
    count_events(b, LEAT_STOP);
    assert_non_null(strstr(b->err.text, "unsupported: TRANSACTION_PAYLOAD with compression 7"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(events_inside_come_out_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(large_events_come_out_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_payload_is_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(a_payload_that_ends_inside_an_event_is_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(a_compressed_run_cut_short_is_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_compression_is_named, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
