/* source.c - a source: the lines of a file, numbered, and the lines that are added to it later.
 *
 *   sample: {path: lines.txt}      {"number":1,"line":"first"}  {"number":2,"line":"second"} ...
 *
 * The shape of every source: open() gets the positions that were durable when it last ran; poll() hands out batches,
 * each with the position behind it. The host makes a batch and its positions durable together, or neither; so after a
 * crash poll() goes on exactly behind the last record that is in the topic. The source itself remembers nothing.
 */
#define _DEFAULT_SOURCE 1 /* pread(), with -std=c11 */

#include "sample.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The private state: zeroed by the host, options filled in before the first call. The host calls open() again on the
 * same struct after an error, so open() sets all that is not an option. */
struct source {
    /* options */
    const char *path;
    int64_t interval_us, max_line;
    /* state */
    int fd; /* -1: not open */
    int64_t offset, number; /* the position: bytes and lines that were handed out */
    int64_t end;            /* under `leat run --once`: where the file ended at open */
    char *chunk;            /* max_line bytes */
    const struct leat_schema *schema;
    const struct leat_topic *topic;
};

/* What the host parses, checks, documents and completes: name, type, flags, place in the struct, default, least, most,
 * choices, one sentence, example, the name that Kafka Connect or Debezium gives it. */
static const struct leat_option options[] = {
    /* MAIN: `sample: lines.txt` is enough. PATH: made absolute against the pipeline file's folder. */
    {"path", LEAT_OPT_PATH, LEAT_OPT_REQUIRED | LEAT_OPT_MAIN, offsetof(struct source, path), NULL, 0, 0, NULL,
     "File to read; lines that are added later come too.", "lines.txt", NULL},
    {"interval", LEAT_OPT_TIME, 0, offsetof(struct source, interval_us), "200ms", 1000, INT64_MAX, NULL,
     "How often to look for more.", NULL, NULL},
    {"max_line", LEAT_OPT_SIZE, 0, offsetof(struct source, max_line), "1MiB", 16, 64 << 20, NULL,
     "Longest line; a longer one stops the source.", NULL, NULL},
    {NULL, LEAT_OPT_BOOL, 0, 0, NULL, 0, 0, NULL, NULL, NULL, NULL}, /* the end */
};

/* Schemas say the names and types of a row's fields. They are interned: the same content gives the same pointer. */
static const struct leat_schema *make_schema(void)
{
    /* name, type, meaning, flags, scale, width, the type as the source spells it, labels */
    static const struct leat_field fields[] = {
        {"number", LEAT_INT64, LEAT_PLAIN, LEAT_FIELD_REQUIRED, 0, 0, "", ""},
        {"line", LEAT_TEXT, LEAT_PLAIN, LEAT_FIELD_REQUIRED, 0, 0, "", ""},
    };
    static const uint32_t keys[] = {0}; /* `number` is the key */
    /* hash (computed), kind of source, database, table, fields, count, keys' count, keys, fields of record.source */
    static const struct leat_schema content = {0, "sample", "", "lines", fields, 2, 1, keys, NULL, 0};
    return leat_schema(&content);
}

/* Where to go on. Positions are a map of values: one entry for each thing that moves by itself, here the file. */
static enum leat_status take_position(struct source *self, const struct leat_positions *from, struct leat_error *err)
{
    struct leat_value key = leat_value_string(self->path);
    const struct leat_value *position = leat_positions_get(from, &key);
    self->offset = self->number = 0; /* none: a new source, or another file */
    if (!position)
        return LEAT_OK;
    const struct leat_value *offset = leat_map_get(position, "offset"), *number = leat_map_get(position, "number");
    if (!offset || offset->type != LEAT_INT64 || !number || number->type != LEAT_INT64)
        return leat_fail(err, LEAT_STOP, "%s: its position is no {\"offset\": N, \"number\": N}", self->path);
    self->offset = offset->as.i;
    self->number = number->as.i;
    return LEAT_OK;
}

static enum leat_status open_source(void *arg, struct leat_task *task, const struct leat_positions *from,
                                    struct leat_error *err)
{
    struct source *self = (struct source *)arg;
    struct stat info;
    self->fd = open(self->path, O_RDONLY | O_CLOEXEC);
    /* RETRY: the host closes, waits a little longer each time, and opens again. The file may come yet. */
    if (self->fd < 0 || fstat(self->fd, &info) != 0)
        return leat_fail(err, LEAT_RETRY, "%s: %s", self->path, strerror(errno));
    enum leat_status status = take_position(self, from, err);
    if (status != LEAT_OK)
        return status;
    /* STOP: trying again does not help, a person must look. The text says what is wrong and what to do. */
    if (info.st_size < self->offset)
        return leat_fail(err, LEAT_STOP,
                         "%s has %lld bytes, and %lld were read already: it was cut or replaced; bring the file back, or "
                         "read the new one under another name",
                         self->path, (long long)info.st_size, (long long)self->offset);
    self->end = info.st_size;
    self->chunk = (char *)malloc((size_t)self->max_line);
    if (!self->chunk)
        return leat_fail(err, LEAT_RETRY, "no memory for max_line");
    self->schema = make_schema();
    self->topic = leat_task_route(task, "", "lines"); /* by the pipeline's `topic:`, or its name */
    leat_task_progress(task, "from line %lld", (long long)self->number + 1); /* shows in `leat status` */
    return LEAT_OK;
}

