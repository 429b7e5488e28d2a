/* The chain, route and unwrap. */
#include "transform_fixture.h"

#include <base/clock.h>

/* A step that refuses every record whose id is odd, adds one after each, and counts what it sees.
 */
struct probe {
    int seen, opened, closed;
    bool refuses, adds;
    int timers;
};

static enum leat_status probe_open(void *self, struct leat_task *task, struct leat_error *err)
{
    (void)task, (void)err;
    ((struct probe *)self)->opened++;
    return LEAT_OK;
}

static enum leat_status probe_apply(void *self, struct leat_task *task, struct leat_batch *batch,
                                    struct leat_error *err)
{
    (void)task;
    struct probe *probe = self;
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; i < leat_batch_count(batch); i++) {
        const struct leat_record *rec = leat_batch_get(batch, i);
        if (rec->flags & LEAT_DROPPED)
            continue;
        probe->seen++;
        if (probe->refuses && rec->key.as.items[0].as.i % 2 == 1) {
            leat_batch_reject(batch, i, "odd");
            status = leat_fail(err, LEAT_REJECT, "odd");
        } else if (probe->adds) {
            struct leat_record copy = *rec;
            *leat_batch_insert(batch, i) = copy;
            i++;
        }
    }
    return status;
}

static enum leat_status probe_timer(void *self, struct leat_task *task, struct leat_batch *batch,
                                    struct leat_time *due, struct leat_error *err)
{
    (void)task, (void)err;
    ((struct probe *)self)->timers++;
    add_person(batch, LEAT_CREATE, 100);
    *due = LEAT_NEVER;
    return LEAT_OK;
}

static void probe_close(void *self, struct leat_task *task)
{
    (void)task;
    ((struct probe *)self)->closed++;
}

static const struct leat_transform_type probe_type = {.struct_size = sizeof probe_type,
                                                      .name = "probe",
                                                      .size = sizeof(struct probe),
                                                      .open = probe_open,
                                                      .apply = probe_apply,
                                                      .close = probe_close};
static const struct leat_transform_type timer_type = {.struct_size = sizeof timer_type,
                                                      .name = "timer",
                                                      .size = sizeof(struct probe),
                                                      .open = probe_open,
                                                      .apply = probe_apply,
                                                      .timer = probe_timer,
                                                      .close = probe_close};

static void later_steps_do_not_see_what_was_refused(void **state)
{
    (void)state;
    struct leat_batch *batch = leat_batch_new(1 << 20, 100);
    for (int64_t id = 1; id <= 4; id++)
        add_person(batch, LEAT_CREATE, id);
    struct probe first = {.refuses = true}, second = {.adds = true}, third = {.seen = 0};
    struct leat_chain_step steps[] = {
        {&probe_type, &first}, {&probe_type, &second}, {&probe_type, &third}};
    struct leat_chain *chain;
    struct leat_error err;
    assert_int_equal(leat_chain_open(&chain, steps, 3, NULL, &err), LEAT_OK);
    assert_int_equal(leat_chain_apply(chain, batch, &err), LEAT_REJECT);
    assert_int_equal(first.seen, 4);
    assert_int_equal(second.seen, 2);
    assert_int_equal(third.seen, 4);
    assert_int_equal(leat_batch_count(batch), 6);
    assert_int_equal(batch->refusal_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct leat_record *rec = leat_batch_get(batch, batch->refusals[i].index);
        assert_int_equal(rec->key.as.items[0].as.i, i == 0 ? 1 : 3);
    }
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(leat_batch_get(batch, i)->flags, 0);
    leat_chain_close(chain);
    assert_int_equal(first.closed + second.closed + third.closed, 3);
    leat_batch_free(batch);
}

static void what_a_timer_adds_goes_through_later_steps_alone(void **state)
{
    (void)state;
    struct leat_batch *batch = leat_batch_new(1 << 20, 100);
    add_person(batch, LEAT_CREATE, 1);
    struct probe first = {.seen = 0}, second = {.seen = 0}, third = {.seen = 0};
    struct leat_chain_step steps[] = {
        {&probe_type, &first}, {&timer_type, &second}, {&probe_type, &third}};
    struct leat_chain *chain;
    struct leat_error err;
    assert_int_equal(leat_chain_open(&chain, steps, 3, NULL, &err), LEAT_OK);
    assert_true(leat_is_past(leat_chain_due(chain)));
    assert_int_equal(leat_chain_timer(chain, batch, &err), LEAT_OK);
    assert_int_equal(second.timers, 1);
    assert_int_equal(leat_chain_due(chain).ns, LEAT_NEVER.ns);
    assert_int_equal(first.seen + second.seen, 0);
    assert_int_equal(third.seen, 1);
    assert_int_equal(leat_batch_get(batch, 0)->flags, 0);
    leat_chain_close(chain);
    leat_batch_free(batch);
}

