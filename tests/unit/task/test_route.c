#include "fake.h"

#include <task/inside.h>

static struct leat_task *open_route(const char *template)
{
    struct leat_error err = {0};
    fake.pipeline.topic = template;
    struct leat_task *task =
        leat_task_new(&(struct leat_task_config){.pipeline = &fake.pipeline,
                                                 .connector = &fake.source,
                                                 .count = 1,
                                                 .access = fake.access,
                                                 .driver = fake.driver,
                                                 .memory_bytes = fake.memory_bytes});
    assert_status(route_open(task, &err), LEAT_OK, &err);
    return task;
}

static void close_route(struct leat_task *task)
{
    route_close(task);
    leat_task_free(task);
}

static void assert_route(const char *template, const char *space, const char *name,
                         const char *topic)
{
    struct leat_task *task = open_route(template);
    assert_string_equal(leat_task_route(task, space, name)->name, topic);
    close_route(task);
}

static void a_topic_is_what_the_user_wrote_or_the_sources_default(void **state)
{
    (void)state;
    assert_route(NULL, "db", "t", "db.t");
    assert_route("all", "db", "t", "all");
    assert_route("cdc.{table}.{database}", "db", "t", "cdc.t.db");
    fake_source.topic = NULL;
    assert_route(NULL, "db", "t", "shop"); /* the pipeline's name */
    fake_source.topic = "{database}.{table}";
}

static void names_that_are_too_long_are_cut_and_stay_apart(void **state)
{
    char one[400], other[400];
    (void)state;
    memset(one, 'a', sizeof one - 1);
    one[sizeof one - 1] = '\0';
    memcpy(other, one, sizeof one);
    other[sizeof other - 2] = 'b';
    struct leat_task *task = open_route(NULL);
    const struct leat_topic *first = leat_task_route(task, "db", one),
                            *second = leat_task_route(task, "db", other);
    assert_int_equal(first->name_len, 249);
    assert_int_equal(second->name_len, 249);
    assert_ptr_not_equal(first, second);
    assert_ptr_equal(first, leat_task_route(task, "db", one));
    close_route(task);
}

static struct leat_value map_of(const char *name, const char *value, struct leat_batch *batch)
{
    struct leat_value pair[2] = {leat_value_string(name), leat_value_string(value)};
    struct leat_value map = leat_value_items(LEAT_MAP, pair, 1);
    return leat_batch_copy_value(batch, &map);
}

static void a_template_over_fields_is_filled_per_record(void **state)
{
    (void)state;
    struct leat_task *task = open_route("orders.{value.region}");
    struct leat_batch *batch = leat_batch_new(1 << 16, 10);
    const char *regions[] = {"north", "south"};
    for (int i = 0; i < 5; i++) {
        struct leat_record *rec = leat_batch_add(batch);
        rec->topic = leat_task_route(task, "db", "orders");
        rec->value = i < 2 ? map_of("region", regions[i], batch) : leat_value_null();
    }
    batch->records[3].flags = LEAT_DROPPED;
    batch->records[4].topic = leat_topic("elsewhere", 9); /* a transform has sent it there */
    route_batch(task, batch);
    assert_string_equal(batch->records[0].topic->name, "orders.north");
    assert_string_equal(batch->records[1].topic->name, "orders.south");
    assert_string_equal(batch->records[4].topic->name, "elsewhere");
    assert_int_equal(batch->refusal_count, 1);
    assert_int_equal(batch->refusals[0].index, 2);
    leat_batch_free(batch);
    close_route(task);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_topic_is_what_the_user_wrote_or_the_sources_default),
        CASE(names_that_are_too_long_are_cut_and_stay_apart),
        CASE(a_template_over_fields_is_filled_per_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
