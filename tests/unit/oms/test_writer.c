/* The writing half of the contract of leat/driver.h, held against all drivers. */
#include "rig.h"

#include <stdlib.h>

static const struct leat_subscription everything = {0};

/* The driver's second life: where it keeps nothing, only writers and readers are opened again. */
static void reopen(struct rig *rig)
{
    if (!rig->is_kept)
        return;
    rig_close(rig);
    rig_open(rig);
}

static void assert_same(const struct leat_record *a, const struct leat_record *b)
{
    assert_ptr_equal(a->topic, b->topic);
    assert_ptr_equal(a->schema, b->schema);
    assert_int_equal(a->time_us, b->time_us);
    assert_int_equal(a->op, b->op);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->key_hash, b->key_hash);
    assert_true(leat_value_equal(&a->key, &b->key));
    assert_true(leat_value_equal(&a->value, &b->value));
    assert_true(leat_value_equal(&a->before, &b->before));
    assert_true(leat_value_equal(&a->headers, &b->headers));
    assert_true(leat_value_equal(&a->source, &b->source));
}

static void what_is_durable_is_read_as_it_was_written(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_batch *batch = rig_batch(), *read = rig_batch();
    struct kit_random random = {7};
    for (int i = 0; i < 200; i++)
        kit_record(&random, batch)->flags &= (uint8_t)~LEAT_DROPPED;
    uint64_t ticket;
    assert_status(rig->driver->append(writer, batch, NULL, 0, NULL, &ticket, &rig->err), LEAT_OK, &rig->err);
    rig_wait_durable(rig, writer, ticket);
    rig->driver->writer_close(writer);
    reopen(rig);
    struct leat_reader *reader = rig_reader(rig, &everything);
    uint32_t at = 0;
    while (rig_read(rig, reader, read) == LEAT_OK) {
        for (uint32_t i = 0; i < read->count; i++, at++)
            assert_same(&batch->records[at], &read->records[i]);
        leat_batch_reset(read);
    }
    assert_int_equal(at, 200);
    rig->driver->reader_close(reader);
    leat_batch_free(batch);
    leat_batch_free(read);
}

static void put_position(struct leat_batch *batch, const char *key, int64_t value)
{
    struct leat_value k = leat_value_string(key), v = value < 0 ? leat_value_null() : leat_value_int(value);
    leat_batch_position(batch, &k, &v);
}

static void expect_position(const struct leat_positions *positions, const char *key, int64_t value)
{
    struct leat_value k = leat_value_string(key);
    const struct leat_value *found = leat_positions_get(positions, &k);
    assert_true((found != NULL) == (value >= 0));
    if (found)
        assert_int_equal(found->as.i, value);
}

static void positions_become_durable_with_their_records(void **state)
{
    struct rig *rig = *state;
    const struct leat_positions *from;
    struct leat_writer *writer = rig_writer_of(rig, "shop", "shop", &from);
    assert_int_equal(leat_positions_count(from), 0);
    struct leat_batch *batch = rig_batch();
    put_position(batch, "binlog", 4711);
    put_position(batch, "snapshot", 1);
    rig_append(rig, writer, batch);
    rig_add(batch, "t", "one");
    put_position(batch, "binlog", 4712);
    put_position(batch, "binlog", 4713);
    put_position(batch, "snapshot", -1);
    rig_append(rig, writer, batch);
    rig->driver->writer_close(writer);
    reopen(rig);
    struct leat_writer *other = rig_writer_of(rig, "shop", "other", &from);
    assert_int_equal(leat_positions_count(from), 0);
    rig->driver->writer_close(other);
    writer = rig_writer_of(rig, "shop", "shop", &from);
    assert_int_equal(leat_positions_count(from), 1);
    expect_position(from, "binlog", 4713);
    expect_position(from, "snapshot", -1);
    rig->driver->writer_close(writer);
    leat_batch_free(batch);
}

struct seen {
    char text[1024];
};

static void see_state(void *arg, const char *log, const struct leat_state *state)
{
    struct seen *seen = arg;
    snprintf(seen->text + strlen(seen->text), sizeof seen->text - strlen(seen->text), "%s/%c/%s/%.*s=%.*s ", log,
             (char)state->kind, state->connector, (int)state->key.len, state->key.as.text, (int)state->value.len,
             state->value.as.text);
}

static void see_topic(void *arg, const struct leat_topic_info *info)
{
    struct seen *seen = arg;
    snprintf(seen->text + strlen(seen->text), sizeof seen->text - strlen(seen->text), "%s/%s/%d/%llu-%llu ", info->log,
             info->name, info->partition, (unsigned long long)info->first, (unsigned long long)info->next);
}

