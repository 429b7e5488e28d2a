/* fake.h - a pipeline of two fake plug-ins over the memory driver, driven by a script of what goes
 * wrong when.
 *
 *   fake source   numbers 1..count, one record each, then the end (or nothing more)
 *   fake target   remembers every number that it took, and the marks: it outlives the sink, as a
 * database would
 *
 * What a test reads while tasks run is atomic; all else is read after the join.
 */
#ifndef LEAT_UNIT_TASK_FAKE_H
#define LEAT_UNIT_TASK_FAKE_H

#include <base/memory.h>
#include <base/os.h>
#include <base/thread.h>
#include <config/tree.h>
#include <kit/cmocka.h>
#include <leat/metric.h>
#include <leat/value.h>
#include <model/batch.h>
#include <model/lost.h>
#include <oms/access.h>
#include <stdio.h>
#include <stdlib.h>
#include <task/task_run.h>

#define FAKE_MOST   4096
#define FAKE_WAIT_S 20 /* longer than anything takes; a test that waits so long has failed */

struct fake {
    /* The script of the source. */
    int64_t count, per_batch;  /* numbers to give (atomic), and how many in a batch at most */
    int64_t transaction;       /* numbers of a transaction; 0: none */
    bool goes_on;              /* no end after the last number */
    int64_t retry_at, retries; /* poll() asks for a retry before this number, so often */
    int64_t stop_at;           /* poll() gives up before this number; 0: never */
    leat_side_f *side;         /* started at open */
    int guard_fd;              /* poll() blocks here; 0: it does not */
    bool has_origins;          /* records say which number they are */
    int64_t left_out, twin;    /* a number that does not come; one that says it is the one before it */
    const int64_t *gaps;       /* numbers in front of which a gap record comes, without an origin; ends with 0 */
    /* The script of the sink. */
    const int64_t *refuses;    /* ends with 0 */
    bool keeps_mark, is_async; /* is_async: settle() does what put() took, if `settles` */
    bool has_room;             /* put() takes more while something waits */
    bool settles;              /* atomic */
    int64_t put_retry_at, put_retries;
    bool refuses_late, refuses_early; /* early: LEAT_REFUSES_EARLY */
    /* What was seen. */
    int64_t next;
    int64_t opened, closed, sink_opened, durable; /* atomic */
    uint64_t handed_out; /* number of the last batch */
    int64_t taken[FAKE_MOST];
    int64_t taken_count; /* atomic */
    int64_t gaps_taken;
    struct leat_mark mark;
    const char *owner; /* who wrote it; NULL: not known */
    uint64_t waiting; /* number of the last batch that was put and is not settled */
    struct leat_mark waiting_mark;
    int64_t staged[FAKE_MOST], staged_count; /* staged_count: atomic */
    int changes; /* atomic: changes of state */
    /* The world. */
    struct leat_access *access;
    const struct leat_driver_type *driver;
    struct leat_driver_type as_if_kept;
    struct leat_pipeline_def pipeline;
    struct leat_connector_def source, sink;
    struct leat_once *once;
    int64_t memory_bytes;
};

static struct fake fake; /* plug-ins get no pointer of the test's: this is theirs */

static inline int64_t fake_get(const int64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}
static inline void fake_set(int64_t *counter, int64_t value)
{
    __atomic_store_n(counter, value, __ATOMIC_RELEASE);
}

/* ---- source ---- */

static enum leat_status fake_open(void *self, struct leat_task *task,
                                  const struct leat_positions *from, struct leat_error *err)
{
    struct leat_value key = leat_value_string("n");
    const struct leat_value *last = leat_positions_get(from, &key);
    (void)self;
    fake.next = last ? last->as.i + 1 : 1;
    fake.handed_out = 0;
    fake_set(&fake.opened, fake.opened + 1);
    return fake.side ? leat_task_side(task, "fake-side", fake.side, NULL, err) : LEAT_OK;
}

static void fake_set_origin(struct leat_batch *batch, struct leat_record *rec, int64_t n)
{
    static const struct leat_field fields[] = {{.name = "n", .type = LEAT_INT64, .native = "", .labels = ""}};
    struct leat_value number = leat_value_int(n == fake.twin ? n - 1 : n), source = leat_value_items(LEAT_STRUCT, &number, 1);
    rec->schema = leat_schema(&(struct leat_schema){
        .connector = "fake", .space = "db", .name = "numbers", .source_fields = fields, .source_count = 1});
    rec->source = leat_batch_copy_value(batch, &source);
}

