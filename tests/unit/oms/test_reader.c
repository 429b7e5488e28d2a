/* The reading half of the contract of leat/driver.h, held against all drivers. */
#include "rig.h"

#include <base/thread.h>
#include <stdlib.h>

static const struct leat_subscription everything = {0};


/* Units of one record each: "1", "2", ... of topic t. */
static void write_numbers(struct rig *rig, struct leat_writer *writer, int from, int to)
{
    char text[16];
    for (int i = from; i <= to; i++) {
        snprintf(text, sizeof text, "%d", i);
        rig_write(rig, writer, "t", text);
    }
}

/* ---- what is read ---- */

static void patterns_choose_topics_and_dead_letters_stay_out(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_batch *batch = rig_batch();
    rig_add(batch, "shop.orders", "1");
    rig_add(batch, "shop.items", "2");
    rig_add(batch, "shop.sink.dead", "3");
    rig_add(batch, "shop.orders", "4");
    rig_append(rig, writer, batch);
    const char *items[] = {"shop.*", "!shop.items"}, *dead[] = {"shop.sink.dead"};
    struct leat_list orders = {items, 2}, letters = {dead, 1};
    rig_expect_of(rig, &everything, "shop.orders:1 shop.items:2 shop.orders:4 ");
    rig_expect_of(rig, &(struct leat_subscription){.patterns = &orders}, "shop.orders:1 shop.orders:4 ");
    rig_expect_of(rig, &(struct leat_subscription){.patterns = &letters}, "shop.sink.dead:3 ");
    rig->driver->writer_close(writer);
    leat_batch_free(batch);
}

static void a_unit_for_one_consumer_is_read_by_it_alone(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_batch *batch = rig_batch();
    rig_write(rig, writer, "t", "all");
    rig_add(batch, "t", "yours");
    rig_append_to(rig, writer, batch, "shop.sink");
    rig_write(rig, writer, "t", "end");
    rig_expect_of(rig, &everything, "t:all t:end ");
    rig_expect_of(rig, &(struct leat_subscription){.consumer = "shop.other"}, "t:all t:end ");
    rig_expect_of(rig, &(struct leat_subscription){.consumer = "shop.sink"}, "t:all t:yours t:end ");
    rig->driver->writer_close(writer);
    leat_batch_free(batch);
}

static void only_the_logs_asked_for_are_read_and_each_is_a_split(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *shop = rig_writer_of(rig, "shop", "shop", NULL), *mail = rig_writer_of(rig, "mail", "mail", NULL);
    rig_write(rig, shop, "t", "shop");
    rig_write(rig, mail, "t", "mail");
    const char *logs[] = {"mail", NULL}, *two[] = {"shop", "mail", NULL};
    rig_expect_of(rig, &(struct leat_subscription){.logs = logs}, "t:mail ");
    struct leat_reader *reader;
    struct leat_splits splits;
    assert_status(rig->driver->reader_open(rig->access, &(struct leat_subscription){.logs = two}, &reader, &splits,
                                           &rig->err), LEAT_OK, &rig->err);
    assert_int_equal(splits.count, 2);
    assert_string_equal(splits.names[0], "shop/0");
    assert_string_equal(splits.names[1], "mail/0");
    struct leat_batch *batch = rig_batch();
    for (uint32_t i = 0, seen = 0; i < 2; i++) { /* in turn, a batch belongs to one */
        assert_status(rig_read(rig, reader, batch), LEAT_OK, &rig->err);
        assert_int_equal(batch->count, 1);
        assert_true(batch->split < 2 && !(seen & 1u << batch->split));
        assert_int_equal(batch->records[0].value.as.text[0], batch->split == 0 ? 's' : 'm');
        seen |= 1u << batch->split;
        leat_batch_reset(batch);
    }
    rig->driver->reader_close(reader);
    rig->driver->writer_close(shop);
    rig->driver->writer_close(mail);
    leat_batch_free(batch);
}

