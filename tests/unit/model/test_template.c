/* Placeholders, what they refuse, and paths that data cannot bend. */
#include <kit/cmocka.h>

#include <kit/orders.h>
#include <model/template.h>
#include <stdlib.h>

struct fixture {
    struct leat_batch *batch;
    struct leat_record *rec;
};

static int set_up(void **state)
{
    struct fixture *fix = calloc(1, sizeof *fix);
    fix->batch = leat_batch_new(1 << 20, 10);
    kit_order_update(fix->batch, 1004);
    fix->rec = leat_batch_edit(fix->batch, 0);
    fix->rec->partition = 3;
    fix->rec->offset = UINT64_MAX;
    fix->rec->time_us = 1772600767001004; /* 2026-03-04 05:06:07 */
    *state = fix;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fix = *state;
    leat_batch_free(fix->batch);
    free(fix);
    return 0;
}

static void assert_filled(const struct leat_record *rec, bool is_path, const char *text, const char *wanted)
{
    struct leat_error err = {0};
    struct leat_bytes out;
    struct leat_template *t = leat_template_new(text, is_path, &err);
    if (!t)
        fail_msg("%s: %s", text, err.text);
    leat_bytes_init(&out, 10000);
    assert_status(leat_template_fill(t, rec, &out, &err), LEAT_OK, &err);
    leat_bytes_put(&out, 0);
    assert_string_equal((char *)out.data, wanted);
    leat_bytes_fini(&out);
    leat_template_free(t);
}

static void assert_rejected(const struct leat_record *rec, const char *text, const char *why)
{
    struct leat_error err = {0};
    struct leat_bytes out;
    struct leat_template *t = leat_template_new(text, false, &err);
    assert_non_null(t);
    leat_bytes_init(&out, 10000);
    assert_status(leat_template_fill(t, rec, &out, &err), LEAT_REJECT, &err);
    if (!strstr(err.text, why))
        fail_msg("no \"%s\" in: %s", why, err.text);
    leat_bytes_fini(&out);
    leat_template_free(t);
}

static void every_placeholder_is_filled(void **state)
{
    struct fixture *fix = *state;
    const struct leat_value headers[] = {leat_value_string("trace"), leat_value_string("abc")};
    fix->rec->headers = leat_value_items(LEAT_MAP, headers, 1);
    assert_filled(fix->rec, false, "", "");
    assert_filled(fix->rec, false, "plain", "plain");
    assert_filled(fix->rec, false, "{topic}:{partition}:{offset}", "shop.orders:3:18446744073709551615");
    assert_filled(fix->rec, false, "{database}.{table} {op}", "shop.orders u");
    assert_filled(fix->rec, false, "{key.id}-{value.state}-{value.total}", "1004-paid-1234.50");
    assert_filled(fix->rec, false, "{value.day} {value.placed}", "2026-03-05 2026-03-04T05:06:07.891");
    assert_filled(fix->rec, false, "{header.trace}", "abc");
    assert_filled(fix->rec, false, "{time:%Y-%m-%d}", "2026-03-04");
    assert_filled(fix->rec, false, "{time:%F at %H}h{time:%j%%}", "2026-03-04 at 05h063%");
}

static void a_key_that_is_a_double_is_the_shortest_text_that_reads_back_equal(void **state)
{
    struct fixture *fix = *state;
    fix->rec->key = leat_value_double(0.1);
    assert_filled(fix->rec, false, "{key.id}", "0.1");
}

static void braces_are_doubled(void **state)
{
    struct fixture *fix = *state;
    assert_filled(fix->rec, false, "{{{op}}}", "{u}");
    assert_filled(fix->rec, false, "a}b {{x}}", "a}b {x}");
}

/* The day is UTC's, whatever the zone of the process. */
static void time_is_in_utc(void **state)
{
    struct fixture *fix = *state;
    setenv("TZ", "Asia/Tokyo", 1);
    fix->rec->time_us = 1772582399999999; /* 2026-03-03 23:59:59.999999 */
    assert_filled(fix->rec, false, "{time:%F %T}", "2026-03-03 23:59:59");
    fix->rec->time_us = -1;
    assert_filled(fix->rec, false, "{time:%F %T}", "1969-12-31 23:59:59");
    unsetenv("TZ");
}

