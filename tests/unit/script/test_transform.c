/* The two transform types: options, files, the filter's expressions. */
#include "script_fixture.h"

#include <script/script.h>
#include <stdio.h>
#include <unistd.h>

static void *make_self(const struct leat_transform_type *type, const char *name, const char *value)
{
    char *self = calloc(1, type->size);
    for (const struct leat_option *o = type->options; o->name; o++) {
        int64_t number = strcmp(o->name, "time") == 0    ? 100000
                         : strcmp(o->name, "every") == 0 ? 0
                                                         : 16 << 20;
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
    char answer = status == LEAT_REJECT                            ? 'r'
                  : leat_batch_get(batch, 0)->flags & LEAT_DROPPED ? 'd'
                                                                   : 'p';
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
    const char *const bad[] = {"value.age >", "1) or (2", "x = 1", "", "true end while true do",
                               NULL};
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

static void validate_finds_errors_of_syntax_and_runs_nothing(void **state)
{
    (void)state;
    struct leat_error err = {0};
    void *self = make_self(&leat_transform_lua, "script", "function transform(r)\n  x =\nend");
    assert_int_equal(leat_transform_lua.validate(self, &err), LEAT_STOP);
    assert_non_null(strstr(err.text, "script:3:"));
    free(self);
    self = make_self(&leat_transform_lua, "script", "error('runs') function transform() end");
    assert_int_equal(leat_transform_lua.validate(self, &err), LEAT_OK);
    free(self);
    self = make_self(&leat_transform_lua, "script", "function trasform(r) end");
    assert_int_equal(leat_transform_lua.validate(self, &err), LEAT_STOP);
    assert_non_null(strstr(err.text, "defines no function transform"));
    free(self);
}

static void a_timer_emits_when_it_is_due(void **state)
{
    (void)state;
    const struct leat_transform_type *type = &leat_transform_lua;
    void *self = make_self(type, "script",
                           "local n = 0\nfunction transform(r) n = n + 1 return false end\n"
                           "function timer(emit) emit{topic = 'sum', value = {n = n}} end");
    struct leat_error err = {0};
    assert_int_equal(type->open(self, NULL, &err), LEAT_STOP); /* how often? */
    assert_non_null(strstr(err.text, "every"));
    for (const struct leat_option *o = type->options; o->name; o++)
        if (strcmp(o->name, "every") == 0)
            memcpy((char *)self + o->offset, &(int64_t){10000000}, sizeof(int64_t));
    assert_int_equal(type->open(self, NULL, &err), LEAT_OK);
    struct leat_batch *batch = leat_batch_new(1 << 20, 10);
    struct leat_time due;
    assert_int_equal(type->timer(self, NULL, batch, &due, &err),
                     LEAT_OK); /* the first only sets the clock */
    assert_int_equal(leat_batch_count(batch), 0);
    add_person(batch, LEAT_CREATE, 7);
    assert_int_equal(type->apply(self, NULL, batch, &err), LEAT_OK);
    assert_int_equal(type->timer(self, NULL, batch, &due, &err), LEAT_OK);
    assert_int_equal(leat_batch_count(batch), 2);
    assert_int_equal(leat_map_get(&leat_batch_get(batch, 1)->value, "n")->as.i, 1);
    assert_true(due.ns > leat_now().ns && due.ns < LEAT_NEVER.ns);
    type->close(self, NULL);
    leat_batch_free(batch);
    free(self);
}

static void random_numbers_are_the_same_at_a_replay(void **state)
{
    (void)state;
    int64_t got[3];
    for (int i = 0; i < 3; i++) {
        struct leat_batch *batch = leat_batch_new(1 << 20, 10);
        add_person(batch, LEAT_CREATE, 3);
        add_person(batch, LEAT_CREATE, i < 2 ? 7 : 8);
        struct script_host *host =
            open_script("function transform(r) r.value.id = math.random(0) end");
        struct leat_error err;
        assert_int_equal(script_transform_apply(host, batch, &err), LEAT_OK);
        got[i] = field_of(&leat_batch_get(batch, 1)->value, F_ID)->as.i;
        script_transform_close(&host);
        leat_batch_free(batch);
    }
    assert_true(got[0] == got[1]);
    assert_true(got[0] != got[2]);
}

/* A replay may read other batches: what they hold beside a record must not show in it. */
static void now_is_the_commit_of_the_record_on_the_sink_side(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= 3; count++) {
        struct leat_batch *batch = leat_batch_new(1 << 20, 10);
        leat_batch_add_read(batch, (struct leat_read){.commit_us = 1700000000000001});
        leat_batch_remove(batch, 0);
        for (uint32_t i = 0; i < count; i++) {
            add_person(batch, LEAT_CREATE, i);
            batch->reads[i].commit_us = 1700000000000001 + i;
        }
        struct script_host *host = open_script("function transform(r) r.value.extra = leat.now() end");
        struct leat_error err;
        assert_int_equal(script_transform_apply(host, batch, &err), LEAT_OK);
        for (uint32_t i = 0; i < count; i++)
            assert_true(field_of(&leat_batch_get(batch, i)->value, F_EXTRA)->as.i == 1700000000000001 + i);
        script_transform_close(&host);
        leat_batch_free(batch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_expression_keeps_or_drops),
        cmocka_unit_test(an_expression_that_is_none_does_not_open),
        cmocka_unit_test(validate_finds_errors_of_syntax_and_runs_nothing),
        cmocka_unit_test(a_timer_emits_when_it_is_due),
        cmocka_unit_test(random_numbers_are_the_same_at_a_replay),
        cmocka_unit_test(now_is_the_commit_of_the_record_on_the_sink_side),
        cmocka_unit_test(lua_reads_a_file_and_names_it_in_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
