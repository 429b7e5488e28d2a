#include <kit/binlog.h>
#include <kit/cmocka.h>
#include <mysql_protocol/gtid.h>

#define A "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define B "4e11fa47-71ca-11e1-9e33-c80aa9429562"

static const uint8_t a_uuid[16] = {0x3e, 0x11, 0xfa, 0x47, 0x71, 0xca, 0x11, 0xe1,
                                   0x9e, 0x33, 0xc8, 0x0a, 0xa9, 0x42, 0x95, 0x62};

static void parse(struct leat_gtid_set *set, const char *text)
{
    if (!leat_gtid_set_parse(set, text, strlen(text)))
        fail_msg("\"%s\" was refused", text);
}

static void assert_prints(const struct leat_gtid_set *set, const char *text)
{
    struct leat_bytes out;
    leat_bytes_init(&out, 1 << 20);
    leat_gtid_set_print(set, &out);
    leat_bytes_put(&out, 0);
    assert_string_equal((char *)out.data, text);
    leat_bytes_fini(&out);
}

static void a_set_prints_in_its_canonical_form(void **state)
{
    (void)state;
    struct leat_gtid_set set;
    leat_gtid_set_init(&set);
    parse(&set, "");
    assert_true(leat_gtid_set_is_empty(&set));
    assert_prints(&set, "");
    parse(&set, A ":1-5");
    assert_prints(&set, A ":1-5");
    parse(&set, " " B ":7 ,\n" A ":3-4:1:2:9-10 ");
    assert_prints(&set, A ":1-4:9-10," B ":7");
    parse(&set, "3E11FA47-71CA-11E1-9E33-C80AA9429562:5-5:5");
    assert_prints(&set, A ":5");
    parse(&set, A ":1-3:Tag_1:4:9-10," A ":5");
    assert_prints(&set, A ":1-3:5:tag_1:4:9-10");
    leat_gtid_set_fini(&set);
}

static void what_is_not_a_set_is_refused(void **state)
{
    (void)state;
    const char *bad[] = {"x", A ":0", A ":1-", A ":-1", A ":1 2", A ":1x", A ":", "3e11fa47:1", A ":tag", A ":1:tag",
                         A ":9223372036854775807", A ":99999999999999999999", A A ":1",
                         A ":abcdefghijklmnopqrstuvwxyz1234567:1", A ":1;" B ":2"};
    struct leat_gtid_set set;
    leat_gtid_set_init(&set);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        parse(&set, B ":1");
        if (leat_gtid_set_parse(&set, bad[i], strlen(bad[i])))
            fail_msg("\"%s\" was taken", bad[i]);
        assert_true(leat_gtid_set_is_empty(&set));
    }
    leat_gtid_set_fini(&set);
}

static void added_numbers_close_gaps(void **state)
{
    (void)state;
    struct leat_gtid_set set;
    leat_gtid_set_init(&set);
    parse(&set, A ":1-3:5:8-9");
    leat_gtid_set_add(&set, a_uuid, "", 4);
    assert_prints(&set, A ":1-5:8-9");
    leat_gtid_set_add(&set, a_uuid, "", 10);
    leat_gtid_set_add(&set, a_uuid, "", 9);
    leat_gtid_set_add(&set, a_uuid, "x", 1);
    assert_prints(&set, A ":1-5:8-10:x:1");
    leat_gtid_set_add_range(&set, a_uuid, "", 2, 100);
    assert_prints(&set, A ":1-99:x:1");
    assert_true(leat_gtid_set_has(&set, a_uuid, "", 99));
    assert_false(leat_gtid_set_has(&set, a_uuid, "", 100));
    assert_false(leat_gtid_set_has(&set, a_uuid, "y", 1));
    leat_gtid_set_fini(&set);
}

/* A model of bits against the set, with numbers 1..63, over all kinds of steps. */
static void sets_agree_with_a_model_of_bits(void **state)
{
    (void)state;
    struct leat_gtid_set set, other;
    uint64_t model = 0, random = 88172645463325252u;
    leat_gtid_set_init(&set);
    leat_gtid_set_init(&other);
    for (int step = 0; step < 20000; step++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        unsigned first = 1 + (unsigned)(random % 62), len = 1 + (unsigned)(random >> 8) % 6;
        unsigned end = first + len > 63 ? 63 : first + len;
        uint64_t bits = ((UINT64_C(1) << end) - 1) & ~((UINT64_C(1) << first) - 1);
        leat_gtid_set_fini(&other);
        leat_gtid_set_add_range(&other, a_uuid, "", first, end);
        if (random >> 40 & 1) {
            leat_gtid_set_add_set(&set, &other);
            model |= bits;
        } else {
            leat_gtid_set_subtract(&set, &other);
            model &= ~bits;
        }
        assert_true(leat_gtid_set_contains(&set, &other) == ((model & bits) == bits));
        for (unsigned i = 1; i < 64; i++)
            assert_true(leat_gtid_set_has(&set, a_uuid, "", i) == (model >> i & 1));
        assert_true(leat_gtid_set_is_empty(&set) == (model == 0));
    }
    leat_gtid_set_fini(&set);
    leat_gtid_set_fini(&other);
}