static int fake_origin_order(const struct leat_value *a, const struct leat_value *b)
{
    const struct leat_value *first = leat_map_get(a, "n"), *second = leat_map_get(b, "n");
    return !first || !second ? LEAT_NO_ORDER : first->as.i < second->as.i ? -1 : first->as.i > second->as.i;
}

static bool fake_is_among(const int64_t *numbers, int64_t n)
{
    for (; numbers && *numbers; numbers++)
        if (*numbers == n)
            return true;
    return false;
}

static void fake_add(struct leat_task *task, struct leat_batch *batch, int64_t n)
{
    if (n == fake.left_out)
        return;
    if (fake_is_among(fake.gaps, n)) {
        struct leat_record *gap = leat_batch_add(batch);
        gap->topic = leat_task_route(task, "db", "numbers");
        leat_lost_put(batch, gap, (uint64_t)n, 1, n);
    }
    struct leat_record *rec = leat_batch_add(batch);
    if (fake.has_origins)
        fake_set_origin(batch, rec, n);
    rec->topic = leat_task_route(task, "db", "numbers");
    rec->op = LEAT_CREATE;
    rec->time_us = n;
    rec->value = leat_value_int(n);
    if (fake.transaction > 0 && n % fake.transaction == 0)
        rec->flags = LEAT_ENDS_TRANSACTION;
}

static void fake_position(struct leat_batch *batch, int64_t n)
{
    struct leat_value key = leat_value_string("n"), value = leat_value_int(n);
    leat_batch_position(batch, &key, &value);
}

static enum leat_status fake_block(struct leat_task *task, struct leat_error *err)
{
    char byte;
    leat_task_guard(task, fake.guard_fd);
    ssize_t got = leat_os->recv(fake.guard_fd, &byte, 1, 0);
    leat_task_guard(task, -1);
    return leat_fail(err, LEAT_RETRY, "the connection has ended (%d)", (int)got);
}

static enum leat_status fake_poll(void *self, struct leat_task *task, struct leat_batch **out,
                                  struct leat_error *err)
{
    (void)self;
    if (fake.guard_fd > 0)
        return fake_block(task, err);
    if ((*out = leat_task_receive(task)))
        return LEAT_OK;
    if (fake.next == fake.retry_at && fake.retries > 0) {
        fake.retries--;
        return leat_fail(err, LEAT_RETRY, "the server went away");
    }
    if (fake.next == fake.stop_at)
        return leat_fail(err, LEAT_STOP, "the server was turned off for good");
    int64_t count = fake_get(&fake.count);
    if (fake.next > count && !fake.goes_on)
        return LEAT_EOF;
    if (fake.next > count) {
        leat_wait(task, -1, 0, leat_after_us(50000));
        return LEAT_AGAIN;
    }
    struct leat_batch *batch = leat_batch_take(task);
    if (!batch)
        return LEAT_AGAIN;
    int64_t first = fake.next;
    while (fake.next <= count && fake.next - first < fake.per_batch && !leat_batch_is_full(batch) &&
           (fake.next != fake.retry_at || fake.retries == 0) && fake.next != fake.stop_at)
        fake_add(task, batch, fake.next++);
    fake_position(batch, fake.next - 1);
    assert_true(leat_batch_number(batch) > fake.handed_out); /* a source learns it here, not later */
    fake.handed_out = leat_batch_number(batch);
    *out = batch;
    return LEAT_OK;
}

static void fake_durable(void *self, struct leat_task *task, uint64_t up_to_batch)
{
    (void)self, (void)task;
    assert_true(up_to_batch <= fake.handed_out || fake.handed_out == 0); /* 0: side threads fill the batches */
    fake_set(&fake.durable, (int64_t)up_to_batch);
}

static void fake_close(void *self, struct leat_task *task)
{
    (void)self, (void)task;
    fake_set(&fake.closed, fake.closed + 1);
}

static const struct leat_option fake_no_options[] = {{0}};

static struct leat_source_type fake_source = {.struct_size = sizeof(struct leat_source_type),
                                              .traits = LEAT_REPLAYABLE,
                                              .name = "fake",
                                              .about = "Numbers.",
                                              .size = 1,
                                              .options = fake_no_options,
                                              .topic = "{database}.{table}",
                                              .open = fake_open,
                                              .poll = fake_poll,
                                              .durable = fake_durable,
                                              .close = fake_close,
                                              .origin_order = fake_origin_order};