static void what_is_no_template_is_refused(void **state)
{
    static const char *const bad[][2] = {
        {"a{", "no closing brace"}, {"a{topic", "no closing brace"}, {"{}", "unknown placeholder {}"},
        {"{tpoic}", "unknown placeholder {tpoic}"}, {"{key.}", "unknown placeholder {key.}"},
        {"{time:}", "unknown placeholder"}, {"{time:%Q}", "unknown placeholder"}, {"{time:%}", "unknown placeholder"},
        {"{time:%B}", "unknown placeholder"}, {"{time:day}", "unknown placeholder"}, {"{topic }", "unknown placeholder"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct leat_error err = {0};
        if (leat_template_new(bad[i][0], false, &err))
            fail_msg("accepted: %s", bad[i][0]);
        if (!strstr(err.text, bad[i][1]))
            fail_msg("%s: %s", bad[i][0], err.text);
    }
}

static void fields_that_are_missing_or_null_reject_the_record(void **state)
{
    struct fixture *fix = *state;
    struct leat_value *row = (struct leat_value *)(uintptr_t)fix->rec->value.as.items;
    row[4] = leat_value_null();
    row[5] = leat_value_bytes("x", 1);
    assert_rejected(fix->rec, "{value.email}", "{value.email} is null");
    assert_rejected(fix->rec, "{value.nothing}", "{value.nothing} is missing");
    assert_rejected(fix->rec, "{value.note}", "is of type BYTES");
    assert_rejected(fix->rec, "{key.email}", "{key.email} is missing");
    assert_rejected(fix->rec, "{header.x}", "{header.x} is missing");
    fix->rec->schema = NULL;
    assert_rejected(fix->rec, "{table}", "of no table");
}

/* {value.x} of a delete is the row that was. */
static void a_delete_is_filled_from_before(void **state)
{
    struct fixture *fix = *state;
    fix->rec->op = LEAT_DELETE;
    fix->rec->value = leat_value_null();
    assert_filled(fix->rec, false, "{value.state} {op}", "new d");
}

static void assert_path(struct fixture *fix, const char *text, const char *state_text, const char *wanted)
{
    struct leat_value *row = (struct leat_value *)(uintptr_t)fix->rec->value.as.items;
    row[2] = leat_value_string(state_text);
    assert_filled(fix->rec, true, text, wanted);
}

static void data_cannot_leave_the_directory(void **state)
{
    struct fixture *fix = *state;
    assert_path(fix, "out/{value.state}.txt", "a-b_c.9", "out/a-b_c.9.txt");
    assert_path(fix, "out/{value.state}", "..", "out/%2E.");
    assert_path(fix, "out/{value.state}/x", ".", "out/%2E/x");
    assert_path(fix, "out/{value.state}", "../../etc/passwd", "out/%2E.%2F..%2Fetc%2Fpasswd");
    assert_path(fix, "{value.state}", "/etc", "%2Fetc");
    assert_path(fix, "{value.state}", "", "");
    assert_path(fix, "out/.{value.state}/x", ".", "out/.%2E/x");
    assert_path(fix, "out/{value.state}{value.state}", ".", "out/%2E.");
    assert_path(fix, "out/{value.state}", "a..b", "out/a..b");
    assert_path(fix, "out/{value.state}", "\xc3\xa9 \n%", "out/%C3%A9%20%0A%25");
    assert_path(fix, "out/{time:%F %T}", "", "out/2026-03-04%2005%3A06%3A07");
}

static void a_template_knows_what_it_depends_on(void **state)
{
    static const struct {
        const char *text, *prefix;
        bool is_literal, is_per_topic;
    } cases[] = {
        {"", "", true, true},           {"a/b", "a/b", true, true},       {"a/{topic}.x", "a/", false, true},
        {"{topic}", "", false, true},   {"a{{/{op}", "a{/", false, false}, {"x{topic}{time:%F}", "x", false, false},
        {"{table}", "", false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct leat_error err = {0};
        struct leat_template *t = leat_template_new(cases[i].text, true, &err);
        assert_non_null(t);
        assert_string_equal(leat_template_prefix(t), cases[i].prefix);
        assert_int_equal(leat_template_is_literal(t), cases[i].is_literal);
        assert_int_equal(leat_template_is_per_topic(t), cases[i].is_per_topic);
        leat_template_free(t);
    }
    leat_template_free(NULL);
}

static void names_alone_fill_what_asks_for_no_more(void **state)
{
    struct leat_error err = {0};
    struct leat_bytes out;
    struct leat_template *t = leat_template_new("x.{database}.{table}", false, &err);
    (void)state;
    leat_bytes_init(&out, 1000);
    assert_status(leat_template_fill_names(t, "shop", "orders", &out, &err), LEAT_OK, &err);
    assert_int_equal(out.len, 13);
    assert_memory_equal(out.data, "x.shop.orders", 13);
    leat_template_free(t);
    t = leat_template_new("{table}{op}", false, &err);
    assert_status(leat_template_fill_names(t, "shop", "orders", &out, &err), LEAT_REJECT, &err);
    leat_template_free(t);
    leat_bytes_fini(&out);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_placeholder_is_filled),
        CASE(a_key_that_is_a_double_is_the_shortest_text_that_reads_back_equal),
        CASE(braces_are_doubled),
        CASE(time_is_in_utc),
        CASE(what_is_no_template_is_refused),
        CASE(fields_that_are_missing_or_null_reject_the_record),
        CASE(a_delete_is_filled_from_before),
        CASE(data_cannot_leave_the_directory),
        CASE(a_template_knows_what_it_depends_on),
        CASE(names_alone_fill_what_asks_for_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
