#include <kit/cmocka.h>

#include <mysql/gtids.h>
#include <mysql/guard.h>
#include <mysql/host_name.h>
#include <mysql/position.h>
#include <mysql/refusal.h>
#include <mysql/start_read.h>
#include <mysql/verdict.h>

#define A "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define B "4e11fa47-71ca-11e1-9e33-c80aa9429562"

static void expect_sets(const char *ours, const char *executed, const char *purged, enum verdict wanted, const char *missing)
{
    struct leat_gtid_set sets[3];
    const char *texts[3] = {ours, executed, purged};
    struct leat_bytes said;
    leat_bytes_init(&said, 4096);
    for (size_t i = 0; i < 3; i++) {
        leat_gtid_set_init(&sets[i]);
        assert_true(leat_gtid_set_parse(&sets[i], texts[i], strlen(texts[i])));
    }
    assert_int_equal(verdict_of_sets(&sets[0], &sets[1], &sets[2], &said), wanted);
    leat_bytes_put(&said, 0);
    assert_string_equal((const char *)said.data, missing);
    for (size_t i = 0; i < 3; i++)
        leat_gtid_set_fini(&sets[i]);
    leat_bytes_fini(&said);
}

static void sets_are_judged_by_algebra(void **state)
{
    (void)state;
    expect_sets("", "", "", VERDICT_GOES_ON, "");
    expect_sets(A ":1-10", A ":1-12", A ":1-10", VERDICT_GOES_ON, "");
    expect_sets(A ":1-10", A ":1-12," B ":1", A ":1-3", VERDICT_GOES_ON, "");
    expect_sets(A ":1-10", A ":1-9", "", VERDICT_BEHIND, A ":10");
    expect_sets(A ":1-10," B ":1-2", A ":1-20", A ":1-15", VERDICT_BEHIND, B ":1-2");
    expect_sets(A ":1-10", A ":1-20", A ":1-15", VERDICT_PURGED, A ":11-15");
    expect_sets(A ":1-10", A ":1-20," B ":1-9", B ":1-3", VERDICT_PURGED, B ":1-3");
    expect_sets(A ":1-10:x:1-3", A ":1-10:x:1-2", "", VERDICT_BEHIND, A ":x:3");
}

static void places_of_32_bits_are_the_nearest_ones(void **state)
{
    (void)state;
    const uint64_t gib4 = UINT64_C(1) << 32;
    assert_int_equal(position_whole(4, 300), 300);
    assert_int_equal(position_whole(gib4 - 10, 0xfffffff8), gib4 - 8);
    assert_int_equal(position_whole(gib4 - 8, 70), gib4 + 70); /* behind us, not at the head of the file */
    assert_int_equal(position_whole(3 * gib4 + 70, 200), 3 * gib4 + 200);
    assert_int_equal(position_whole(3 * gib4 - 1, 0), 3 * gib4);
}

static void expect_lists(const char *ours, const char *state, const char *first, enum verdict wanted, const char *missing)
{
    struct leat_gtid_list list, head;
    struct leat_bytes said;
    enum verdict verdict;
    leat_bytes_init(&said, 4096);
    leat_gtid_list_init(&list);
    leat_gtid_list_init(&head);
    assert_true(leat_gtid_list_parse(&list, ours, strlen(ours)));
    assert_true(leat_gtid_list_parse(&head, first, strlen(first)));
    assert_true(verdict_of_lists(&verdict, &list, state, &head, &said));
    assert_int_equal(verdict, wanted);
    leat_bytes_put(&said, 0);
    assert_string_equal((const char *)said.data, missing);
    leat_gtid_list_fini(&list);
    leat_gtid_list_fini(&head);
    leat_bytes_fini(&said);
}

static void lists_are_judged_by_domain_and_server(void **state)
{
    (void)state;
    expect_lists("0-1-10", "0-1-10,", "", VERDICT_GOES_ON, "");
    expect_lists("0-1-10", "0-1-12,0-2-20,", "0-1-10", VERDICT_GOES_ON, "");
    expect_lists("0-1-10", "0-1-9,", "", VERDICT_BEHIND, "0-1-10");
    expect_lists("0-1-10", "0-2-12,0-1-9", "", VERDICT_BEHIND, "0-1-10"); /* another 10 */
    expect_lists("0-1-10,3-1-4", "0-1-10,", "", VERDICT_BEHIND, "3-1-4");
    expect_lists("0-1-10", ",0-1-10", "", VERDICT_GOES_ON, ""); /* in its gtid_slave_pos alone */
    expect_lists("0-1-10", "0-1-99,", "0-1-11,5-1-1", VERDICT_PURGED, "0-1-11,5-1-1");
}

