#include <kit/cmocka.h>
#include <kit/random.h>
#include <kit/tmp.h>

#include <base/memory.h>
#include <base/thread.h>
#include <commitlog/commitlog.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOPICS  40
#define UNITS   6000
#define READERS 3

struct rig {
    struct leat_log *log;
    bool is_done; /* atomic */
};

struct worker {
    struct rig *rig;
    uint64_t seed;
    uint64_t seen, released;
};

static int no_sync(int fd)
{
    (void)fd;
    return 0;
}

/* A fast clock: retention looks every ten seconds of it. */
static int64_t ticks;

static struct leat_time clock_now(void *arg)
{
    (void)arg;
    return (struct leat_time){__atomic_add_fetch(&ticks, 1, __ATOMIC_RELAXED) * 100000000};
}

static int64_t clock_wall_us(void *arg)
{
    return 1700000000000000 + clock_now(arg).ns / 1000;
}

static bool wants_few(void *arg, uint32_t id)
{
    return id == 7 || id == 1 + ((const struct worker *)arg)->seed % TOPICS;
}

static void note_topic(void *arg, const struct leat_log_topic *topic)
{
    ((struct leat_log_topic *)arg)[topic->id] = *topic;
}

/* Records of a topic come in order, without a gap, from where the reader was sent to. */
static void read_some(struct worker *worker, struct leat_log_reader *reader, uint32_t id,
                      uint64_t offset)
{
    struct leat_log_frame frame;
    struct leat_error err;
    for (int i = 0; i < 50; i++) {
        enum leat_status status = leat_log_next(reader, &frame, &err);
        if (status == LEAT_AGAIN)
            return;
        if (status != LEAT_OK && err.cause != LEAT_CAUSE_DAMAGED) {
            worker->released++; /* by retention, meanwhile */
            return;
        }
        assert_status(status, LEAT_OK, &err);
        for (uint32_t k = 0; k < frame.part_count; k++) {
            if (frame.parts[k].topic_id != id)
                continue;
            assert_true(i > 0 || frame.parts[k].base_offset <= offset);
            assert_true(frame.parts[k].base_offset + frame.parts[k].count > offset);
            assert_true(frame.parts[k].base_offset <= offset);
            offset = frame.parts[k].base_offset + frame.parts[k].count;
            worker->seen++;
        }
    }
}

static void run_reader(void *arg)
{
    struct worker *worker = arg;
    struct leat_log *log = worker->rig->log;
    struct kit_random random = {worker->seed};
    struct leat_log_reader *reader;
    struct leat_error err;
    uint32_t id = (uint32_t)(1 + worker->seed % TOPICS);
    assert_int_equal(leat_log_reader_open(log, wants_few, worker, &reader, &err), LEAT_OK);
    while (!__atomic_load_n(&worker->rig->is_done, __ATOMIC_ACQUIRE) || worker->seen < 10) {
        struct leat_log_topic topics[TOPICS + 1] = {{0}};
        bool is_exact;
        leat_log_topics(log, note_topic, topics);
        uint64_t first = topics[id].first, next = topics[id].next;
        uint64_t offset =
            next > first ? first + kit_below(&random, (uint32_t)(next - first)) : next;
        if (offset < next && leat_log_seek_offset(reader, id, offset, &err) == LEAT_OK) {
            leat_log_offset_near(log, id, leat_log_reader_lsn(reader), &is_exact);
            leat_log_topics(log, note_topic, topics);
            if (offset >= topics[id].first)
                read_some(worker, reader, id, offset);
        }
    }
    leat_log_reader_close(reader);
}

static void append(struct leat_log *log, uint64_t number)
{
    static char text[900];
    struct leat_log_unit *unit;
    struct leat_error err;
    uint64_t end;
    while (leat_log_unit_begin(log, false, &unit, &err) == LEAT_AGAIN)
        sched_yield();
    leat_bytes_add(leat_log_unit_stream(unit), text, sizeof text);
    for (uint32_t k = 0; k < 2; k++)
        leat_log_unit_count(
            unit, leat_log_unit_slot(unit, (uint32_t)((number * 2 + k) * 13 % TOPICS) + 1), 1 + k);
    assert_status(leat_log_unit_append(log, unit, 1, &end, &err), LEAT_OK, &err);
}

static void readers_seeks_and_retention_do_not_disturb_each_other(void **state)
{
    static const struct leat_clock clock = {.now = clock_now, .wall_us = clock_wall_us};
    struct leat_os table = *leat_os;
    char *dir = kit_tmp_dir("index-threads");
    struct rig rig = {0};
    struct leat_flusher *flusher;
    struct leat_error err;
    struct worker workers[READERS];
    pthread_t threads[READERS];
    (void)state;
    table.fsync = table.fdatasync = no_sync;
    leat_clock_use(&clock);
    struct leat_log_config config = {.dir = dir,
                                     .name = "t",
                                     .os = &table,
                                     .segment_min = 64 << 10,
                                     .segment_max = 64 << 10,
                                     .settings = {.retain_bytes = 1 << 20}};
    assert_status(leat_flusher_start(&flusher, &err), LEAT_OK, &err);
    assert_status(leat_log_open(&rig.log, &config, flusher, &err), LEAT_OK, &err);
    for (int i = 0; i < TOPICS; i++) {
        char name[20];
        snprintf(name, sizeof name, "t%d", i);
        leat_log_topic(rig.log, name, 0);
    }
    for (uint64_t i = 0; i < 400; i++)
        append(rig.log, i);
    for (uint64_t i = 0; i < READERS; i++) {
        workers[i] = (struct worker){.rig = &rig, .seed = 3 + i};
        assert_status(leat_thread_start(&threads[i], "reader", run_reader, &workers[i], &err),
                      LEAT_OK, &err);
    }
    for (uint64_t i = 400; i < UNITS; i++)
        append(rig.log, i);
    __atomic_store_n(&rig.is_done, true, __ATOMIC_RELEASE);
    for (int i = 0; i < READERS; i++)
        leat_thread_join(threads[i]);
    for (int i = 0; i < READERS; i++)
        assert_true(workers[i].seen >= 10);
    leat_log_close(rig.log);
    leat_flusher_stop(flusher);
    leat_clock_use(NULL);
    kit_tmp_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_seeks_and_retention_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