static void lanes_share_out_keys_and_all_see_control_records(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_batch *batch = rig_batch();
    uint32_t seen[100] = {0}, controls = 0;
    for (int i = 0; i < 100; i++) {
        struct leat_record *rec = rig_add(batch, "t", "x");
        rec->key = leat_value_int(i);
        rec->value = leat_value_int(i);
    }
    rig_add(batch, "t", "s")->op = LEAT_SCHEMA;
    rig_append(rig, writer, batch);
    for (uint32_t lane = 0; lane < 3; lane++) {
        struct leat_reader *reader = rig_reader(rig, &(struct leat_subscription){.lane = lane, .lanes = 3});
        uint32_t count = 0;
        while (rig_read(rig, reader, batch) == LEAT_OK) {
            for (uint32_t i = 0; i < batch->count; i++) {
                if (batch->records[i].op == LEAT_SCHEMA)
                    controls++;
                else
                    seen[batch->records[i].value.as.i]++;
                count++;
            }
            leat_batch_reset(batch);
        }
        assert_in_range(count, 10, 80);
        rig->driver->reader_close(reader);
    }
    for (int i = 0; i < 100; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(controls, 3);
    rig->driver->writer_close(writer);
    leat_batch_free(batch);
}

static void a_barrier_comes_to_each_lane_alone(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_batch *batch = rig_batch();
    for (int i = 0; i < 60; i++) {
        struct leat_record *rec = rig_add(batch, "t", "x");
        rec->key = leat_value_int(i);
        if (i == 30)
            rec->op = LEAT_TRUNCATE;
    }
    rig_append(rig, writer, batch);
    for (uint32_t lane = 0; lane < 2; lane++) {
        struct leat_reader *reader =
            rig_reader(rig, &(struct leat_subscription){.lane = lane, .lanes = 2, .barriers = true});
        for (int part = 0; part < 3; part++) {
            assert_int_equal(rig_read(rig, reader, batch), LEAT_OK);
            assert_true(part == 1 ? batch->count == 1 : batch->count > 1);
            for (uint32_t i = 0; i < batch->count; i++) {
                assert_int_equal(batch->records[i].op == LEAT_TRUNCATE, part == 1);
                assert_true(batch->records[i].key.as.i < 30 ? part == 0 : part > 0);
            }
            leat_batch_reset(batch);
        }
        assert_int_equal(rig_read(rig, reader, batch), LEAT_AGAIN);
        rig->driver->reader_close(reader);
    }
    rig->driver->writer_close(writer);
    leat_batch_free(batch);
}

static void a_lane_without_records_moves_its_mark(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_batch *batch = rig_batch();
    uint32_t empty = 0;
    rig_add(batch, "t", "x")->key = leat_value_int(7); /* of one lane only */
    rig_append(rig, writer, batch);
    for (uint32_t lane = 0; lane < 2; lane++) {
        struct leat_reader *reader =
            rig_reader(rig, &(struct leat_subscription){.consumer = "shop.lanes", .lane = lane, .lanes = 2});
        struct leat_place place = {.kind = LEAT_AT_CURSOR};
        batch->is_last = true;
        assert_int_equal(rig_read(rig, reader, batch), LEAT_OK);
        empty += batch->count == 0;
        assert_int_equal(rig->driver->judge(reader, 0, &batch->mark), LEAT_MARK_INSIDE);
        place.cursor = batch->mark.cursor;
        assert_int_equal(rig->driver->seek(reader, 0, &place, &rig->err), LEAT_OK);
        leat_batch_reset(batch);
        batch->is_last = true;
        assert_int_equal(rig_read(rig, reader, batch), LEAT_AGAIN); /* once is enough */
        rig->driver->reader_close(reader);
    }
    assert_int_equal(empty, 1);
    rig->driver->writer_close(writer);
    leat_batch_free(batch);
}

/* ---- the watermark ---- */

static void nothing_is_read_before_it_is_durable_and_the_fd_tells_when(void **state)
{
    struct rig *rig = *state;
    struct leat_writer_config config = {
        .log = "shop", .connector = "shop", .settings = {.fsync = LEAT_FSYNC_EVERY, .fsync_every_us = 1500000}};
    struct leat_writer *writer;
    const struct leat_positions *from;
    assert_status(rig->driver->writer_open(rig->access, &config, &writer, &from, &rig->err), LEAT_OK, &rig->err);
    struct leat_reader *reader = rig_reader(rig, &everything);
    struct leat_batch *batch = rig_batch(), *read = rig_batch();
    uint64_t ticket, durable;
    rig_add(batch, "t", "one");
    assert_status(rig->driver->append(writer, batch, NULL, 0, NULL, &ticket, &rig->err), LEAT_OK, &rig->err);
    for (int i = 0;; i++) {
        enum leat_status status = rig->driver->read(reader, read, &rig->err);
        assert_status(rig->driver->durable(writer, &durable, &rig->err), LEAT_OK, &rig->err);
        if (status == LEAT_OK)
            break;
        assert_int_equal(status, LEAT_AGAIN);
        assert_true(i < 50); /* the fd is quiet where there is no news */
        struct pollfd news = {.fd = rig->driver->reader_fd(reader), .events = POLLIN};
        assert_int_equal(leat_os->poll(&news, 1, 20000), 1);
    }
    if (rig->is_remote)
        rig_wait_durable(rig, writer, ticket);
    else
        assert_true(durable >= ticket);
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
    leat_batch_free(batch);
    leat_batch_free(read);
}

#define RACE_UNITS 400

struct racer {
    struct rig *rig;
    struct leat_writer *writer;
    const char *name;
    pthread_t thread;
};

static void race(void *arg)
{
    struct racer *racer = arg;
    struct leat_batch *batch = rig_batch();
    struct leat_error err;
    for (int i = 0; i < RACE_UNITS; i++) {
        uint64_t ticket;
        struct leat_record *rec = rig_add(batch, i % 3 ? racer->name : "shared", "");
        rec->value = leat_value_int(i);
        rec->schema = kit_schema((uint32_t)i % 16);
        rec->key = leat_value_string(racer->name);
        rec->before = leat_value_null();
        while (racer->rig->driver->append(racer->writer, batch, NULL, 0, NULL, &ticket, &err) == LEAT_AGAIN)
            racer->rig->driver->durable(racer->writer, &ticket, &err);
        leat_batch_reset(batch);
    }
    leat_batch_free(batch);
}

/* Takes what has come, and checks that each writer's records come in the order written and offsets without a gap: of
 * each partition, where writers that share a topic have one each. */
static uint32_t check_race(struct leat_batch *read, int64_t next[2], uint64_t offsets[4])
{
    for (uint32_t i = 0; i < read->count; i++) {
        const struct leat_record *rec = &read->records[i];
        int of = rec->key.as.text[0] == 'b';
        assert_int_equal(rec->value.as.i, next[of]++);
        assert_ptr_equal(rec->schema, kit_schema((uint32_t)rec->value.as.i % 16));
        assert_in_range(rec->partition, 0, 1);
        assert_int_equal(rec->offset, offsets[rec->topic->name[0] == 's' ? 2 + rec->partition : of]++);
    }
    return read->count;
}

static void writers_side_by_side_keep_their_orders(void **state)
{
    struct rig *rig = *state;
    struct racer racers[2] = {{.rig = rig, .name = "a"}, {.rig = rig, .name = "b"}};
    struct leat_batch *read = rig_batch();
    struct leat_reader *reader = NULL;
    int64_t next[2] = {0, 0};
    uint64_t offsets[4] = {0, 0, 0, 0};
    for (int i = 0; i < 2; i++)
        racers[i].writer = rig_writer_of(rig, "shop", racers[i].name, NULL);
    reader = rig_reader(rig, &everything);
    for (int i = 0; i < 2; i++)
        assert_status(leat_thread_start(&racers[i].thread, "racer", race, &racers[i], &rig->err), LEAT_OK, &rig->err);
    rig->driver->writer_close(rig_writer_of(rig, "shop", "late", NULL)); /* its settings come while units are flushed */
    struct leat_time deadline = leat_after_us(WAIT_US);
    for (uint32_t count = 0; count < 2 * RACE_UNITS;) {
        assert_true(leat_now().ns < deadline.ns);
        if (rig->driver->read(reader, read, &rig->err) == LEAT_AGAIN) {
            struct pollfd news = {.fd = rig->driver->reader_fd(reader), .events = POLLIN};
            leat_os->poll(&news, 1, 1000);
        }
        count += check_race(read, next, offsets);
        leat_batch_reset(read);
    }
    for (int i = 0; i < 2; i++) {
        leat_thread_join(racers[i].thread);
        rig->driver->writer_close(racers[i].writer);
    }
    rig->driver->reader_close(reader);
    leat_batch_free(read);
}

/* ---- seeking ---- */

static void seek(struct rig *rig, struct leat_reader *reader, const struct leat_place *place)
{
    assert_status(rig->driver->seek(reader, 0, place, &rig->err), LEAT_OK, &rig->err);
}

static const char *const shop_log[] = {"shop", NULL};
static const struct leat_subscription shop = {.logs = shop_log};

static void reading_begins_at_the_first_at_the_end_and_at_offsets(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_reader *reader = rig_reader(rig, &shop);
    struct leat_batch *batch = rig_batch();
    for (int i = 0; i < 3; i++) {
        rig_add(batch, "t", "a");
        rig_add(batch, "u", "b");
        rig_add(batch, "t", "c");
        rig_append(rig, writer, batch);
    }
    seek(rig, reader, &(struct leat_place){.kind = LEAT_AT_END});
    rig_expect(rig, reader, "");
    rig_write(rig, writer, "t", "new");
    rig_expect(rig, reader, "t:new ");
    seek(rig, reader, &(struct leat_place){.kind = LEAT_AT_OFFSET, .topic = "t", .offset = 3});
    rig_expect(rig, reader, "t:c t:a u:b t:c t:new ");
    seek(rig, reader, &(struct leat_place){.kind = LEAT_AT_OFFSET, .topic = "u", .offset = 2});
    rig_expect(rig, reader, "u:b t:c t:new ");
    seek(rig, reader, &(struct leat_place){.kind = LEAT_AT_FIRST});
    assert_int_equal(rig_read_all(rig, reader, NULL), 10);
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
    leat_batch_free(batch);
}

/* What was not there yet when the place was looked for is no end of what comes. */
static void a_reader_that_looked_for_an_offset_sees_what_is_written_behind_it(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    rig_write(rig, writer, "t", "a");
    rig_write(rig, writer, "t", "b");
    struct leat_reader *reader = rig_reader(rig, &shop);
    seek(rig, reader, &(struct leat_place){.kind = LEAT_AT_OFFSET, .topic = "t", .offset = 1});
    rig_write(rig, writer, "t", "c");
    rig_expect(rig, reader, "t:b t:c ");
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
}

static void reading_begins_at_a_time_of_commit(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_reader *reader = rig_reader(rig, &shop);
    write_numbers(rig, writer, 1, 3);
    int64_t between_us = leat_wall_us() + 1;
    while (leat_wall_us() <= between_us) {
    }
    write_numbers(rig, writer, 4, 5);
    seek(rig, reader, &(struct leat_place){.kind = LEAT_AT_TIME, .time_us = between_us});
    rig_expect(rig, reader, "t:4 t:5 ");
    seek(rig, reader, &(struct leat_place){.kind = LEAT_AT_TIME, .time_us = 1});
    rig_expect(rig, reader, "t:1 t:2 t:3 t:4 t:5 ");
    seek(rig, reader, &(struct leat_place){.kind = LEAT_AT_TIME, .time_us = leat_wall_us() + 3600000000});
    rig_expect(rig, reader, "");
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
}

static void every_cursor_goes_on_behind_its_record(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_reader *reader = rig_reader(rig, &shop);
    struct leat_batch *batch = rig_batch(), *read = rig_batch();
    struct leat_cursor cursors[60];
    uint32_t total = 0;
    for (int unit = 0; unit < 10; unit++) {
        for (int i = 0; i <= unit % 4; i++)
            rig_add(batch, i % 2 ? "u" : "t", "x");
        rig_append(rig, writer, batch);
    }
    while (rig_read(rig, reader, read) == LEAT_OK) {
        for (uint32_t i = 0; i < read->count; i++)
            cursors[total++] = leat_batch_cursor(read, i);
        assert_memory_equal(read->mark.cursor.bytes, cursors[total - 1].bytes, 12);
        leat_batch_reset(read);
    }
    for (uint32_t i = 0; i < total; i++) {
        assert_true(i == 0 || memcmp(cursors[i - 1].bytes, cursors[i].bytes, cursors[i].len) < 0);
        seek(rig, reader, &(struct leat_place){.kind = LEAT_AT_CURSOR, .cursor = cursors[i]});
        assert_int_equal(rig_read_all(rig, reader, NULL), total - i - 1);
    }
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
    leat_batch_free(batch);
    leat_batch_free(read);
}

/* The frame of the cursor is not read any more: the number of records read in it must not count for the next one. */
static void a_cursor_holds_when_the_patterns_change(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_batch *batch = rig_batch();
    for (int i = 0; i < 3; i++)
        rig_add(batch, "u", "old");
    rig_append(rig, writer, batch);
    for (int i = 0; i < 3; i++)
        rig_add(batch, "t", "new");
    rig_append(rig, writer, batch);
    struct leat_reader *reader = rig_reader(rig, &shop);
    assert_status(rig_read(rig, reader, batch), LEAT_OK, &rig->err);
    struct leat_place place = {.kind = LEAT_AT_CURSOR, .cursor = leat_batch_cursor(batch, 1)};
    rig->driver->reader_close(reader);
    const char *items[] = {"t"};
    struct leat_list patterns = {items, 1};
    reader = rig_reader(rig, &(struct leat_subscription){.logs = shop_log, .patterns = &patterns});
    seek(rig, reader, &place);
    rig_expect(rig, reader, "t:new t:new t:new ");
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
    leat_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(patterns_choose_topics_and_dead_letters_stay_out),
        BOTH(a_unit_for_one_consumer_is_read_by_it_alone),
        BOTH(only_the_logs_asked_for_are_read_and_each_is_a_split),
        BOTH(lanes_share_out_keys_and_all_see_control_records),
        BOTH(a_barrier_comes_to_each_lane_alone),
        BOTH(a_lane_without_records_moves_its_mark),
        BOTH(nothing_is_read_before_it_is_durable_and_the_fd_tells_when),
        BOTH(writers_side_by_side_keep_their_orders),
        BOTH(reading_begins_at_the_first_at_the_end_and_at_offsets),
        BOTH(a_reader_that_looked_for_an_offset_sees_what_is_written_behind_it),
        BOTH(reading_begins_at_a_time_of_commit),
        BOTH(every_cursor_goes_on_behind_its_record),
        BOTH(a_cursor_holds_when_the_patterns_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
