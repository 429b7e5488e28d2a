/* drivers.c - the laws of leat/driver.h, on an access point of its own. */
#include <contract/inside.h>

#include <base/clock.h>
#include <base/os.h>
#include <oms/access.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_US 20000000
#define NUMBERS 1000

struct point { /* the access point under trial */
    struct watched *watched;
    const struct leat_driver_type *driver;
    struct leat_access *access;
    struct leat_error err;
};

static const char *const logs[] = {"contract", NULL};
static const struct leat_subscription sink = {.logs = logs, .consumer = "contract.sink"};

static struct leat_writer *open_writer(struct point *point, const struct leat_positions **from)
{
    struct leat_writer_config config = {.log = "contract", .connector = "contract", .batch_bytes = 1 << 20};
    struct leat_writer *writer;
    return point->driver->writer_open(point->access, &config, &writer, from, &point->err) == LEAT_OK ? writer : NULL;
}

/* True once it is durable. */
static enum leat_status append(struct point *point, struct leat_writer *writer, struct leat_batch *batch,
                               const struct leat_state *states, size_t count)
{
    uint64_t ticket, durable = 0;
    struct leat_time deadline = leat_after_us(PATIENCE_US);
    enum leat_status status;
    do {
        status = point->driver->append(writer, batch, states, count, NULL, &ticket, &point->err);
    } while (status == LEAT_AGAIN && !leat_is_past(deadline));
    while (status == LEAT_OK) {
        status = point->driver->durable(writer, &durable, &point->err);
        if (status != LEAT_OK || durable >= ticket || leat_is_past(deadline))
            break;
        leat_os->poll(&(struct pollfd){.fd = point->driver->writer_fd(writer), .events = POLLIN}, 1, 100);
    }
    leat_batch_reset(batch);
    return status == LEAT_OK && durable < ticket ? LEAT_AGAIN : status;
}

static void add_number(struct leat_batch *batch, int64_t n)
{
    struct leat_value key = leat_value_string("n"), value = leat_value_int(n);
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = leat_topic("contract.numbers", strlen("contract.numbers"));
    rec->op = LEAT_CREATE;
    rec->time_us = leat_wall_us();
    rec->value = value;
    leat_batch_position(batch, &key, &value);
}

static enum leat_status append_numbers(struct point *point, struct leat_writer *writer, int64_t from, int64_t to)
{
    struct leat_batch *batch = leat_batch_new((size_t)1 << 20, 10000);
    enum leat_status status = LEAT_OK;
    for (int64_t n = from; status == LEAT_OK && n <= to;) {
        for (int i = 0; i < 10 && n <= to; i++)
            add_number(batch, n++);
        status = append(point, writer, batch, NULL, 0);
    }
    leat_batch_free(batch);
    return status;
}

/* Reads until `to` came, or nothing more for long; *next is the number that is expected. */
static bool read_numbers(struct point *point, struct leat_reader *reader, int64_t *next, int64_t to)
{
    struct leat_batch *batch = leat_batch_new((size_t)1 << 20, 100);
    struct leat_time deadline = leat_after_us(PATIENCE_US);
    bool is_right = true;
    while (is_right && *next <= to && !leat_is_past(deadline)) {
        enum leat_status status = point->driver->read(reader, batch, &point->err);
        for (uint32_t i = 0; status == LEAT_OK && is_right && i < batch->count; i++)
            is_right = batch->records[i].value.type == LEAT_INT64 && batch->records[i].value.as.i == (*next)++;
        if (status == LEAT_AGAIN)
            leat_os->poll(&(struct pollfd){.fd = point->driver->reader_fd(reader), .events = POLLIN}, 1, 100);
        is_right = is_right && (status == LEAT_OK || status == LEAT_AGAIN);
        leat_batch_reset(batch);
    }
    leat_batch_free(batch);
    return is_right && *next > to;
}