static enum leat_status run_route(const char *option, const char *value, const char *replacement,
                                  struct leat_batch *batch)
{
    struct given given[] = {{option, &value, sizeof value},
                            {"replacement", &replacement, sizeof replacement}};
    struct leat_chain_step step = make_step("route", given, replacement ? 2 : 1);
    return run_steps(&step, 1, batch);
}

static void route_refuses_a_group_that_the_expression_lacks(void **state)
{
    (void)state;
    const char *regex = "toy.(.*)", *replacement = "x.$1", *wrong = "x.$2";
    const struct given given[] = {{"regex", &regex, sizeof regex},
                                  {"replacement", &replacement, sizeof replacement}};
    struct leat_chain_step step = make_step("route", given, 2);
    struct leat_error err = {0};
    for (const struct leat_option *o = step.type->options; o->name; o++)
        if (strcmp(o->name, "replacement") == 0)
            memcpy((char *)step.self + o->offset, &wrong, sizeof wrong);
    assert_int_equal(step.type->validate(step.self, &err), LEAT_STOP);
    assert_string_equal(err.text, "route: replacement: there is no group $2, regex has 1");
    free(step.self);
}

static void route_goes_by_template_and_by_expression(void **state)
{
    (void)state;
    struct leat_batch *batch = leat_batch_new(1 << 20, 100);
    add_person(batch, LEAT_CREATE, 1);
    assert_int_equal(run_route("topic", "{database}_{key.id}.{table}", NULL, batch), LEAT_OK);
    assert_string_equal(leat_batch_get(batch, 0)->topic->name, "shop_1.people");
    assert_int_equal(run_route("regex", "shop_[0-9]+[.](.*)", "all.$1-$0", batch), LEAT_OK);
    assert_string_equal(leat_batch_get(batch, 0)->topic->name, "all.people-shop_1.people");
    assert_int_equal(run_route("regex", "shop", "x", batch), LEAT_OK);
    assert_string_equal(leat_batch_get(batch, 0)->topic->name, "all.people-shop_1.people");
    leat_batch_free(batch);
}

static enum leat_status run_unwrap(int64_t deletes, struct leat_batch *batch)
{
    static const char *const add[] = {"op", "table"};
    struct leat_list list = {add, 2};
    struct given given[] = {{"deletes", &deletes, sizeof deletes}, {"add", &list, sizeof list}};
    struct leat_chain_step step = make_step("unwrap", given, 2);
    return run_steps(&step, 1, batch);
}

static void unwrap_makes_rows_of_changes(void **state)
{
    (void)state;
    struct leat_batch *batch = leat_batch_new(1 << 20, 100);
    add_person(batch, LEAT_UPDATE, 1);
    add_person(batch, LEAT_DELETE, 2);
    add_person(batch, LEAT_DELETE, 2)->flags = LEAT_TOMBSTONE;
    assert_int_equal(run_unwrap(0, batch), LEAT_OK);
    const struct leat_record *row = leat_batch_get(batch, 0), *gone = leat_batch_get(batch, 1);
    assert_int_equal(row->flags, LEAT_FLAT);
    assert_int_equal(row->before.type, LEAT_ABSENT);
    assert_text(named(row, &row->value, "__op"), "u");
    assert_text(named(row, &row->value, "__table"), "people");
    assert_text(named(row, &row->value, "name"), "Ada");
    assert_int_equal(gone->flags, LEAT_FLAT | LEAT_TOMBSTONE);
    assert_int_equal(gone->value.type, LEAT_NULL);
    assert_true(leat_batch_get(batch, 2)->flags & LEAT_DROPPED);
    leat_batch_free(batch);
}

static void unwrap_rewrites_or_drops_deletes(void **state)
{
    (void)state;
    struct leat_batch *batch = leat_batch_new(1 << 20, 100);
    add_person(batch, LEAT_DELETE, 2);
    add_person(batch, LEAT_CREATE, 3);
    assert_int_equal(run_unwrap(2, batch), LEAT_OK);
    const struct leat_record *rec = leat_batch_get(batch, 0);
    assert_true(named(rec, &rec->value, "__deleted")->as.b);
    assert_text(named(rec, &rec->value, "email"), "old@example.org");
    rec = leat_batch_get(batch, 1);
    assert_false(named(rec, &rec->value, "__deleted")->as.b);
    struct leat_batch *other = leat_batch_new(1 << 20, 100);
    add_person(other, LEAT_DELETE, 2);
    assert_int_equal(run_unwrap(1, other), LEAT_OK);
    assert_true(leat_batch_get(other, 0)->flags & LEAT_DROPPED);
    leat_batch_free(other);
    leat_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_steps_do_not_see_what_was_refused),
        cmocka_unit_test(what_a_timer_adds_goes_through_later_steps_alone),
        cmocka_unit_test(route_refuses_a_group_that_the_expression_lacks),
        cmocka_unit_test(route_goes_by_template_and_by_expression),
        cmocka_unit_test(unwrap_makes_rows_of_changes),
        cmocka_unit_test(unwrap_rewrites_or_drops_deletes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