static void a_state_that_is_none_is_not_judged(void **state)
{
    const char *bad[] = {"0-1", "x", "0-1-", "0-1-7;", "4294967296-1-7", "-1-1-7"};
    struct leat_gtid_list list, none;
    struct leat_bytes said;
    (void)state;
    leat_bytes_init(&said, 64);
    leat_gtid_list_init(&list);
    leat_gtid_list_init(&none);
    leat_gtid_list_set(&list, 0, 1, 7);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        enum verdict verdict;
        assert_false(verdict_of_lists(&verdict, &list, bad[i], &none, &said));
    }
    leat_gtid_list_fini(&list);
    leat_bytes_fini(&said);
}

static void texts_tell_whose_gtids_they_are(void **state)
{
    struct gtids gtids, copy;
    struct leat_bytes text;
    (void)state;
    gtids_init(&gtids);
    gtids_init(&copy);
    leat_bytes_init(&text, 4096);
    assert_true(gtids_parse(&gtids, "", 0));
    assert_int_equal(gtids.kind, GTIDS_NONE);
    assert_true(gtids_parse(&gtids, "0-1-7", 5));
    assert_int_equal(gtids.kind, GTIDS_LIST);
    assert_true(gtids_parse(&gtids, A ":1-7", strlen(A ":1-7")));
    assert_int_equal(gtids.kind, GTIDS_SET);
    struct leat_binlog_gtid next = {.uuid = {0x3e, 0x11, 0xfa, 0x47, 0x71, 0xca, 0x11, 0xe1, 0x9e, 0x33, 0xc8, 0x0a, 0xa9, 0x42, 0x95, 0x62}};
    next.seq = 8;
    assert_false(gtids_has(&gtids, &next));
    gtids_add(&gtids, &next, false);
    assert_true(gtids_has(&gtids, &next));
    gtids_copy(&copy, &gtids);
    gtids_print(&copy, &text);
    leat_bytes_put(&text, 0);
    assert_string_equal((const char *)text.data, A ":1-8");
    next.is_anonymous = true; /* a set that does not hold all is none */
    gtids_add(&gtids, &next, false);
    assert_int_equal(gtids.kind, GTIDS_NONE);
    assert_false(gtids_parse(&gtids, "bin.000001:4", 12));
    gtids_fini(&gtids);
    gtids_fini(&copy);
    leat_bytes_fini(&text);
}

static void hosts_are_names_with_or_without_a_port(void **state)
{
    char name[64];
    int64_t port;
    const char *bad[] = {"", ":3306", "db:", "db:x", "db:0", "db:65536", "::1", "[::1", "[::1]x", "[]:1"};
    (void)state;
    assert_true(host_name_read("db1", 3306, name, sizeof name, &port) && port == 3306);
    assert_string_equal(name, "db1");
    assert_true(host_name_read("db2:3307", 3306, name, sizeof name, &port) && port == 3307);
    assert_string_equal(name, "db2");
    assert_true(host_name_read("[fe80::1]:3308", 3306, name, sizeof name, &port) && port == 3308);
    assert_string_equal(name, "fe80::1");
    assert_true(host_name_read("[::1]", 3306, name, sizeof name, &port) && port == 3306);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(host_name_read(bad[i], 3306, name, sizeof name, &port));
}