static void sets_survive_their_bytes(void **state)
{
    (void)state;
    const char *texts[] = {"", A ":1-5:7", A ":1-5," B ":3-9", A ":1:abc:2-3," B ":zz:9"};
    struct leat_gtid_set set;
    struct leat_bytes bytes;
    leat_gtid_set_init(&set);
    leat_bytes_init(&bytes, 1 << 20);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        parse(&set, texts[i]);
        leat_bytes_clear(&bytes);
        leat_gtid_set_encode(&set, &bytes);
        assert_true(leat_gtid_set_decode(&set, bytes.data, bytes.len));
        assert_prints(&set, texts[i]);
        for (size_t len = 0; len < bytes.len; len++)
            assert_false(leat_gtid_set_decode(&set, bytes.data, len));
    }
    leat_bytes_fini(&bytes);
    leat_gtid_set_fini(&set);
}

static void a_tagless_set_is_in_the_form_of_older_servers(void **state)
{
    (void)state;
    struct leat_gtid_set set;
    struct leat_bytes bytes;
    leat_gtid_set_init(&set);
    leat_bytes_init(&bytes, 1 << 20);
    parse(&set, A ":1-5");
    leat_gtid_set_encode(&set, &bytes);
    assert_int_equal(bytes.len, 8 + 16 + 8 + 16);
    assert_true(leat_get_u64(bytes.data) == 1 && leat_get_u64(bytes.data + 24) == 1);
    assert_true(leat_get_u64(bytes.data + 32) == 1 && leat_get_u64(bytes.data + 40) == 6);
    leat_bytes_fini(&bytes);
    leat_gtid_set_fini(&set);
}

static void mariadb_lists_hold_one_place_a_domain(void **state)
{
    (void)state;
    struct leat_gtid_list list, other;
    struct leat_bytes out;
    leat_gtid_list_init(&list);
    leat_gtid_list_init(&other);
    leat_bytes_init(&out, 1000);
    assert_true(leat_gtid_list_parse(&list, "5-2-9, 0-1-48210", 16));
    leat_gtid_list_set(&list, 3, 1, 1);
    leat_gtid_list_set(&list, 0, 2, 48211);
    leat_gtid_list_print(&list, &out);
    leat_bytes_put(&out, 0);
    assert_string_equal((char *)out.data, "0-2-48211,3-1-1,5-2-9");
    assert_true(leat_gtid_list_has(&list, 0, 48211) && !leat_gtid_list_has(&list, 0, 48212));
    assert_false(leat_gtid_list_has(&list, 9, 0));
    assert_true(leat_gtid_list_parse(&other, "0-9-5,5-1-9", 11));
    assert_true(leat_gtid_list_contains(&list, &other) && !leat_gtid_list_contains(&other, &list));
    const char *bad[] = {"0-1", "0-1-2,", "0-1-2 0-1-3", "0-1-2,0-1-3", "x", "4294967296-1-1", ",", "0-1--1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(leat_gtid_list_parse(&other, bad[i], strlen(bad[i])));
    assert_true(leat_gtid_list_parse(&other, "", 0) && other.count == 0);
    leat_bytes_fini(&out);
    leat_gtid_list_fini(&list);
    leat_gtid_list_fini(&other);
}

static void a_list_is_read_from_its_event(void **state)
{
    (void)state;
    struct leat_binlog_format format = kit_binlog_format();
    struct leat_binlog_event ev;
    struct leat_gtid_list list;
    struct leat_error err = {0};
    struct leat_bytes bytes;
    leat_bytes_init(&bytes, 1000);
    leat_gtid_list_init(&list);
    kit_event_begin(&bytes, LEAT_BINLOG_GTID_LIST);
    leat_bytes_u32(&bytes, 2 | 0x10000000);
    leat_bytes_add(&bytes, "\0\0\0\0\1\0\0\0\5\0\0\0\0\0\0\0\1\0\0\0\2\0\0\0\6\0\0\0\0\0\0\0", 32);
    kit_event_end(&bytes, false);
    assert_status(leat_binlog_event(&ev, &format, bytes.data, bytes.len, true, &err), LEAT_OK, &err);
    assert_true(leat_gtid_list_read(&list, &ev));
    assert_int_equal(list.count, 2);
    assert_true(list.places[1].server == 2 && list.places[1].seq == 6);
    ev.body.end--;
    assert_false(leat_gtid_list_read(&list, &ev));
    leat_gtid_list_fini(&list);
    leat_bytes_fini(&bytes);
}

static void one_gtid_prints_as_the_server_does(void **state)
{
    (void)state;
    char text[LEAT_GTID_TEXT_MAX];
    struct leat_binlog_gtid gtid = {.domain = 1, .server = 2, .seq = 3};
    assert_int_equal(leat_gtid_print(text, &gtid, true), 5);
    assert_string_equal(text, "1-2-3");
    memcpy(gtid.uuid, a_uuid, 16);
    gtid.seq = UINT64_MAX;
    memset(gtid.tag, 'x', 32);
    size_t len = leat_gtid_print(text, &gtid, false);
    assert_int_equal(len, 36 + 1 + 32 + 1 + 20);
    assert_int_equal(strlen(text), len);
    gtid.tag[0] = 0;
    gtid.seq = 4;
    leat_gtid_print(text, &gtid, false);
    assert_string_equal(text, A ":4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_prints_in_its_canonical_form),
        cmocka_unit_test(what_is_not_a_set_is_refused),
        cmocka_unit_test(added_numbers_close_gaps),
        cmocka_unit_test(sets_agree_with_a_model_of_bits),
        cmocka_unit_test(sets_survive_their_bytes),
        cmocka_unit_test(a_tagless_set_is_in_the_form_of_older_servers),
        cmocka_unit_test(mariadb_lists_hold_one_place_a_domain),
        cmocka_unit_test(a_list_is_read_from_its_event),
        cmocka_unit_test(one_gtid_prints_as_the_server_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