static void keyed_state_of_every_kind_is_kept_and_described(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_batch *batch = rig_batch();
    struct leat_value key = leat_value_string("k"), value = leat_value_string("v");
    leat_batch_state(batch, &key, &value);
    leat_batch_position(batch, &key, &value);
    const struct leat_state states[] = {
        {LEAT_STATE_INTENT, "shop.sink", key, value},
        {LEAT_STATE_HINT, "shop.sink", key, value},
        {LEAT_STATE_INTENT, "shop.gone", key, value},
        {LEAT_STATE_INTENT, "shop.gone", key, leat_value_null()},
    };
    uint64_t ticket;
    assert_status(rig->driver->append(writer, batch, states, 4, NULL, &ticket, &rig->err), LEAT_OK, &rig->err);
    rig_wait_durable(rig, writer, ticket);
    rig->driver->writer_close(writer);
    reopen(rig);
    struct seen seen = {""};
    assert_status(rig->driver->describe(rig->access, NULL, see_state, &seen, &rig->err), LEAT_OK, &rig->err);
    assert_string_equal(seen.text,
                        "shop/h/shop.sink/k=v shop/i/shop.sink/k=v shop/p/shop/k=v shop/t/shop/k=v ");
    leat_batch_free(batch);
}

static void state_is_written_without_a_batch(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_state intent = {LEAT_STATE_INTENT, "shop.sink", leat_value_string("x"), leat_value_string("y")};
    uint64_t ticket;
    assert_status(rig->driver->append(writer, NULL, &intent, 1, NULL, &ticket, &rig->err), LEAT_OK, &rig->err);
    rig_wait_durable(rig, writer, ticket);
    struct seen seen = {""};
    assert_status(rig->driver->describe(rig->access, NULL, see_state, &seen, &rig->err), LEAT_OK, &rig->err);
    assert_string_equal(seen.text, "shop/i/shop.sink/x=y ");
    rig->driver->writer_close(writer);
}

static void dropped_records_are_not_written(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_batch *batch = rig_batch();
    rig_add(batch, "t", "one");
    rig_add(batch, "t", "two")->flags = LEAT_DROPPED;
    rig_add(batch, "t", "three");
    rig_append(rig, writer, batch);
    rig_add(batch, "t", "four")->flags = LEAT_DROPPED;
    rig_append(rig, writer, batch); /* nothing is left, and it counts as durable all the same */
    rig_expect_of(rig, &everything, "t:one t:three ");
    rig->driver->writer_close(writer);
    leat_batch_free(batch);
}

static void offsets_count_per_topic_through_frames_and_units(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_batch *batch = leat_batch_new((size_t)64 << 20, 100000), *read = rig_batch();
    char *text = leat_malloc(20001);
    memset(text, 'x', 20000);
    text[20000] = '\0';
    for (int unit = 0; unit < 3; unit++) {
        for (int i = 0; i < 60; i++) /* more than a frame holds */
            rig_add(batch, i % 3 ? "many" : "few", text);
        rig_append(rig, writer, batch);
    }
    rig->driver->writer_close(writer);
    reopen(rig);
    struct leat_reader *reader = rig_reader(rig, &everything);
    uint64_t many = 0, few = 0;
    while (rig_read(rig, reader, read) == LEAT_OK) {
        for (uint32_t i = 0; i < read->count; i++)
            assert_int_equal(read->records[i].offset,
                             read->records[i].topic == leat_topic("many", 4) ? many++ : few++);
        leat_batch_reset(read);
    }
    assert_int_equal(many, 120);
    assert_int_equal(few, 60);
    struct seen seen = {""};
    assert_status(rig->driver->describe(rig->access, see_topic, NULL, &seen, &rig->err), LEAT_OK, &rig->err);
    assert_string_equal(seen.text, "shop/few/0/0-60 shop/many/0/0-120 ");
    rig->driver->reader_close(reader);
    free(text);
    leat_batch_free(batch);
    leat_batch_free(read);
}

