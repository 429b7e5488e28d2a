/* The two transform types: options, files, the filter's expressions. */
#include "script_fixture.h"

#include <script/script.h>
#include <stdio.h>
#include <unistd.h>

static void *make_self(const struct leat_transform_type *type, const char *name, const char *value)
{
    char *self = calloc(1, type->size);
    for (const struct leat_option *o = type->options; o->name; o++) {
        int64_t number = strcmp(o->name, "time") == 0 ? 100000 : 16 << 20;
        if (strcmp(o->name, name) == 0)
            memcpy(self + o->offset, &value, sizeof value);
        else if (o->type == LEAT_OPT_TIME || o->type == LEAT_OPT_SIZE)
            memcpy(self + o->offset, &number, sizeof number);
    }
    return self;
}

/* 'p' passed, 'd' dropped, 'r' refused. */
static char filtered(const char *expression, uint8_t op)
{
    const struct leat_transform_type *type = &leat_transform_filter;
    void *self = make_self(type, "expression", expression);
    struct leat_error err = {0};
    if (type->validate(self, &err) != LEAT_OK || type->open(self, NULL, &err) != LEAT_OK)
        fail_msg("%s", err.text);
    struct leat_batch *batch = leat_batch_new(1 << 20, 10);
    add_person(batch, op, 7);
    enum leat_status status = type->apply(self, NULL, batch, &err);
    char answer = status == LEAT_REJECT ? 'r' : leat_batch_get(batch, 0)->flags & LEAT_DROPPED ? 'd' : 'p';
    type->close(self, NULL);
    leat_batch_free(batch);
    free(self);
    return answer;
}

static void an_expression_keeps_or_drops(void **state)
{
    (void)state;
    assert_int_equal(filtered("value.age > 30", LEAT_CREATE), 'p');
    assert_int_equal(filtered("value.age > 40", LEAT_CREATE), 'd');
    assert_int_equal(filtered("row.email == 'old@example.org'", LEAT_DELETE), 'p');
    assert_int_equal(filtered("op ~= 'd' and topic == 'shop.people'", LEAT_DELETE), 'd');
    assert_int_equal(filtered("record.table == 'people' -- a comment", LEAT_CREATE), 'p');
    assert_int_equal(filtered("value.nothing", LEAT_CREATE), 'd');
    assert_int_equal(filtered("value.nothing > 1", LEAT_CREATE), 'r');
    assert_int_equal(filtered("key.id == 7 and before.email ~= value.email", LEAT_UPDATE), 'p');
}

static void an_expression_that_is_none_does_not_open(void **state)
{
    (void)state;
    const char *const bad[] = {"value.age >", "1) or (2", "x = 1", "", "true end while true do", NULL};
    for (const char *const *expression = bad; *expression; expression++) {
        void *self = make_self(&leat_transform_filter, "expression", *expression);
        struct leat_error err = {0};
        if (leat_transform_filter.validate(self, &err) == LEAT_OK)
            fail_msg("opened: %s", *expression);
        free(self);
    }
}

static void lua_reads_a_file_and_names_it_in_errors(void **state)
{
    (void)state;
    char path[] = "/tmp/script-test-XXXXXX";
    int fd = mkstemp(path);
    const char text[] = "function transform(r)\n  oops\nend\n";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    void *self = make_self(&leat_transform_lua, "file", path);
    struct leat_error err = {0};
    assert_int_equal(leat_transform_lua.open(self, NULL, &err), LEAT_STOP);
    assert_int_equal(err.cause, LEAT_CAUSE_CONFIG);
    assert_non_null(strstr(err.text, strrchr(path, '/') + 1));
    assert_non_null(strstr(err.text, ":3:"));
    free(self);
    unlink(path);
    self = make_self(&leat_transform_lua, "file", path);
    assert_int_equal(leat_transform_lua.open(self, NULL, &err), LEAT_STOP);
    assert_non_null(strstr(err.text, "No such file"));
    free(self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_expression_keeps_or_drops),
        cmocka_unit_test(an_expression_that_is_none_does_not_open),
        cmocka_unit_test(lua_reads_a_file_and_names_it_in_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