/* One record. What it points to must live as long as the batch: leat_batch_copy(), leat_batch_alloc(). */
static void add_line(struct source *self, struct leat_batch *batch, const char *line, size_t len)
{
    struct leat_value *row = (struct leat_value *)leat_batch_alloc(batch, 2 * sizeof *row);
    struct leat_record *rec = leat_batch_add(batch);
    row[0] = leat_value_int(++self->number);
    row[1] = leat_value_text(leat_batch_copy(batch, line, len), len);
    rec->topic = self->topic;
    rec->schema = self->schema;
    rec->time_us = leat_wall_us(); /* when it happened, where the source knows that */
    rec->op = LEAT_CREATE;
    rec->flags = LEAT_ENDS_TRANSACTION; /* each line stands for itself; of several that belong together, the last */
    rec->key = leat_value_items(LEAT_STRUCT, row, 1); /* a STRUCT of the key fields: here the first of the row's */
    rec->value = leat_value_items(LEAT_STRUCT, row, 2);
    rec->before = leat_value_null(); /* a new row has none */
}

/* The unit: these records and this position become durable together. Copied, so that locals will do. */
static void set_position(const struct source *self, struct leat_batch *batch)
{
    struct leat_value key = leat_value_string(self->path);
    struct leat_value pairs[4];
    pairs[0] = leat_value_string("offset");
    pairs[1] = leat_value_int(self->offset);
    pairs[2] = leat_value_string("number");
    pairs[3] = leat_value_int(self->number);
    struct leat_value position = leat_value_items(LEAT_MAP, pairs, 2);
    leat_batch_position(batch, &key, &position);
}

/* Nothing more now. All waiting is done in leat_wait(): it returns early when the task is asked to stop, or when the host
 * has something to do. Whatever the reason, AGAIN is the answer; poll() is called again where there is a point in it. */
static enum leat_status wait_for_more(const struct source *self, struct leat_task *task)
{
    if (leat_task_is_once(task))
        return LEAT_EOF; /* `leat run --once` ends where the file ended at open */
    leat_wait(task, -1, 0, leat_after_us(self->interval_us)); /* a socket would stand here in place of -1 */
    return LEAT_AGAIN;
}

static enum leat_status poll_source(void *arg, struct leat_task *task, struct leat_batch **out, struct leat_error *err)
{
    struct source *self = (struct source *)arg;
    size_t want = (size_t)self->max_line;
    if (leat_task_is_once(task) && self->end - self->offset < self->max_line)
        want = (size_t)(self->end - self->offset);
    ssize_t got = pread(self->fd, self->chunk, want, (off_t)self->offset);
    if (got < 0)
        return leat_fail(err, LEAT_RETRY, "%s: %s", self->path, strerror(errno));
    const char *at = self->chunk, *end = self->chunk + got;
    const char *newline = (const char *)memchr(at, '\n', (size_t)got);
    if (!newline && got == (ssize_t)self->max_line)
        return leat_fail(err, LEAT_STOP, "%s: line %lld is longer than max_line, %lld bytes; raise it", self->path,
                         (long long)self->number + 1, (long long)self->max_line);
    if (!newline)
        return wait_for_more(self, task); /* a line counts when its end is there */
    struct leat_batch *batch = leat_batch_take(task);
    if (!batch) /* the memory of the task is used up: the host calls again when a batch is free */
        return LEAT_AGAIN;
    for (; newline && !leat_batch_is_full(batch); newline = (const char *)memchr(at, '\n', (size_t)(end - at))) {
        add_line(self, batch, at, (size_t)(newline - at));
        self->offset += newline + 1 - at;
        at = newline + 1;
    }
    set_position(self, batch);
    *out = batch; /* ours no longer */
    return LEAT_OK;
}

/* Called once for each open(), also when that failed: releases what is there. */
static void close_source(void *arg, struct leat_task *task)
{
    struct source *self = (struct source *)arg;
    (void)task;
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
    free(self->chunk);
    self->chunk = NULL;
}

const struct leat_source_type sample_source = {
    sizeof(struct leat_source_type),
    LEAT_REPLAYABLE | LEAT_TOTAL_ORDER, /* any position can be read again; its records have one order */
    "sample",                           /* the key in the pipeline file */
    "Numbered lines of a file; the example for authors of sources.",
    sizeof(struct source),
    options,
    NULL, /* default topic template; NULL: the pipeline's name */
    NULL, /* validate: options that do not go together */
    NULL, /* check: can it be reached? for `leat check --connect` */
    open_source,
    poll_source,
    NULL, /* durable: tell the other side. A file keeps its lines anyway; a queue deletes its messages here, not before */
    NULL, /* command: orders of an operator */
    close_source,
    NULL, /* decode_again: letters about what could not be decoded. This source decodes nothing */
    NULL, /* origin_order, origin_position: `leat recover`, by the records' source structs. These have none */
    NULL,
};
