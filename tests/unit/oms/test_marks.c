/* What a stored mark is worth when a sink comes back, hints, and what retention keeps for whom. */
#include "rig.h"

#include <stdlib.h>

static const char *const shop_log[] = {"shop", NULL};
static const struct leat_subscription sink = {.logs = shop_log, .consumer = "shop.sink"};

static void write_numbers(struct rig *rig, struct leat_writer *writer, int from, int to)
{
    char text[16];
    for (int i = from; i <= to; i++) {
        snprintf(text, sizeof text, "%d", i);
        rig_write(rig, writer, "t", text);
    }
}

/* Reads one batch of at most `most` records and gives its mark. */
static struct leat_mark read_mark(struct rig *rig, struct leat_reader *reader, uint32_t most)
{
    struct leat_batch *batch = leat_batch_new((size_t)1 << 20, most);
    assert_status(rig_read(rig, reader, batch), LEAT_OK, &rig->err);
    struct leat_mark mark = {0};
    mark.owner_epoch = 7;
    mark.sequence = 9;
    leat_batch_mark(batch, &mark);
    assert_int_equal(mark.layout, LEAT_MARK_LAYOUT);
    assert_int_equal(mark.owner_epoch, 7);
    leat_batch_free(batch);
    return mark;
}

static void hint(struct rig *rig, struct leat_reader *reader, const struct leat_mark *mark)
{
    assert_status(rig->driver->hint(reader, 0, mark, &rig->err), LEAT_OK, &rig->err);
}

static void a_mark_inside_goes_on_and_one_behind_the_hint_was_rewound(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_reader *reader = rig_reader(rig, &sink);
    write_numbers(rig, writer, 1, 6);
    struct leat_mark none = {0};
    assert_int_equal(rig->driver->judge(reader, 0, &none), LEAT_MARK_NONE);
    struct leat_mark first = read_mark(rig, reader, 2), second = read_mark(rig, reader, 2);
    assert_int_equal(rig->driver->judge(reader, 0, &first), LEAT_MARK_INSIDE);
    hint(rig, reader, &second);
    rig->driver->reader_close(reader);
    reader = rig_reader(rig, &sink); /* the hint is kept */
    assert_int_equal(rig->driver->judge(reader, 0, &none), LEAT_MARK_LOST);
    assert_int_equal(rig->driver->judge(reader, 0, &first), LEAT_MARK_REWOUND);
    assert_int_equal(rig->driver->judge(reader, 0, &second), LEAT_MARK_INSIDE);
    first.generation = second.generation + 1; /* an operator sent it back */
    assert_int_equal(rig->driver->judge(reader, 0, &first), LEAT_MARK_INSIDE);
    assert_status(rig->driver->seek(reader, 0, &(struct leat_place){.kind = LEAT_AT_CURSOR, .cursor = first.cursor},
                                    &rig->err), LEAT_OK, &rig->err);
    assert_int_equal(read_mark(rig, reader, 1).generation, first.generation);
    rig_expect(rig, reader, "t:4 t:5 t:6 ");
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
}

static void marks_of_other_logs_and_of_later_times_are_refused(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_reader *reader = rig_reader(rig, &sink);
    write_numbers(rig, writer, 1, 2);
    struct leat_mark mark = read_mark(rig, reader, 9), other = mark;
    other.log_uuid[3] ^= 1;
    assert_int_equal(rig->driver->judge(reader, 0, &other), LEAT_MARK_FOREIGN);
    other = mark;
    other.incarnation[3] ^= 1;
    assert_int_equal(rig->driver->judge(reader, 0, &other), LEAT_MARK_FOREIGN);
    other = mark;
    other.cursor.len = 5;
    assert_int_equal(rig->driver->judge(reader, 0, &other), LEAT_MARK_FOREIGN);
    other = mark;
    other.cursor.bytes[0] = 1;
    assert_int_equal(rig->driver->judge(reader, 0, &other), rig->is_remote ? LEAT_MARK_AHEAD : LEAT_MARK_CUT);
    other.incarnation[3] ^= 1; /* of a clone, or of what came after a backup */
    assert_int_equal(rig->driver->judge(reader, 0, &other), rig->is_remote ? LEAT_MARK_FOREIGN : LEAT_MARK_AHEAD);
    assert_int_equal(rig->driver->judge(reader, 0, &mark), LEAT_MARK_INSIDE);
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
}