static struct leat_reader *open_reader(struct point *point, const struct leat_subscription *what,
                                       const struct leat_place *place)
{
    struct leat_reader *reader;
    struct leat_splits splits;
    if (point->driver->reader_open(point->access, what, &reader, &splits, &point->err) != LEAT_OK)
        return NULL;
    for (uint32_t i = 0; i < splits.count; i++)
        if (place && point->driver->seek(reader, i, place, &point->err) != LEAT_OK) {
            point->driver->reader_close(reader);
            return NULL;
        }
    return reader;
}

/* ---- the laws ---- */

static const struct leat_place at_first = {.kind = LEAT_AT_FIRST};

static void try_reading(struct point *point, struct leat_reader *reader)
{
    int64_t next = 1;
    bool is_right = reader && read_numbers(point, reader, &next, NUMBERS);
    law_try(point->watched, LAW_DRIVER_READ, is_right, "record %lld of %d does not come: %s", (long long)next, NUMBERS,
            point->err.text);
}

static void try_lag(struct point *point, struct leat_reader *at_end)
{
    struct leat_lag end, begin;
    struct leat_reader *reader = open_reader(point, &sink, &at_first);
    point->driver->lag(at_end, &end);
    law_try(point->watched, LAW_DRIVER_LAG, end.records == 0, "at the end it says %lld records",
            (long long)end.records);
    if (!reader)
        return;
    point->driver->lag(reader, &begin);
    law_try(point->watched, LAW_DRIVER_LAG, begin.records == NUMBERS || begin.records == -1,
            "at the first of %d records it says %lld", NUMBERS, (long long)begin.records);
    point->driver->reader_close(reader);
}

static void try_news(struct point *point, struct leat_writer *writer, struct leat_reader *reader)
{
    struct leat_batch *batch = leat_batch_new((size_t)1 << 20, 100);
    enum leat_status status;
    while ((status = point->driver->read(reader, batch, &point->err)) == LEAT_OK)
        leat_batch_reset(batch);
    law_try(point->watched, LAW_DRIVER_NEWS, status == LEAT_AGAIN, "read() says %d at the end", (int)status);
    leat_batch_free(batch);
    append_numbers(point, writer, NUMBERS + 1, NUMBERS + 1);
    struct pollfd news = {.fd = point->driver->reader_fd(reader), .events = POLLIN};
    law_try(point->watched, LAW_DRIVER_NEWS, leat_os->poll(&news, 1, (int)(PATIENCE_US / 1000)) == 1,
            "a record came, and the fd did not become readable");
    int64_t next = NUMBERS + 1;
    law_try(point->watched, LAW_DRIVER_NEWS, read_numbers(point, reader, &next, NUMBERS + 1),
            "the record that came is not read");
}

static void try_cursor(struct point *point)
{
    struct leat_reader *reader = open_reader(point, &sink, &at_first);
    struct leat_batch *batch = leat_batch_new((size_t)1 << 20, 137);
    int64_t next = 138;
    uint32_t count = 0;
    struct leat_place behind = {.kind = LEAT_AT_CURSOR};
    while (reader && count < 137) {
        batch->max_records = 137 - count;
        enum leat_status status = point->driver->read(reader, batch, &point->err);
        count += batch->count;
        if (batch->count > 0)
            behind.cursor = leat_batch_cursor(batch, batch->count - 1);
        leat_batch_reset(batch);
        if (status != LEAT_OK)
            break;
    }
    leat_batch_free(batch);
    if (!reader)
        return;
    bool is_right = count == 137 && point->driver->seek(reader, 0, &behind, &point->err) == LEAT_OK &&
                    read_numbers(point, reader, &next, NUMBERS);
    law_try(point->watched, LAW_DRIVER_CURSOR, is_right, "behind record 137, %lld is not what comes", (long long)next);
    point->driver->reader_close(reader);
}

