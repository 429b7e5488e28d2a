/* rig.h - an access point of each driver, and short ways to write to it and to read from it.
 *
 * The same tests run on Kafka where RIG_KAFKA is defined, on the broker that LEAT_TEST_KAFKA names (tests/live/kafka_driver.py).
 */
#ifndef LEAT_TEST_OMS_RIG_H
#define LEAT_TEST_OMS_RIG_H

#include <kit/cmocka.h>
#include <kit/records.h>
#include <kit/tmp.h>

#include <base/memory.h>
#include <base/os.h>
#include <oms/access.h>

#define WAIT_US 60000000

#ifdef RIG_KAFKA
#include <kafka/kafka.h>
#include <stdlib.h>
#define BOTH(test) cmocka_unit_test_setup_teardown(test, rig_set_up_kafka, rig_tear_down)
#define KEPT(test) BOTH(test)
#define LOCAL(test) /* with its comma */
#define IN_MEMORY(test)
#else
#define BOTH(test)                                                                    \
    cmocka_unit_test_setup_teardown(test, rig_set_up_commitlog, rig_tear_down),       \
        cmocka_unit_test_setup_teardown(test, rig_set_up_memory, rig_tear_down)
#define KEPT(test) cmocka_unit_test_setup_teardown(test, rig_set_up_commitlog, rig_tear_down)
#define LOCAL(test) KEPT(test),
#define IN_MEMORY(test) cmocka_unit_test_setup_teardown(test, rig_set_up_memory, rig_tear_down),
#endif

struct rig {
    const char *url;
    char *dir;
    const struct leat_driver_type *driver;
    struct leat_access *access;
    struct leat_error err;
    bool is_kept; /* the driver keeps what was written when it is opened again */
    bool is_remote; /* what was written is elsewhere: others may hear of it before the writer does */
};

static inline void rig_open(struct rig *rig)
{
    assert_status(leat_access_open(rig->url, rig->dir, false, &rig->driver, &rig->access, &rig->err), LEAT_OK,
                  &rig->err);
}

static inline void rig_close(struct rig *rig)
{
    if (rig->access)
        rig->driver->close(rig->access);
    rig->access = NULL;
}

static inline int rig_new(void **state, const char *url, bool is_kept)
{
    struct rig *rig = leat_calloc(1, sizeof *rig);
    rig->url = url;
    rig->dir = kit_tmp_dir("oms");
    rig->is_kept = is_kept;
    rig_open(rig);
    *state = rig;
    return 0;
}

static inline int rig_set_up_commitlog(void **state)
{
    return rig_new(state, "oms:commitlog:", true);
}
static inline int rig_set_up_memory(void **state)
{
    return rig_new(state, "oms:memory:", false);
}

#ifdef RIG_KAFKA
/* Each test has a namespace of its own. */
static inline int rig_set_up_kafka(void **state)
{
    static char url[256];
    static int number;
    const char *brokers = getenv("LEAT_TEST_KAFKA");
    leat_driver_add(&leat_driver_kafka);
    assert_non_null(brokers);
    snprintf(url, sizeof url, "oms:kafka://%s/rig.%d.%d", brokers, (int)getpid(), ++number);
    rig_new(state, url, true);
    ((struct rig *)*state)->is_remote = true;
    return 0;
}
#endif

static inline int rig_tear_down(void **state)
{
    struct rig *rig = *state;
    rig_close(rig);
    kit_tmp_remove(rig->dir);
    free(rig);
    return 0;
}

/* ---- writing ---- */

static inline struct leat_writer *rig_writer_of(struct rig *rig, const char *log, const char *connector,
                                                const struct leat_positions **from)
{
    struct leat_writer_config config = {.log = log, .connector = connector};
    struct leat_writer *writer = NULL;
    const struct leat_positions *ignored;
    struct leat_time deadline = leat_after_us(WAIT_US);
    enum leat_status status;
    do /* a broker that has just begun may be late: a task asks again too */
        status = rig->driver->writer_open(rig->access, &config, &writer, from ? from : &ignored, &rig->err);
    while (status == LEAT_RETRY && rig->is_remote && leat_now().ns < deadline.ns);
    assert_status(status, LEAT_OK, &rig->err);
    return writer;
}
static inline struct leat_writer *rig_writer(struct rig *rig)
{
    return rig_writer_of(rig, "shop", "shop", NULL);
}

static inline struct leat_batch *rig_batch(void)
{
    return leat_batch_new((size_t)1 << 20, 10000);
}