/* A sink that stops within a batch keeps the batch's mark with the cursor of a record in it. */
static void the_mark_of_a_batch_is_good_with_the_cursor_of_each_record(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    write_numbers(rig, writer, 1, 3);
    rig->driver->writer_close(writer);
    rig_close(rig);
    rig_open(rig); /* another incarnation */
    writer = rig_writer(rig);
    write_numbers(rig, writer, 4, 5);
    struct leat_reader *reader = rig_reader(rig, &sink);
    uint32_t total = 0;
    while (total < 5) {
        struct leat_batch *batch = leat_batch_new((size_t)1 << 20, 9);
        assert_status(rig_read(rig, reader, batch), LEAT_OK, &rig->err);
        assert_int_equal(leat_batch_count(batch), rig->is_remote ? 5 : total == 0 ? 3 : 2);
        for (uint32_t i = 0; i < leat_batch_count(batch); i++) {
            struct leat_mark mark = {0};
            leat_batch_mark(batch, &mark);
            mark.cursor = leat_batch_cursor(batch, i);
            assert_int_equal(rig->driver->judge(reader, 0, &mark), LEAT_MARK_INSIDE);
        }
        total += leat_batch_count(batch);
        leat_batch_free(batch);
    }
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
}

static void copy_log(const char *from, const char *to)
{
    char *command = leat_format_dup("rm -rf '%s' && cp -r '%s' '%s'", to, from, to);
    assert_int_equal(system(command), 0);
    free(command);
}

static void a_restored_backup_is_noticed_by_the_marks(void **state)
{
    struct rig *rig = *state;
    char *logs = leat_format_dup("%s/logs", rig->dir), *backup = leat_format_dup("%s/backup", rig->dir);
    struct leat_writer *writer = rig_writer(rig);
    write_numbers(rig, writer, 1, 2);
    rig->driver->writer_close(writer);
    rig_close(rig);
    copy_log(logs, backup);
    rig_open(rig);
    writer = rig_writer(rig);
    write_numbers(rig, writer, 3, 4);
    struct leat_reader *reader = rig_reader(rig, &sink);
    read_mark(rig, reader, 9); /* of what the backup has */
    struct leat_mark mark = read_mark(rig, reader, 9);
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
    rig_close(rig);
    rig_open(rig);
    reader = rig_reader(rig, &sink);
    assert_int_equal(rig->driver->judge(reader, 0, &mark), LEAT_MARK_INSIDE); /* an incarnation of our lineage */
    rig->driver->reader_close(reader);
    rig_close(rig);
    copy_log(backup, logs);
    rig_open(rig);
    writer = rig_writer(rig);
    write_numbers(rig, writer, 30, 60); /* grows beyond the mark again: other data at its place */
    reader = rig_reader(rig, &sink);
    assert_int_equal(rig->driver->judge(reader, 0, &mark), LEAT_MARK_FOREIGN);
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
    free(logs);
    free(backup);
}

/* A copy that was made while the log was written to, or a log whose tail is gone: it wrote what the mark stands at itself,
 * and does not have it. */
static void a_log_that_lost_its_tail_is_noticed_by_the_marks(void **state)
{
    struct rig *rig = *state;
    char *logs = leat_format_dup("%s/logs", rig->dir), *copy = leat_format_dup("%s/copy", rig->dir);
    struct leat_writer *writer = rig_writer(rig);
    struct leat_reader *reader = rig_reader(rig, &sink);
    write_numbers(rig, writer, 1, 2);
    copy_log(logs, copy);
    write_numbers(rig, writer, 3, 4);
    struct leat_mark mark = read_mark(rig, reader, 2), last = read_mark(rig, reader, 9);
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
    rig_close(rig);
    copy_log(copy, logs);
    rig_open(rig);
    reader = rig_reader(rig, &sink);
    assert_int_equal(rig->driver->judge(reader, 0, &mark), LEAT_MARK_INSIDE);
    assert_int_equal(rig->driver->judge(reader, 0, &last), LEAT_MARK_CUT);
    writer = rig_writer(rig);
    write_numbers(rig, writer, 30, 60); /* also when the log has grown beyond it */
    assert_int_equal(rig->driver->judge(reader, 0, &last), LEAT_MARK_CUT);
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
    free(logs);
    free(copy);
}

