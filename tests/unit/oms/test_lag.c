#include "rig.h"

#include <kit/random.h>

#define UNITS 200
#define MARKS 16

static const char *const topics[] = {"orders", "orders", "orders", "items", "items", "notes", "rare"};
static const char *const orders_and_rare[] = {"orders", "rare"};

static int64_t lag_of(struct rig *rig, struct leat_reader *reader)
{
    struct leat_lag lag;
    rig->driver->lag(reader, &lag);
    assert_true((lag.records == 0) == (lag.us == 0));
    assert_true(lag.records == 0 || lag.bytes > 0);
    return lag.records;
}

static bool is_one_of(const char *topic, const struct leat_list *patterns)
{
    for (size_t i = 0; patterns && i < patterns->count; i++)
        if (strcmp(topic, patterns->items[i]) == 0)
            return true;
    return !patterns;
}

/* Units of a few records each; how many of them the patterns mean. "rare" comes now and then. */
static int64_t write_units(struct rig *rig, struct leat_writer *writer, struct kit_random *random,
                           const struct leat_list *patterns)
{
    int64_t count = 0;
    for (int i = 0; i < UNITS; i++) {
        struct leat_batch *batch = rig_batch();
        for (uint64_t left = 1 + kit_below(random, 8); left > 0; left--) {
            const char *topic = topics[kit_below(random, (uint32_t)i % 50 == 49 ? 7 : 6)];
            rig_add(batch, topic, "a record");
            count += is_one_of(topic, patterns);
        }
        rig_append(rig, writer, batch);
        leat_batch_free(batch);
    }
    return count;
}

/* Reads at most `most` records; how many came. */
static int64_t read_some(struct rig *rig, struct leat_reader *reader, uint32_t most, struct leat_mark *mark)
{
    struct leat_batch *batch = leat_batch_new((size_t)1 << 20, most);
    assert_status(rig->driver->read(reader, batch, &rig->err), LEAT_OK, &rig->err);
    int64_t count = batch->count;
    *mark = (struct leat_mark){0};
    leat_batch_mark(batch, mark);
    leat_batch_free(batch);
    return count;
}

static struct leat_place at_mark(const struct leat_mark *mark)
{
    return (struct leat_place){.kind = LEAT_AT_CURSOR, .cursor = mark->cursor};
}

static void lag_is_what_will_still_be_read(void **state)
{
    struct rig *rig = *state;
    struct kit_random random = {.state = 7};
    struct leat_writer *writer = rig_writer(rig);
    struct leat_reader *reader = rig_reader(rig, &(struct leat_subscription){.patterns = NULL});
    int64_t left = write_units(rig, writer, &random, NULL);
    struct leat_mark mark;
    assert_int_equal(lag_of(rig, reader), left);
    while (left > 0) {
        left -= read_some(rig, reader, 1 + kit_below(&random, 40), &mark);
        assert_int_equal(lag_of(rig, reader), left);
    }
    rig_write(rig, writer, "brand_new", "one more");
    assert_int_equal(lag_of(rig, reader), 1);
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
}

static void lag_is_known_at_once_after_a_seek(void **state)
{
    struct rig *rig = *state;
    struct kit_random random = {.state = 8};
    struct leat_writer *writer = rig_writer(rig);
    struct leat_reader *reader = rig_reader(rig, &(struct leat_subscription){.patterns = NULL});
    struct leat_mark marks[MARKS];
    int64_t lefts[MARKS], left = write_units(rig, writer, &random, NULL);
    for (int i = 0; i < MARKS; i++) {
        left -= read_some(rig, reader, 1 + kit_below(&random, 40), &marks[i]);
        lefts[i] = left;
    }
    for (int i = 0; i < 50; i++) {
        uint64_t at = kit_below(&random, MARKS);
        struct leat_place place = at_mark(&marks[at]);
        assert_status(rig->driver->seek(reader, 0, &place, &rig->err), LEAT_OK, &rig->err);
        assert_int_equal(lag_of(rig, reader), lefts[at]);
        if (i % 3 == 0) {
            left = lefts[at] - read_some(rig, reader, 5, &(struct leat_mark){0});
            assert_int_equal(lag_of(rig, reader), left);
        }
    }
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
}