static inline struct leat_record *rig_add(struct leat_batch *batch, const char *topic, const char *text)
{
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = leat_topic(topic, strlen(topic));
    rec->op = LEAT_CREATE;
    rec->time_us = 1000;
    struct leat_value value = leat_value_string(text);
    rec->value = leat_batch_copy_value(batch, &value);
    return rec;
}

static inline void rig_wait_durable(struct rig *rig, struct leat_writer *writer, uint64_t ticket)
{
    struct leat_time deadline = leat_after_us(WAIT_US);
    for (;;) {
        uint64_t durable;
        assert_status(rig->driver->durable(writer, &durable, &rig->err), LEAT_OK, &rig->err);
        if (durable >= ticket)
            return;
        assert_true(leat_now().ns < deadline.ns);
        struct pollfd news = {.fd = rig->driver->writer_fd(writer), .events = POLLIN};
        leat_os->poll(&news, 1, 1000);
    }
}

static inline void rig_append_to(struct rig *rig, struct leat_writer *writer, struct leat_batch *batch,
                                 const char *audience)
{
    uint64_t ticket;
    assert_status(rig->driver->append(writer, batch, NULL, 0, audience, &ticket, &rig->err), LEAT_OK, &rig->err);
    rig_wait_durable(rig, writer, ticket);
    leat_batch_reset(batch);
}
static inline void rig_append(struct rig *rig, struct leat_writer *writer, struct leat_batch *batch)
{
    rig_append_to(rig, writer, batch, NULL);
}

/* One unit of one record of text, durable on return. */
static inline void rig_write(struct rig *rig, struct leat_writer *writer, const char *topic, const char *text)
{
    struct leat_batch *batch = rig_batch();
    rig_add(batch, topic, text);
    rig_append(rig, writer, batch);
    leat_batch_free(batch);
}

/* ---- reading ---- */

static inline struct leat_reader *rig_reader(struct rig *rig, const struct leat_subscription *what)
{
    struct leat_reader *reader = NULL;
    struct leat_splits splits;
    assert_status(rig->driver->reader_open(rig->access, what, &reader, &splits, &rig->err), LEAT_OK, &rig->err);
    return reader;
}

/* Reads; where the end of what is durable is not reached, what is on its way is waited for. */
static inline enum leat_status rig_read(struct rig *rig, struct leat_reader *reader, struct leat_batch *batch)
{
    struct leat_time deadline = leat_after_us(WAIT_US);
    enum leat_status status;
    while ((status = rig->driver->read(reader, batch, &rig->err)) == LEAT_AGAIN && !batch->is_at_end) {
        struct pollfd news = {.fd = rig->driver->reader_fd(reader), .events = POLLIN};
        assert_true(leat_now().ns < deadline.ns);
        leat_os->poll(&news, 1, 1000);
    }
    return status;
}

/* Appends "topic:text " of each record up to the end of what is durable. */
static inline uint32_t rig_read_all(struct rig *rig, struct leat_reader *reader, struct leat_bytes *out)
{
    struct leat_batch *batch = rig_batch();
    uint32_t count = 0;
    enum leat_status status;
    while ((status = rig_read(rig, reader, batch)) == LEAT_OK) {
        assert_true(batch->count > 0 || batch->mark.layout != 0); /* a lane may say only where it is */
        for (uint32_t i = 0; i < batch->count && out; i++) {
            const struct leat_record *rec = &batch->records[i];
            leat_bytes_text(out, rec->topic->name);
            leat_bytes_put(out, ':');
            leat_bytes_add(out, rec->value.as.text, rec->value.len);
            leat_bytes_put(out, ' ');
        }
        count += batch->count;
        leat_batch_reset(batch);
    }
    assert_status(status, LEAT_AGAIN, &rig->err);
    assert_true(batch->is_at_end);
    leat_batch_free(batch);
    return count;
}

static inline void rig_expect(struct rig *rig, struct leat_reader *reader, const char *wanted)
{
    struct leat_bytes out;
    leat_bytes_init(&out, SIZE_MAX);
    rig_read_all(rig, reader, &out);
    leat_bytes_put(&out, '\0');
    assert_string_equal((const char *)out.data, wanted);
    leat_bytes_fini(&out);
}

static inline void rig_expect_of(struct rig *rig, const struct leat_subscription *what, const char *wanted)
{
    struct leat_reader *reader = rig_reader(rig, what);
    rig_expect(rig, reader, wanted);
    rig->driver->reader_close(reader);
}

#endif