static void who_opens_later_fences_who_was_there(void **state)
{
    struct rig *rig = *state;
    struct leat_batch *batch = rig_batch();
    struct kit_random random = {3};
    struct leat_writer *old = rig_writer(rig);
    rig_write(rig, old, "t", "one");
    struct leat_writer *new = rig_writer(rig);
    uint64_t ticket;
    /* The fenced one is the first to use a schema: that it never wrote it must not be lost on the other. */
    while (!kit_record(&random, batch)->schema)
        leat_batch_reset(batch);
    batch->records[0].flags = 0;
    assert_int_equal(rig->driver->append(old, batch, NULL, 0, NULL, &ticket, &rig->err), LEAT_FENCED);
    assert_int_equal(rig->err.cause, LEAT_CAUSE_FENCED);
    assert_status(rig->driver->append(new, batch, NULL, 0, NULL, &ticket, &rig->err), LEAT_OK, &rig->err);
    rig_wait_durable(rig, new, ticket);
    rig->driver->writer_close(old);
    rig->driver->writer_close(new);
    reopen(rig);
    struct leat_reader *reader = rig_reader(rig, &everything);
    assert_int_equal(rig_read_all(rig, reader, NULL), 2);
    rig->driver->reader_close(reader);
    leat_batch_free(batch);
}

static void tasks_of_one_connector_do_not_fence_each_other(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writers[2];
    const struct leat_positions *from;
    for (uint32_t i = 0; i < 2; i++) {
        struct leat_writer_config config = {.log = "shop", .connector = "shop", .task = i};
        assert_status(rig->driver->writer_open(rig->access, &config, &writers[i], &from, &rig->err), LEAT_OK, &rig->err);
    }
    rig_write(rig, writers[0], "t", "zero");
    rig_write(rig, writers[1], "t", "one");
    rig_write(rig, writers[0], "t", "two");
    rig_expect_of(rig, &everything, "t:zero t:one t:two ");
    rig->driver->writer_close(writers[0]);
    rig->driver->writer_close(writers[1]);
}

static void the_byte_budget_bounds_what_is_not_durable(void **state)
{
    struct rig *rig = *state;
    struct leat_writer_config config = {
        .log = "shop", .connector = "shop", .batch_bytes = 1, .settings = {.fsync = LEAT_FSYNC_EVERY, .fsync_every_us = 1500000}};
    struct leat_writer *writer;
    const struct leat_positions *from;
    assert_status(rig->driver->writer_open(rig->access, &config, &writer, &from, &rig->err), LEAT_OK, &rig->err);
    struct leat_batch *batch = rig_batch();
    uint64_t first, second;
    rig_add(batch, "t", "one");
    assert_status(rig->driver->append(writer, batch, NULL, 0, NULL, &first, &rig->err), LEAT_OK, &rig->err);
    enum leat_status status = rig->driver->append(writer, batch, NULL, 0, NULL, &second, &rig->err);
    for (int i = 0; rig->is_remote && status == LEAT_OK && i < 1000; i++) { /* it was quick */
        first = second;
        status = rig->driver->append(writer, batch, NULL, 0, NULL, &second, &rig->err);
    }
    assert_status(status, LEAT_AGAIN, &rig->err);
    struct leat_time deadline = leat_after_us(WAIT_US);
    while (status == LEAT_AGAIN && leat_now().ns < deadline.ns) { /* the bell says when */
        struct pollfd news = {.fd = rig->driver->writer_fd(writer), .events = POLLIN};
        assert_int_equal(leat_os->poll(&news, 1, 20000), 1);
        status = rig->driver->append(writer, batch, NULL, 0, NULL, &second, &rig->err);
    }
    assert_status(status, LEAT_OK, &rig->err);
    assert_true(second > first);
    uint64_t durable;
    assert_status(rig->driver->durable(writer, &durable, &rig->err), LEAT_OK, &rig->err);
    assert_true(durable >= first);
    rig->driver->writer_close(writer);
    leat_batch_free(batch);
}

static struct leat_value nested(struct leat_batch *batch, int depth)
{
    struct leat_value value = leat_value_int(1);
    for (int i = 0; i < depth; i++) {
        struct leat_value *item = leat_batch_alloc(batch, sizeof *item);
        *item = value;
        value = leat_value_items(LEAT_ARRAY, item, 1);
    }
    return value;
}

static void records_that_no_log_can_hold_are_refused_one_by_one(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_batch *batch = rig_batch();
    rig_add(batch, "t", "one");
    rig_add(batch, "t", "")->value = nested(batch, 2000);
    rig_add(batch, "t", "three");
    rig_add(batch, "t", "")->value = nested(batch, 2000);
    uint64_t ticket;
    assert_int_equal(rig->driver->append(writer, batch, NULL, 0, NULL, &ticket, &rig->err), LEAT_REJECT);
    assert_int_equal(batch->refusal_count, 2);
    assert_int_equal(batch->refusals[0].index, 1);
    assert_int_equal(batch->refusals[1].index, 3);
    leat_batch_clear_refusals(batch);
    leat_batch_remove(batch, 3);
    leat_batch_remove(batch, 1);
    rig_append(rig, writer, batch);
    rig_expect_of(rig, &everything, "t:one t:three ");
    rig->driver->writer_close(writer);
    leat_batch_free(batch);
}