static void the_mark_tells_where_the_source_was(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_batch *batch = rig_batch();
    struct leat_field fields[] = {{.name = "file", .type = LEAT_TEXT, .native = "", .labels = ""},
                                  {.name = "pos", .type = LEAT_INT64, .native = "", .labels = ""}};
    struct leat_schema content = {.connector = "kit", .space = "", .name = "t", .source_fields = fields, .source_count = 2};
    struct leat_value source[] = {leat_value_string("bin.000007"), leat_value_int(4711)};
    struct leat_record *rec = rig_add(batch, "t", "x");
    rec->schema = leat_schema(&content);
    rec->source = leat_value_items(LEAT_STRUCT, source, 2);
    rig_append(rig, writer, batch);
    struct leat_reader *reader = rig_reader(rig, &sink);
    assert_string_equal(read_mark(rig, reader, 1).origin, "{\"file\":\"bin.000007\",\"pos\":4711,\"op\":\"c\",\"ts_ms\":1}");
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
    leat_batch_free(batch);
}

/* ---- retention ---- */

static struct leat_writer *retaining_writer(struct rig *rig)
{
    struct leat_writer_config config = {.log = "shop", .connector = "shop", .settings = {.retain_bytes = 1}};
    struct leat_writer *writer;
    const struct leat_positions *from;
    assert_status(rig->driver->writer_open(rig->access, &config, &writer, &from, &rig->err), LEAT_OK, &rig->err);
    return writer;
}

static void write_bulk(struct rig *rig, struct leat_writer *writer, const char *topic, int mebibytes)
{
    struct leat_batch *batch = leat_batch_new((size_t)8 << 20, 100);
    char *text = leat_malloc(((size_t)1 << 20) + 1);
    memset(text, 'x', (size_t)1 << 20);
    text[(size_t)1 << 20] = '\0';
    for (int i = 0; i < mebibytes; i++) {
        rig_add(batch, topic, text);
        rig_append(rig, writer, batch);
    }
    free(text);
    leat_batch_free(batch);
}

static void find_first(void *arg, const struct leat_topic_info *info)
{
    *(uint64_t *)arg = strcmp(info->name, "t") == 0 ? info->first : *(uint64_t *)arg;
}

/* A fold lets segments go, one after the other: one is written at every close. */
static uint64_t first_within(struct rig *rig, struct leat_writer **writer, uint64_t beyond, int64_t wait_us)
{
    uint64_t first = UINT64_MAX;
    rig->driver->writer_close(*writer);
    rig_close(rig);
    rig_open(rig);
    *writer = retaining_writer(rig);
    struct leat_time deadline = leat_after_us(wait_us);
    do {
        struct pollfd none = {.fd = -1};
        leat_os->poll(&none, 1, 20);
        assert_status(rig->driver->describe(rig->access, find_first, NULL, &first, &rig->err), LEAT_OK, &rig->err);
    } while (first <= beyond && leat_now().ns < deadline.ns);
    return first;
}

/* Waits for what is to go; where nothing is to go, one second is long enough to see that it did not. */
static bool goes_beyond(struct rig *rig, struct leat_writer **writer, uint64_t offset)
{
    return first_within(rig, writer, offset, 30000000) > offset;
}

static bool is_kept_at_reopen(struct rig *rig, struct leat_writer **writer)
{
    return first_within(rig, writer, 0, 1000000) == 0;
}

static void retention_waits_for_a_consumer_and_a_mark_before_it_is_gone(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = retaining_writer(rig);
    write_numbers(rig, writer, 1, 2);
    struct leat_reader *reader = rig_reader(rig, &sink);
    struct leat_mark early = read_mark(rig, reader, 1);
    rig->driver->reader_close(reader);
    write_bulk(rig, writer, "t", 6);
    assert_true(is_kept_at_reopen(rig, &writer)); /* the sink has read nothing for good yet */
    reader = rig_reader(rig, &sink);
    struct leat_mark last = early;
    struct leat_batch *batch = rig_batch();
    while (rig_read(rig, reader, batch) == LEAT_OK) {
        last = batch->mark;
        leat_batch_reset(batch);
    }
    leat_batch_free(batch);
    hint(rig, reader, &last);
    rig->driver->reader_close(reader);
    assert_true(goes_beyond(rig, &writer, 2));
    reader = rig_reader(rig, &sink);
    assert_int_equal(rig->driver->judge(reader, 0, &last), LEAT_MARK_INSIDE);
    assert_int_equal(rig->driver->judge(reader, 0, &early), LEAT_MARK_GONE);
    assert_int_equal(rig->driver->seek(reader, 0, &(struct leat_place){.kind = LEAT_AT_CURSOR, .cursor = early.cursor},
                                       &rig->err), LEAT_STOP);
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
}