static void refusals_say_what_is_to_be_done(void **state)
{
    struct {
        unsigned code;
        const char *text;
        bool is_ours;
        enum leat_status status;
        const char *advice;
    } cases[] = {
        {0, "", true, LEAT_RETRY, "no heartbeat"},
        {2013, "Lost connection to server", true, LEAT_RETRY, "lost the connection"},
        {1236, "Could not find first log file name in binary log index file", true, LEAT_STOP, "leat offsets reset shop"},
        {1955, "not in the master's binlog", true, LEAT_STOP, "cannot go on"},
        {1236, "log event entry exceeded max_allowed_packet", true, LEAT_STOP, "SET GLOBAL max_allowed_packet"},
        {4052, "A slave with the same server_uuid/server_id", false, LEAT_STOP, "leave `server_id` out"},
        {1236, "A replica with the same server_uuid/server_id as this replica has connected", false, LEAT_STOP, "choose another"},
        {1236, "A replica with the same server_uuid/server_id as this replica has connected", true, LEAT_RETRY, "a new one"},
        {1227, "Access denied; you need REPLICATION SLAVE", true, LEAT_STOP, "GRANT REPLICATION SLAVE"},
        {1053, "Server shutdown in progress", true, LEAT_RETRY, "error 1053"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct leat_error err = {0};
        struct refusal refusal = {.code = cases[i].code, .text = cases[i].text, .where = "mysql db1:3306", .connector = "shop",
                                  .is_number_ours = cases[i].is_ours};
        assert_int_equal(refusal_status(&refusal, &err), cases[i].status);
        if (!strstr(err.text, cases[i].advice))
            fail_msg("\"%s\" is not in: %s", cases[i].advice, err.text);
    }
}

/* Takes "abcdef" of transaction 0-1-7 and stops behind `taken` bytes; `tables` as in the option. */
static struct guard_begun begin(size_t taken, const char *table)
{
    struct guard guard;
    struct guard_begun none = {.bytes = 0};
    struct leat_list tables = {&table, 1};
    guard_init(&guard, &none, &tables);
    guard_begin(&guard, "0-1-7", false);
    assert_false(guard_passes(&guard, (const uint8_t *)"abcdef", taken));
    return guard_begun(&guard);
}

/* How many of the rows go out, a byte each; -1: broken. */
static int go_on(struct guard_begun begun, const char *table, const char *gtid, const char *rows, bool by_place, size_t placed)
{
    struct guard guard;
    struct leat_list tables = {&table, 1};
    int count = 0;
    guard_init(&guard, &begun, &tables);
    guard_begin(&guard, gtid, by_place);
    guard_add(&guard, (const uint8_t *)rows, placed);
    for (const char *row = rows + placed; *row; row++)
        count += !guard_passes(&guard, (const uint8_t *)row, 1);
    guard_end(&guard);
    return guard.is_broken ? -1 : count;
}

static void a_transaction_that_was_begun_goes_on_behind_what_was_taken(void **state)
{
    (void)state;
    assert_int_equal(go_on(begin(4, "a.*"), "a.*", "0-1-7", "abcdef", false, 0), 2);
    assert_int_equal(go_on(begin(6, "a.*"), "a.*", "0-1-7", "abcdef", false, 0), 0);
    assert_int_equal(go_on(begin(4, "a.*"), "a.*", "0-1-8", "abcdef", false, 0), 6);
    assert_int_equal(go_on(begin(4, "a.*"), "a.*", "0-1-7", "abcdef", true, 4), 2);
    assert_int_equal(go_on(begin(4, "a.*"), "b.*", "0-1-7", "uvwxyz", true, 4), 2); /* the place is enough */
}

static void another_transaction_is_not_gone_on_with(void **state)
{
    (void)state;
    assert_int_equal(go_on(begin(4, "a.*"), "a.*", "0-1-7", "abcxef", false, 0), -1);
    assert_int_equal(go_on(begin(4, "a.*"), "a.*", "0-1-7", "abc", false, 0), -1);
    assert_int_equal(go_on(begin(4, "a.*"), "a.*", "0-1-7", "abcdef", true, 5), -1);
    assert_int_equal(go_on(begin(4, "a.*"), "b.*", "0-1-7", "abcdef", false, 0), -1);
}

static void a_start_is_one_of_five_kinds(void **state)
{
    struct {
        const char *text;
        enum start_kind kind;
    } good[] = {
        {"current", START_CURRENT},        {"earliest", START_EARLIEST}, {"bin.000007:4711", START_PLACE}, {"a.b-bin.1000000:4", START_PLACE},
        {"0-1-77,1-1-2", START_GTIDS},     {A ":1-5:7", START_GTIDS},    {A ":x:1-5", START_GTIDS},        {"2026-01-02T03:04:05Z", START_TIME},
        {"2026-01-02T03:04:05+02:00", START_TIME},
    };
    const char *bad[] = {"", "Current", "latest", "bin.000007", "bin.000007:", "bin.000007:3", "bin.000007:4711x", "bin:4", ":4", "2026-01-02", "0-1"};
    struct start start;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(start_read(&start, good[i].text));
        assert_int_equal(start.kind, good[i].kind);
    }
    assert_true(start_read(&start, "bin.000007:4711") && start.pos == 4711);
    assert_string_equal(start.file, "bin.000007");
    assert_true(start_read(&start, "1970-01-01T00:00:01+00:00") && start.time_us == 1000000);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(start_read(&start, bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_judged_by_algebra),
        cmocka_unit_test(places_of_32_bits_are_the_nearest_ones),
        cmocka_unit_test(lists_are_judged_by_domain_and_server),
        cmocka_unit_test(a_state_that_is_none_is_not_judged),
        cmocka_unit_test(texts_tell_whose_gtids_they_are),
        cmocka_unit_test(hosts_are_names_with_or_without_a_port),
        cmocka_unit_test(refusals_say_what_is_to_be_done),
        cmocka_unit_test(a_transaction_that_was_begun_goes_on_behind_what_was_taken),
        cmocka_unit_test(another_transaction_is_not_gone_on_with),
        cmocka_unit_test(a_start_is_one_of_five_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
