#include <kit/cmocka.h>

#include <oms/access.h>
#include <string.h>

static void expect(const char *text, const char *driver, const char *account, const char *hosts, const char *region)
{
    struct leat_url url;
    struct leat_error err = {.text = ""};
    assert_status(leat_url_parse(text, &url, &err), LEAT_OK, &err);
    assert_string_equal(url.driver, driver);
    assert_string_equal(url.account, account);
    assert_string_equal(url.hosts, hosts);
    assert_string_equal(url.region, region);
}

static void expect_refused(const char *text, const char *part)
{
    struct leat_url url;
    struct leat_error err = {.text = ""};
    assert_int_equal(leat_url_parse(text, &url, &err), LEAT_STOP);
    assert_int_equal(err.cause, LEAT_CAUSE_CONFIG);
    if (!strstr(err.text, part))
        fail_msg("%s: \"%s\" does not name \"%s\"", text, err.text, part);
}

static void the_drivers_inside_need_no_host(void **state)
{
    (void)state;
    expect("oms:commitlog:", "commitlog", "", "", "");
    expect("oms:memory:", "memory", "", "", "");
    expect("oms:commitlog:///var/lib/leat", "commitlog", "", "", "/var/lib/leat");
    expect("oms:commitlog:///a@b/c,d:e", "commitlog", "", "", "/a@b/c,d:e");
}

static void others_have_account_hosts_and_region(void **state)
{
    (void)state;
    expect("oms:kafka://one:9092/shop", "kafka", "", "one:9092", "shop");
    expect("oms:kafka://bob@one:9092,two.example.org:9093/shop", "kafka", "bob", "one:9092,two.example.org:9093",
           "shop");
    expect("oms:kafka://[::1]:9092,10.0.0.1/", "kafka", "", "[::1]:9092,10.0.0.1", "");
    expect("oms:kafka://one:9092, two:9092/default:shop", "kafka", "", "one:9092,two:9092", "default:shop");
}

static void errors_name_the_part_that_is_wrong(void **state)
{
    (void)state;
    expect_refused("kafka://one/x", "oms:");
    expect_refused("", "oms:");
    expect_refused("oms:", "driver");
    expect_refused("oms:commitlog", "driver");
    expect_refused("oms::", "driver");
    expect_refused("oms:Ka fka://one/x", "driver");
    expect_refused("oms:kafka:one", "//");
    expect_refused("oms:commitlog://var/lib", "absolute");
    expect_refused("oms:kafka://@one/x", "account");
    expect_refused("oms:kafka:///x", "host");
    expect_refused("oms:kafka://one,,two/x", "host");
    expect_refused("oms:kafka://one:/x", "one:");
    expect_refused("oms:kafka://one:70000/x", "one:70000");
    expect_refused("oms:kafka://one:9x/x", "one:9x");
    expect_refused("oms:kafka://[::1/x", "[::1");
    expect_refused("oms:kafka://one/a/b", "region");
}

static void a_part_that_is_too_long_is_named(void **state)
{
    (void)state;
    char text[1200] = "oms:kafka://";
    memset(text + strlen(text), 'a', 600);
    expect_refused(text, "hosts");
    strcpy(text, "oms:kafka://one/");
    memset(text + strlen(text), 'a', 300);
    expect_refused(text, "region");
    memset(text, 0, sizeof text);
    strcpy(text, "oms:kafka://");
    memset(text + strlen(text), 'a', 130);
    strcat(text, "@one/x");
    expect_refused(text, "account");
    memset(text, 0, sizeof text);
    strcpy(text, "oms:");
    memset(text + strlen(text), 'a', 40);
    strcat(text, ":");
    expect_refused(text, "driver");
}

static void an_unknown_driver_is_refused_with_what_was_meant(void **state)
{
    (void)state;
    const struct leat_driver_type *type;
    struct leat_access *access;
    struct leat_error err;
    assert_int_equal(leat_access_open("oms:comitlog:", "/nowhere", false, &type, &access, &err), LEAT_STOP);
    assert_int_equal(err.cause, LEAT_CAUSE_CONFIG);
    assert_non_null(strstr(err.text, "\"comitlog\""));
    assert_non_null(strstr(err.text, "did you mean \"commitlog\""));
}

static void a_driver_is_added_once(void **state)
{
    (void)state;
    static const struct leat_driver_type extra = {.struct_size = sizeof extra, .name = "extra"};
    static const struct leat_driver_type again = {.struct_size = sizeof again, .name = "memory"};
    assert_null(leat_driver("extra"));
    assert_true(leat_driver_add(&extra));
    assert_false(leat_driver_add(&extra));
    assert_false(leat_driver_add(&again));
    assert_ptr_equal(leat_driver("extra"), &extra);
    assert_ptr_equal(leat_driver("memory"), &leat_driver_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_drivers_inside_need_no_host),
        cmocka_unit_test(others_have_account_hosts_and_region),
        cmocka_unit_test(errors_name_the_part_that_is_wrong),
        cmocka_unit_test(a_part_that_is_too_long_is_named),
        cmocka_unit_test(an_unknown_driver_is_refused_with_what_was_meant),
        cmocka_unit_test(a_driver_is_added_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