/* ---- sink ---- */

static enum leat_status fake_sink_open(void *self, struct leat_task *task,
                                       const struct leat_splits *claim, struct leat_marks *stored,
                                       enum leat_guarantee *guarantee, struct leat_error *err)
{
    (void)self, (void)task, (void)err;
    assert_int_equal(claim->count, 1);
    *guarantee = LEAT_EXACTLY_ONCE;
    if (fake.keeps_mark)
        stored->items[0] = fake.mark;
    if (claim->count > 0 && fake.owner)
        snprintf(stored->owners[0], LEAT_OWNER_MAX, "%s", fake.owner);
    fake.waiting = 0;
    fake_set(&fake.staged_count, 0);
    fake_set(&fake.sink_opened, fake.sink_opened + 1);
    return LEAT_OK;
}

static int64_t fake_number(const struct leat_record *rec)
{
    return rec->value.type == LEAT_INT64 ? rec->value.as.i : -1;
}

static bool fake_refuse(const struct leat_batch *batch)
{
    bool has_any = false;
    for (uint32_t i = 0; i < leat_batch_count(batch); i++) {
        if (!fake_is_among(fake.refuses, fake_number(leat_batch_get(batch, i))))
            continue;
        leat_batch_reject((struct leat_batch *)(uintptr_t)batch, i, "an unlucky number");
        has_any = true;
    }
    return has_any;
}

static void fake_commit(const int64_t *numbers, int64_t count, const struct leat_mark *mark)
{
    int64_t at = fake.taken_count;
    assert_true(at + count <= FAKE_MOST);
    memcpy(fake.taken + at, numbers, (size_t)count * sizeof *numbers);
    fake.mark = *mark;
    fake.mark.sequence++;
    fake_set(&fake.taken_count, at + count);
}

static enum leat_status fake_put(void *self, struct leat_task *task, const struct leat_batch *batch,
                                 struct leat_error *err)
{
    (void)self, (void)task;
    uint32_t count = leat_batch_count(batch);
    if (!fake.refuses_late && fake_refuse(batch))
        return LEAT_REJECT;
    if (fake.is_async && fake.waiting && !fake.has_room)
        return LEAT_AGAIN;
    fake.waiting_mark = fake.mark;
    leat_batch_mark(batch, &fake.waiting_mark);
    for (uint32_t i = 0; i < count; i++) {
        int64_t n = fake_number(leat_batch_get(batch, i));
        if (leat_batch_get(batch, i)->op == LEAT_GAP) {
            fake.gaps_taken++;
            continue;
        }
        if (n == fake.put_retry_at && fake.put_retries > 0) {
            fake.put_retries--;
            fake_set(&fake.staged_count, 0);
            return leat_fail(err, LEAT_RETRY, "the target went away");
        }
        fake.staged[fake.staged_count] = n;
        fake_set(&fake.staged_count, fake.staged_count + 1);
    }
    fake.waiting = leat_batch_number(batch);
    if (fake.is_async)
        return LEAT_OK;
    fake_commit(fake.staged, fake.staged_count, &fake.waiting_mark);
    fake_set(&fake.staged_count, 0);
    return LEAT_OK;
}

static enum leat_status fake_settle(void *self, struct leat_task *task, uint64_t *done,
                                    struct leat_rejects *rejects, struct leat_time *next,
                                    struct leat_error *err)
{
    int64_t kept = 0;
    (void)self, (void)task, (void)err;
    *next = leat_after_us(1000);
    if (!fake.waiting || !__atomic_load_n(&fake.settles, __ATOMIC_ACQUIRE))
        return LEAT_OK;
    for (int64_t i = 0; i < fake.staged_count; i++) {
        if (fake.refuses_late && fake_is_among(fake.refuses, fake.staged[i]))
            leat_rejects_add(rejects, fake.waiting, (uint32_t)i, "an unlucky number");
        else
            fake.staged[kept++] = fake.staged[i];
    }
    fake_commit(fake.staged, kept, &fake.waiting_mark);
    fake_set(&fake.staged_count, 0);
    *done = fake.waiting;
    fake.waiting = 0;
    return LEAT_OK;
}