static void a_sink_of_quiet_topics_pins_nothing_and_goes_on(void **state)
{
    struct rig *rig = *state;
    const char *items[] = {"quiet"};
    struct leat_list patterns = {items, 1};
    struct leat_subscription quiet = {.logs = shop_log, .consumer = "shop.sink", .patterns = &patterns};
    struct leat_writer *writer = retaining_writer(rig);
    rig_write(rig, writer, "quiet", "1");
    struct leat_reader *reader = rig_reader(rig, &quiet);
    struct leat_mark mark = read_mark(rig, reader, 1);
    hint(rig, reader, &mark);
    write_bulk(rig, writer, "t", 6);
    rig_expect(rig, reader, ""); /* passes over all of it */
    rig->driver->reader_close(reader);
    assert_true(goes_beyond(rig, &writer, 0));
    reader = rig_reader(rig, &quiet);
    assert_int_equal(rig->driver->judge(reader, 0, &mark), LEAT_MARK_INSIDE);
    assert_status(rig->driver->seek(reader, 0, &(struct leat_place){.kind = LEAT_AT_CURSOR, .cursor = mark.cursor},
                                    &rig->err), LEAT_OK, &rig->err);
    rig_write(rig, writer, "quiet", "2");
    rig_expect(rig, reader, "quiet:2 ");
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
}

static void the_slowest_lane_is_waited_for(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = retaining_writer(rig);
    write_numbers(rig, writer, 1, 2);
    struct leat_reader *lanes[2];
    for (uint32_t i = 0; i < 2; i++)
        lanes[i] = rig_reader(rig, &(struct leat_subscription){
                                       .logs = shop_log, .consumer = "shop.sink", .lane = i, .lanes = 2});
    write_bulk(rig, writer, "t", 6);
    rig_read_all(rig, lanes[0], NULL); /* without keys all records are of one lane; neither gives a hint */
    rig_read_all(rig, lanes[1], NULL);
    rig->driver->reader_close(lanes[0]);
    rig->driver->reader_close(lanes[1]);
    assert_true(is_kept_at_reopen(rig, &writer));
    struct leat_reader *one = rig_reader(rig, &sink); /* one lane again: the floors of the two are forgotten */
    struct leat_mark last = {0};
    struct leat_batch *batch = rig_batch();
    while (rig_read(rig, one, batch) == LEAT_OK) {
        last = batch->mark;
        leat_batch_reset(batch);
    }
    leat_batch_free(batch);
    hint(rig, one, &last);
    rig->driver->reader_close(one);
    assert_true(goes_beyond(rig, &writer, 0));
    rig->driver->writer_close(writer);
}

/* Memory is bounded: writers wait while a sink has not read, and go on when it has. */
static void what_is_full_waits_for_the_slowest_and_goes_on(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_reader *reader = rig_reader(rig, &sink);
    struct leat_batch *batch = leat_batch_new((size_t)8 << 20, 100), *read = leat_batch_new((size_t)8 << 20, 100);
    char *text = leat_calloc(1, ((size_t)4 << 20) + 1);
    memset(text, 'x', (size_t)4 << 20);
    rig_add(batch, "t", text);
    uint32_t written = 0, fullness = 0, total = 0;
    uint64_t ticket = 0;
    struct leat_time deadline = leat_after_us(3 * WAIT_US), patience = leat_after_us(1000000);
    while (total < 120) { /* 480 MiB through 256 */
        assert_true(leat_now().ns < deadline.ns);
        enum leat_status status = LEAT_AGAIN;
        while (written < 120 && (status = rig->driver->append(writer, batch, NULL, 0, NULL, &ticket, &rig->err)) == LEAT_OK) {
            written++;
            patience = leat_after_us(1000000);
        }
        assert_true(written == 120 || status == LEAT_AGAIN);
        struct pollfd news = {.fd = rig->driver->writer_fd(writer), .events = POLLIN};
        leat_os->poll(&news, 1, 100);
        if (written < 120 && leat_now().ns < patience.ns)
            continue;
        fullness += written < 120; /* no room came: now the sink reads what there is */
        patience = leat_after_us(1000000);
        while (rig_read(rig, reader, read) == LEAT_OK) {
            total += read->count;
            hint(rig, reader, &read->mark);
            leat_batch_reset(read);
        }
    }
    assert_in_range(fullness, 1, 100);
    assert_int_equal(total, 120);
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
    leat_batch_free(batch);
    leat_batch_free(read);
    free(text);
}