/* While one writer is about to open all logs, to learn which partitions are taken, another one defines the topic. */
static struct {
    struct rig *rig;
    struct leat_writer *writer; /* NULL: nothing is to happen */
} meanwhile;

static DIR *define_meanwhile(const char *path)
{
    struct leat_writer *writer = meanwhile.writer;
    meanwhile.writer = NULL;
    if (writer)
        rig_write(meanwhile.rig, writer, "t", "meanwhile");
    return leat_os_real.opendir(path);
}

static void note_partition(void *arg, const struct leat_topic_info *info)
{
    int *seen = arg;
    assert_in_range(info->partition, 0, 2);
    assert_int_equal(seen[info->partition]++, 0);
}

static void two_writers_that_define_a_topic_at_once_give_it_two_partitions(void **state)
{
    struct rig *rig = *state;
    struct leat_os os = leat_os_real;
    int seen[3] = {0};
    struct leat_writer *one = rig_writer_of(rig, "one", "one", NULL);
    rig_write(rig, one, "t", "before");
    rig->driver->writer_close(one);
    rig_close(rig);
    os.opendir = define_meanwhile;
    leat_os = &os;
    rig_open(rig); /* log "one" is not open yet */
    struct leat_writer *two = rig_writer_of(rig, "two", "two", NULL), *three = rig_writer_of(rig, "three", "three", NULL);
    meanwhile.rig = rig;
    meanwhile.writer = three;
    rig_write(rig, two, "t", "first");
    assert_null(meanwhile.writer);
    assert_status(rig->driver->describe(rig->access, note_partition, NULL, seen, &rig->err), LEAT_OK, &rig->err);
    assert_int_equal(seen[0] + seen[1] + seen[2], 3);
    rig->driver->writer_close(two);
    rig->driver->writer_close(three);
    rig_close(rig);
    leat_os = &leat_os_real;
}

static void each_log_holds_another_partition_of_a_topic(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *shop = rig_writer_of(rig, "shop", "shop", NULL);
    rig_write(rig, shop, "t", "one");
    rig->driver->writer_close(shop);
    reopen(rig); /* the log of the other partition is not open yet when the second one comes */
    struct leat_writer *other = rig_writer_of(rig, "other", "other", NULL);
    rig_write(rig, other, "t", "two");
    rig->driver->writer_close(other);
    reopen(rig);
    struct seen seen = {""};
    assert_status(rig->driver->describe(rig->access, see_topic, NULL, &seen, &rig->err), LEAT_OK, &rig->err);
    assert_non_null(strstr(seen.text, "other/t/1/0-1 "));
    assert_non_null(strstr(seen.text, "shop/t/0/0-1 "));
    struct leat_reader *reader = rig_reader(rig, &everything);
    struct leat_batch *read = rig_batch();
    for (int i = 0; i < 2; i++) {
        assert_status(rig_read(rig, reader, read), LEAT_OK, &rig->err);
        assert_int_equal(read->records[0].partition, read->records[0].value.len == 3 && read->records[0].value.as.text[0] == 't');
        leat_batch_reset(read);
    }
    rig->driver->reader_close(reader);
    leat_batch_free(read);
}

static void names_that_leave_the_directory_are_refused(void **state)
{
    struct rig *rig = *state;
    const char *const names[] = {"", ".", "..", "a/b", "../x", ".hidden", NULL};
    struct leat_writer *writer;
    const struct leat_positions *from;
    for (size_t i = 0; names[i]; i++) {
        struct leat_writer_config config = {.log = names[i], .connector = "shop"};
        assert_int_equal(rig->driver->writer_open(rig->access, &config, &writer, &from, &rig->err), LEAT_STOP);
        assert_int_equal(rig->err.cause, LEAT_CAUSE_CONFIG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(what_is_durable_is_read_as_it_was_written),
        BOTH(positions_become_durable_with_their_records),
        BOTH(keyed_state_of_every_kind_is_kept_and_described),
        BOTH(state_is_written_without_a_batch),
        BOTH(dropped_records_are_not_written),
        BOTH(offsets_count_per_topic_through_frames_and_units),
        BOTH(who_opens_later_fences_who_was_there),
        BOTH(tasks_of_one_connector_do_not_fence_each_other),
        BOTH(the_byte_budget_bounds_what_is_not_durable),
        BOTH(records_that_no_log_can_hold_are_refused_one_by_one),
        BOTH(each_log_holds_another_partition_of_a_topic),
        LOCAL(two_writers_that_define_a_topic_at_once_give_it_two_partitions)
        BOTH(names_that_leave_the_directory_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