static enum leat_status fake_flush(void *self, struct leat_task *task, struct leat_time deadline,
                                   struct leat_error *err)
{
    (void)self, (void)err;
    while (fake.waiting && !__atomic_load_n(&fake.settles, __ATOMIC_ACQUIRE)) {
        if (leat_is_past(deadline) || (deadline.ns == INT64_MAX && leat_task_is_stopping(task)))
            return LEAT_AGAIN;
        leat_os->poll(NULL, 0, 1);
    }
    return LEAT_OK;
}

static void fake_sink_close(void *self, struct leat_task *task)
{
    (void)self, (void)task;
}

static struct leat_sink_type fake_sink = {.struct_size = sizeof(struct leat_sink_type),
                                          .name = "fake",
                                          .about = "Numbers.",
                                          .size = 1,
                                          .options = fake_no_options,
                                          .open = fake_sink_open,
                                          .put = fake_put,
                                          .close = fake_sink_close};

/* ---- the world ---- */

static const struct leat_tree fake_tree = {.kind = LEAT_TREE_MAP};

static inline struct leat_use fake_use(const char *name, size_t size)
{
    return (struct leat_use){.name = name,
                             .options = fake_no_options,
                             .size = size,
                             .tree = &fake_tree,
                             .base_dir = "/",
                             .where = "test"};
}

/* cmocka's setup: a fresh world; the test changes `fake` before it starts tasks. */
static inline int fake_setup(void **state)
{
    struct leat_error err = {0};
    (void)state;
    fake = (struct fake){
        .per_batch = 10, .keeps_mark = true, .settles = true, .memory_bytes = 1 << 20};
    enum leat_status status =
        leat_access_open("oms:memory:", "/nowhere", false, &fake.driver, &fake.access, &err);
    assert_status(status, LEAT_OK, &err);
    fake.as_if_kept = *fake.driver; /* promises are tested as of topics that are kept */
    fake.as_if_kept.name = "fake";
    fake.driver = &fake.as_if_kept;
    fake.source = (struct leat_connector_def){
        .name = "shop", .source = &fake_source, .use = fake_use("fake", 1), .parallel = 1};
    fake.sink = (struct leat_connector_def){
        .name = "shop.copy", .sink = &fake_sink, .use = fake_use("fake", 1), .parallel = 1};
    fake.source.errors = fake.sink.errors =
        (struct leat_errors_def){.retry_first_us = 1000, .retry_most_us = 4000};
    fake.pipeline = (struct leat_pipeline_def){.name = "shop",
                                               .log = "shop",
                                               .source = &fake.source,
                                               .sinks = &fake.sink,
                                               .sink_count = 1,
                                               .max_record = 1 << 20};
    return 0;
}

static inline int fake_teardown(void **state)
{
    (void)state;
    if (fake.once)
        leat_once_free(fake.once);
    fake.driver->close(fake.access);
    return 0;
}

static void fake_changed(void *arg, struct leat_task *task)
{
    (void)arg, (void)task;
    __atomic_add_fetch(&fake.changes, 1, __ATOMIC_RELAXED);
}

static inline struct leat_task *fake_start(const struct leat_connector_def *connector)
{
    struct leat_error err = {0};
    fake_sink.traits = (fake.keeps_mark ? LEAT_KEEPS_MARK : 0) | (fake.refuses_early ? LEAT_REFUSES_EARLY : 0) |
                       (fake.gaps ? LEAT_WANTS_CONTROL : 0);
    fake_sink.settle = fake.is_async ? fake_settle : NULL;
    fake_sink.flush = fake.is_async ? fake_flush : NULL;
    struct leat_task *task =
        leat_task_new(&(struct leat_task_config){.pipeline = &fake.pipeline,
                                                 .connector = connector,
                                                 .count = 1,
                                                 .access = fake.access,
                                                 .driver = fake.driver,
                                                 .memory_bytes = fake.memory_bytes,
                                                 .once = fake.once,
                                                 .changed = fake_changed});
    assert_status(leat_task_start(task, &err), LEAT_OK, &err);
    return task;
}

static inline enum leat_task_state fake_state(struct leat_task *task)
{
    struct leat_task_status status;
    leat_task_status(task, &status);
    return status.state;
}

static inline const char *fake_trouble(struct leat_task *task)
{
    static struct leat_task_status status;
    leat_task_status(task, &status);
    return status.error.text;
}

/* Real time, also under a virtual clock. */
static inline int64_t fake_real_ns(void)
{
    return leat_clock_real.now(leat_clock_real.arg).ns;
}