/* ---- beside a daemon, and lag ---- */

static void a_reader_beside_the_daemon_follows_it(void **state)
{
    struct rig *rig = *state, beside = {.url = rig->url, .dir = rig->dir};
    struct leat_writer *writer = rig_writer(rig);
    struct leat_batch *batch = rig_batch();
    struct kit_random random = {5};
    write_numbers(rig, writer, 1, 2);
    assert_status(leat_access_open(beside.url, beside.dir, true, &beside.driver, &beside.access, &beside.err), LEAT_OK,
                  &beside.err);
    struct leat_reader *reader = rig_reader(&beside, &(struct leat_subscription){.logs = shop_log});
    struct leat_time deadline = leat_after_us(WAIT_US);
    uint32_t count = 0;
    while (!kit_record(&random, batch)->schema) /* of a schema that is written only now */
        leat_batch_reset(batch);
    batch->records[0].flags = 0;
    rig_append(rig, writer, batch);
    while (count < 3 && leat_now().ns < deadline.ns) {
        count += rig_read_all(&beside, reader, NULL);
        struct pollfd news = {.fd = beside.driver->reader_fd(reader), .events = POLLIN};
        assert_true(count == 3 || leat_os->poll(&news, 1, 20000) == 1);
    }
    assert_int_equal(count, 3);
    beside.driver->reader_close(reader);
    const char *const nowhere[] = {"nowhere", NULL};
    struct leat_splits splits;
    assert_int_equal(beside.driver->reader_open(beside.access, &(struct leat_subscription){.logs = nowhere}, &reader,
                                                &splits, &beside.err), LEAT_STOP);
    rig_close(&beside);
    rig->driver->writer_close(writer);
    leat_batch_free(batch);
}

static void lag_counts_records_and_bytes_until_the_end_is_reached(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_reader *reader = rig_reader(rig, &sink);
    struct leat_lag lag;
    write_numbers(rig, writer, 1, 4);
    rig->driver->lag(reader, &lag);
    assert_true(lag.bytes > 0);
    assert_int_equal(lag.records, 4);
    read_mark(rig, reader, 1);
    int64_t before = lag.bytes;
    rig->driver->lag(reader, &lag);
    assert_true(lag.bytes > 0 && lag.bytes < before);
    assert_int_equal(lag.records, 3);
    assert_true(lag.us >= 0);
    rig_read_all(rig, reader, NULL);
    rig->driver->lag(reader, &lag);
    assert_int_equal(lag.bytes, 0);
    assert_int_equal(lag.records, 0);
    assert_int_equal(lag.us, 0);
    rig->driver->reader_close(reader);
    rig->driver->writer_close(writer);
}

static uint32_t forget(struct rig *rig, const char *consumer)
{
    uint32_t count;
    assert_status(rig->driver->forget(rig->access, consumer, &count, &rig->err), LEAT_OK, &rig->err);
    return count;
}

/* Consumers of the OpenMessaging API are named as their programs like. */
static void a_consumer_lets_go_of_no_other_ones_place(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_subscription app = sink, part = sink;
    app.consumer = "app";
    part.consumer = "app/eu";
    rig->driver->reader_close(rig_reader(rig, &part));
    rig->driver->reader_close(rig_reader(rig, &app));
    assert_int_equal(forget(rig, "app"), 1);
    assert_int_equal(forget(rig, "app/eu"), 1);
    rig->driver->writer_close(writer);
}