static void try_hint(struct point *point)
{
    struct leat_reader *reader = open_reader(point, &sink, NULL);
    struct leat_mark none = {0}, mark = {0};
    if (!reader)
        return;
    enum leat_verdict verdict = point->driver->judge(reader, 0, &none);
    law_try(point->watched, LAW_DRIVER_HINT, verdict == LEAT_MARK_NONE, "of a new sink it says %d", (int)verdict);
    struct leat_batch *batch = leat_batch_new((size_t)1 << 20, 10);
    bool is_read = point->driver->seek(reader, 0, &at_first, &point->err) == LEAT_OK &&
                   point->driver->read(reader, batch, &point->err) == LEAT_OK;
    if (is_read) {
        leat_batch_mark(batch, &mark);
        point->driver->hint(reader, 0, &mark, &point->err);
    }
    leat_batch_free(batch);
    point->driver->reader_close(reader); /* hints are lazy: here at the latest they are kept */
    reader = open_reader(point, &sink, NULL);
    if (!is_read || !reader)
        return;
    verdict = point->driver->judge(reader, 0, &mark);
    law_try(point->watched, LAW_DRIVER_HINT, verdict == LEAT_MARK_INSIDE, "of our own mark it says %d", (int)verdict);
    verdict = point->driver->judge(reader, 0, &none);
    law_try(point->watched, LAW_DRIVER_HINT, verdict == LEAT_MARK_LOST, "of a mark that was lost it says %d", (int)verdict);
    point->driver->reader_close(reader);
}

static void try_fence(struct point *point, struct leat_writer *old)
{
    const struct leat_positions *from = NULL;
    struct leat_value key = leat_value_string("n");
    struct leat_writer *writer = open_writer(point, &from);
    const struct leat_value *last = writer ? leat_positions_get(from, &key) : NULL;
    law_try(point->watched, LAW_DRIVER_POSITIONS, last && last->type == LEAT_INT64 && last->as.i == NUMBERS + 1,
            "%s", writer ? "the position is not that of the last record" : point->err.text);
    enum leat_status status = append_numbers(point, old, -1, -1);
    law_try(point->watched, LAW_DRIVER_FENCE, status == LEAT_FENCED || status == LEAT_RETRY || status == LEAT_STOP,
            "the writer before appends as if nothing had happened");
    if (writer)
        point->driver->writer_close(writer);
}

static void find_state(void *arg, const char *log, const struct leat_state *state)
{
    bool *is_there = arg;
    if (strcmp(log, "contract") == 0 && state->kind == LEAT_STATE_TRANSFORM && strcmp(state->connector, "contract") == 0 &&
        state->value.type == LEAT_INT64 && state->value.as.i == 42)
        *is_there = true;
}

static void try_state(struct point *point)
{
    const struct leat_positions *from;
    struct leat_state state = {LEAT_STATE_TRANSFORM, "contract", leat_value_string("answer"), leat_value_int(42)};
    struct leat_batch *batch = leat_batch_new((size_t)1 << 20, 10);
    struct leat_writer *writer = open_writer(point, &from);
    bool is_there = false;
    if (writer && append(point, writer, batch, &state, 1) == LEAT_OK)
        point->driver->describe(point->access, NULL, find_state, &is_there, &point->err);
    law_try(point->watched, LAW_DRIVER_STATE, is_there, "describe() does not show it: %s", point->err.text);
    if (writer)
        point->driver->writer_close(writer);
    leat_batch_free(batch);
}

static void try_all(struct point *point)
{
    const struct leat_positions *from;
    struct leat_writer *writer = open_writer(point, &from);
    bool is_written = writer && append_numbers(point, writer, 1, NUMBERS) == LEAT_OK;
    if (!law_try(point->watched, LAW_DRIVER_READ, is_written, "nothing can be appended: %s", point->err.text))
        return;
    try_hint(point); /* the consumer is a new one here */
    struct leat_reader *reader = open_reader(point, &sink, &at_first);
    try_reading(point, reader);
    if (reader) {
        try_lag(point, reader);
        try_news(point, writer, reader);
        point->driver->reader_close(reader);
    }
    try_cursor(point);
    try_fence(point, writer);
    point->driver->writer_close(writer);
    try_state(point);
}

void drivers_try(struct watched *watched, const char *url, const char *data_dir)
{
    struct point point = {.watched = watched};
    enum leat_status status = leat_access_open(url, data_dir, false, &point.driver, &point.access, &point.err);
    if (!law_try(watched, LAW_DRIVER_READ, status == LEAT_OK, "open() fails: %s", point.err.text))
        return;
    try_all(&point);
    point.driver->close(point.access);
}