/* Waits until the condition holds; fails the test after FAKE_WAIT_S. */
#define fake_until(condition)                                                                      \
    do {                                                                                           \
        int64_t by_ = fake_real_ns() + FAKE_WAIT_S * (int64_t)1000000000;                          \
        while (!(condition)) {                                                                     \
            if (fake_real_ns() > by_)                                                              \
                fail_msg("waited %d s for: %s", FAKE_WAIT_S, #condition);                          \
            leat_os->poll(NULL, 0, 1);                                                             \
        }                                                                                          \
    } while (0)

static inline bool fake_is_over(struct leat_task *task)
{
    enum leat_task_state state = fake_state(task);
    return state == LEAT_TASK_DONE || state == LEAT_TASK_STOPPED || state == LEAT_TASK_FAILED ||
           state == LEAT_TASK_FENCED;
}

/* Waits for the end, checks how it ended, frees. */
static inline void fake_end(struct leat_task *task, enum leat_task_state wanted)
{
    fake_until(fake_is_over(task));
    leat_task_join(task);
    if (fake_state(task) != wanted)
        fail_msg("%s is %s: %s", leat_task_name(task), leat_task_state_name(fake_state(task)),
                 fake_trouble(task));
    leat_task_free(task);
}

static inline void fake_stop(struct leat_task *task)
{
    leat_task_stop(task, leat_after_us(5000000));
    fake_end(task, LEAT_TASK_STOPPED);
}

/* Both to the end, as `leat run --once` does. */
static inline void fake_run_once(enum leat_task_state source_end, enum leat_task_state sink_end)
{
    fake.once = leat_once_new(1);
    struct leat_task *source = fake_start(&fake.source), *sink = fake_start(&fake.sink);
    fake_end(source, source_end);
    fake_end(sink, sink_end);
    leat_once_free(fake.once);
    fake.once = NULL;
}

/* The target holds first..last, each once, in order, without those of `but` (ends with 0). */
static inline void fake_assert_taken(int64_t first, int64_t last, const int64_t *but)
{
    int64_t at = 0;
    for (int64_t n = first; n <= last; n++) {
        bool is_out = false;
        for (const int64_t *out = but; out && *out; out++)
            is_out |= *out == n;
        if (is_out)
            continue;
        if (at >= fake.taken_count || fake.taken[at] != n)
            fail_msg("at %lld there is %lld of %lld, and should be %lld", (long long)at,
                     at < fake.taken_count ? (long long)fake.taken[at] : -1,
                     (long long)fake.taken_count, (long long)n);
        at++;
    }
    assert_int_equal(at, fake.taken_count);
}

/* ---- what is in a topic ---- */

typedef void fake_record_f(void *arg, const struct leat_record *rec);

/* Reads a topic from its start; returns the number of records. */
static inline uint32_t fake_read(const char *topic, fake_record_f *look, void *arg)
{
    const char *logs[] = {"shop", NULL};
    struct leat_list patterns = {&topic, 1};
    struct leat_subscription what = {.logs = logs, .patterns = &patterns, .lanes = 1};
    struct leat_reader *reader;
    struct leat_splits splits;
    struct leat_error err = {0};
    uint32_t count = 0;
    struct leat_batch *batch = leat_batch_new(1 << 20, 1000);
    assert_status(fake.driver->reader_open(fake.access, &what, &reader, &splits, &err), LEAT_OK,
                  &err);
    struct leat_place first = {.kind = LEAT_AT_FIRST};
    assert_status(fake.driver->seek(reader, 0, &first, &err), LEAT_OK, &err);
    while (fake.driver->read(reader, batch, &err) == LEAT_OK) {
        for (uint32_t i = 0; look && i < batch->count; i++)
            look(arg, &batch->records[i]);
        count += batch->count;
        leat_batch_reset(batch);
    }
    leat_batch_free(batch);
    fake.driver->reader_close(reader);
    return count;
}

static void fake_count_intent(void *arg, const char *log, const struct leat_state *state)
{
    (void)log;
    *(int *)arg += state->kind == LEAT_STATE_INTENT;
}

static inline int fake_intents(void)
{
    struct leat_error err = {0};
    int count = 0;
    assert_status(fake.driver->describe(fake.access, NULL, fake_count_intent, &count, &err),
                  LEAT_OK, &err);
    return count;
}

#endif