static void a_forgotten_consumer_holds_nothing_any_more(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_subscription lane = sink, other = sink;
    lane.lanes = 2;
    lane.consumer = "shop.lanes";
    other.consumer = "shop.lanes.more";
    for (lane.lane = 0; lane.lane < 2; lane.lane++)
        rig->driver->reader_close(rig_reader(rig, &lane));
    rig->driver->reader_close(rig_reader(rig, &sink));
    rig->driver->reader_close(rig_reader(rig, &other));
    rig->driver->writer_close(writer);
    assert_int_equal(forget(rig, "shop"), 0);
    assert_int_equal(forget(rig, "shop.sink"), 1);
    rig_close(rig);
    rig_open(rig);
    assert_int_equal(forget(rig, "shop.sink"), 0);
    assert_int_equal(forget(rig, "shop.lanes"), 2);
    assert_int_equal(forget(rig, "shop.lanes"), 0);
    assert_int_equal(forget(rig, "shop.lanes.more"), 1);
}

struct seen {
    uint64_t kept;
    uint32_t count;
    const char *name;
};

static void see_consumer(void *arg, const struct leat_consumer_info *info)
{
    struct seen *seen = arg;
    if (strcmp(info->name, seen->name) != 0)
        return;
    seen->count++;
    seen->kept = info->kept;
}

static struct seen consumer(struct rig *rig, const char *name)
{
    struct seen seen = {.name = name};
    rig->driver->consumers(rig->access, see_consumer, &seen);
    return seen;
}

static void lanes_are_one_consumer_that_keeps_what_the_last_of_them_has_not_read(void **state)
{
    struct rig *rig = *state;
    struct leat_writer *writer = rig_writer(rig);
    struct leat_subscription lane = sink, app = sink;
    struct leat_reader *reader;
    struct leat_mark mark;
    lane.lanes = 2;
    lane.consumer = "shop.lanes";
    app.consumer = "app/eu";
    for (lane.lane = 0; lane.lane < 2; lane.lane++)
        rig->driver->reader_close(rig_reader(rig, &lane));
    rig->driver->reader_close(rig_reader(rig, &app));
    assert_int_equal(consumer(rig, "shop.lanes").count, 1);
    uint64_t before = consumer(rig, "shop.lanes").kept;
    write_numbers(rig, writer, 1, 4);
    uint64_t kept = consumer(rig, "shop.lanes").kept;
    assert_true(kept > before);
    assert_int_equal(consumer(rig, "app/eu").kept, kept);
    reader = rig_reader(rig, &sink); /* has read all but one, which moves nobody else's place */
    mark = read_mark(rig, reader, 3);
    hint(rig, reader, &mark);
    rig->driver->reader_close(reader);
    assert_true(consumer(rig, "shop.sink").kept < kept);
    assert_int_equal(consumer(rig, "shop.lanes").kept, kept);
    rig->driver->writer_close(writer);
    forget(rig, "shop.lanes");
    assert_int_equal(consumer(rig, "shop.lanes").count, 0);
    assert_int_equal(consumer(rig, "app/eu").count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_mark_inside_goes_on_and_one_behind_the_hint_was_rewound),
        BOTH(marks_of_other_logs_and_of_later_times_are_refused),
        KEPT(the_mark_of_a_batch_is_good_with_the_cursor_of_each_record),
        LOCAL(a_restored_backup_is_noticed_by_the_marks)
        LOCAL(a_log_that_lost_its_tail_is_noticed_by_the_marks)
        BOTH(the_mark_tells_where_the_source_was),
        LOCAL(retention_waits_for_a_consumer_and_a_mark_before_it_is_gone)
        LOCAL(a_sink_of_quiet_topics_pins_nothing_and_goes_on)
        LOCAL(the_slowest_lane_is_waited_for)
        IN_MEMORY(what_is_full_waits_for_the_slowest_and_goes_on)
        KEPT(a_reader_beside_the_daemon_follows_it),
        BOTH(lag_counts_records_and_bytes_until_the_end_is_reached),
        KEPT(a_forgotten_consumer_holds_nothing_any_more),
        KEPT(a_consumer_lets_go_of_no_other_ones_place),
        LOCAL(lanes_are_one_consumer_that_keeps_what_the_last_of_them_has_not_read)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