static void topics_that_are_not_read_do_not_count(void **state)
{
    struct rig *rig = *state;
    struct kit_random random = {.state = 9};
    struct leat_list patterns = {orders_and_rare, 2};
    struct leat_writer *writer = rig_writer(rig);
    struct leat_reader *reader = rig_reader(rig, &(struct leat_subscription){.patterns = &patterns});
    int64_t left = write_units(rig, writer, &random, &patterns);
    struct leat_mark mark;
    assert_int_equal(lag_of(rig, reader), left);
    while (left > 0) {
        left -= read_some(rig, reader, 7, &mark);
        assert_int_equal(lag_of(rig, reader), left);
    }
    rig_write(rig, writer, "items", "of no interest");
    assert_int_equal(lag_of(rig, reader), 0);
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
}

/* A sink that cannot reach its target knows no mark; it is behind all the same. */
static void a_consumer_is_behind_from_its_hint_on_before_it_seeks(void **state)
{
    struct rig *rig = *state;
    struct kit_random random = {.state = 10};
    struct leat_subscription sink = {.consumer = "shop.archive"};
    struct leat_writer *writer = rig_writer(rig);
    struct leat_reader *reader = rig_reader(rig, &sink);
    struct leat_mark mark;
    int64_t left = write_units(rig, writer, &random, NULL);
    left -= read_some(rig, reader, 100, &mark);
    assert_status(rig->driver->hint(reader, 0, &mark, &rig->err), LEAT_OK, &rig->err);
    rig->driver->reader_close(reader);
    reader = rig_reader(rig, &sink);
    assert_int_equal(lag_of(rig, reader), left);
    rig_write(rig, writer, "orders", "one more");
    assert_int_equal(lag_of(rig, reader), left + 1);
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
}

static void a_topic_that_has_nothing_more_does_not_count(void **state)
{
    struct rig *rig = *state;
    struct leat_subscription sink = {.consumer = "shop.archive"};
    struct leat_writer *writer = rig_writer(rig);
    struct leat_reader *reader = rig_reader(rig, &sink);
    struct leat_mark mark;
    for (int i = 0; i < 40; i++)
        rig_write(rig, writer, i < 20 ? "orders" : "quiet", "a record");
    for (int64_t left = 40; left > 0;)
        left -= read_some(rig, reader, 40, &mark);
    assert_status(rig->driver->hint(reader, 0, &mark, &rig->err), LEAT_OK, &rig->err);
    rig->driver->reader_close(reader);
    for (int i = 0; i < 3; i++)
        rig_write(rig, writer, "orders", "a record");
    reader = rig_reader(rig, &sink);
    assert_int_equal(lag_of(rig, reader), 3);
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
}

static void letters_for_another_consumer_do_not_count_once_they_are_passed(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_reader *reader = rig_reader(rig, &(struct leat_subscription){.consumer = "shop.archive"});
    struct leat_batch *batch = rig_batch();
    struct leat_mark mark;
    rig_write(rig, writer, "orders", "for all");
    rig_add(batch, "orders", "for another");
    rig_append_to(rig, writer, batch, "shop.copy");
    rig_write(rig, writer, "orders", "for all");
    rig_write(rig, writer, "orders", "for all");
    assert_int_equal(read_some(rig, reader, 1, &mark) + read_some(rig, reader, 1, &mark), 2);
    assert_int_equal(lag_of(rig, reader), 1);
    leat_batch_free(batch);
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
}

#define IN_RAM(test) cmocka_unit_test_setup_teardown(test, rig_set_up_memory, rig_tear_down)
#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, rig_set_up_commitlog, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_RAM(lag_is_what_will_still_be_read),
        ON_DISK(a_topic_that_has_nothing_more_does_not_count),
        ON_DISK(lag_is_known_at_once_after_a_seek),
        IN_RAM(topics_that_are_not_read_do_not_count),
        IN_RAM(a_consumer_is_behind_from_its_hint_on_before_it_seeks),
        IN_RAM(letters_for_another_consumer_do_not_count_once_they_are_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
