/* compare.c - what the topics hold after all lives, against a run that nobody disturbed; what targets hold, against topics. */
#include <contract/inside.h>

#include <base/hash.h>
#include <base/memory.h>
#include <model/native.h>
#include <oms/access.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_BYTES ((size_t)1 << 20)

struct hashes { /* of records, or of lines */
    uint64_t *items;
    size_t count, cap;
};

static void hashes_add(struct hashes *hashes, uint64_t hash)
{
    if (hashes->count == hashes->cap) {
        hashes->cap = hashes->cap ? hashes->cap * 2 : 1024;
        hashes->items = leat_realloc(hashes->items, hashes->cap * sizeof *hashes->items);
    }
    hashes->items[hashes->count++] = hash;
}

/* What a record says; not when it was said. */
static uint64_t hash_of(const struct leat_record *rec, struct leat_bytes *bytes)
{
    leat_bytes_clear(bytes);
    leat_bytes_text(bytes, rec->topic->name);
    leat_bytes_put(bytes, rec->op);
    leat_native_put_value(bytes, &rec->key);
    leat_native_put_value(bytes, &rec->value);
    leat_native_put_value(bytes, &rec->before);
    return leat_hash(bytes->data, bytes->len, 0);
}

static enum leat_status read_reader(const struct leat_driver_type *driver, struct leat_reader *reader,
                                    struct hashes *hashes, struct leat_error *err)
{
    struct leat_batch *batch = leat_batch_new((size_t)1 << 20, 10000);
    struct leat_bytes bytes;
    enum leat_status status;
    leat_bytes_init(&bytes, SIZE_MAX);
    while ((status = driver->read(reader, batch, err)) == LEAT_OK) {
        for (uint32_t i = 0; i < batch->count; i++)
            if (!leat_op_is_control(batch->records[i].op))
                hashes_add(hashes, hash_of(&batch->records[i], &bytes));
        leat_batch_reset(batch);
    }
    leat_bytes_fini(&bytes);
    leat_batch_free(batch);
    return status == LEAT_AGAIN ? LEAT_OK : status;
}

/* All records of a log, in order. */
static enum leat_status read_log(const char *url, const char *dir, const char *log, struct hashes *hashes,
                                 struct leat_error *err)
{
    const char *const logs[] = {log, NULL};
    const struct leat_driver_type *driver;
    struct leat_access *access;
    struct leat_reader *reader;
    struct leat_splits splits;
    struct leat_place first = {.kind = LEAT_AT_FIRST};
    enum leat_status status = leat_access_open(url, dir, true, &driver, &access, err);
    if (status != LEAT_OK)
        return status;
    status = driver->reader_open(access, &(struct leat_subscription){.logs = logs}, &reader, &splits, err);
    if (status == LEAT_OK) {
        for (uint32_t i = 0; status == LEAT_OK && i < splits.count; i++)
            status = driver->seek(reader, i, &first, err);
        if (status == LEAT_OK)
            status = read_reader(driver, reader, hashes, err);
        driver->reader_close(reader);
    }
    driver->close(access);
    return status;
}

static void compare(struct watched *watched, const struct hashes *wanted, const struct hashes *got)
{
    size_t same = 0;
    while (same < wanted->count && same < got->count && wanted->items[same] == got->items[same])
        same++;
    bool is_again = same > 0 && same < got->count && got->items[same] == got->items[same - 1];
    law_try(watched, LAW_SAME_RECORDS, same == wanted->count && same == got->count,
            "undisturbed it gives %zu records, disturbed %zu, and record %zu %s", wanted->count, got->count, same + 1,
            same == got->count ? "is missing" : is_again ? "is the one before once more" : "is another");
}

void compare_sources(struct bench *bench, const char *reference_dir)
{
    for (size_t i = 0; i < bench->config.pipeline_count; i++) {
        const struct leat_pipeline_def *pipeline = &bench->config.pipelines[i];
        struct hashes wanted = {0}, got = {0};
        struct leat_error err;
        if (!pipeline->source)
            continue;
        if (read_log(bench->config.topics, reference_dir, pipeline->log, &wanted, &err) == LEAT_OK &&
            read_log(bench->config.topics, bench->config.data, pipeline->log, &got, &err) == LEAT_OK)
            for (uint32_t k = 0; k < bench->count; k++)
                if (strcmp(bench->watched[k].name, pipeline->source->name) == 0)
                    compare(&bench->watched[k], &wanted, &got);
        free(wanted.items);
        free(got.items);
    }
}

/* ---- targets ---- */

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool read_lines(const char *command, struct hashes *lines)
{
    char *line = leat_malloc(LINE_MAX_BYTES);
    FILE *pipe = popen(command, "r");
    while (pipe && fgets(line, (int)LINE_MAX_BYTES, pipe))
        hashes_add(lines, leat_hash(line, strlen(line), 0));
    free(line);
    return pipe && pclose(pipe) == 0;
}

/* The one command is for the one sink: with several of them nobody could say whose fault it is. */
void compare_target(struct bench *bench)
{
    struct hashes lines = {0}, records = {0};
    struct leat_error err;
    struct watched *sink = NULL;
    bool is_read = bench->contract->reads && read_lines(bench->contract->reads, &lines);
    for (uint32_t i = 0; i < bench->count; i++)
        sink = bench->watched[i].is_source ? sink : &bench->watched[i];
    for (size_t i = 0; i < bench->config.pipeline_count; i++)
        is_read = is_read && read_log(bench->config.topics, bench->config.data, bench->config.pipelines[i].log, &records,
                                      &err) == LEAT_OK;
    if (is_read && sink) {
        size_t twice = 0;
        qsort(lines.items, lines.count, sizeof *lines.items, by_value);
        for (size_t i = 1; i < lines.count; i++)
            twice += lines.items[i] == lines.items[i - 1];
        law_try(sink, LAW_CONTENT, twice == 0 && lines.count == records.count,
                "it has %zu of %zu records, %zu of them twice", lines.count - twice, records.count, twice);
    } else if (bench->contract->reads && sink) {
        law_try(sink, LAW_CONTENT, false, "`%.300s` cannot be run", bench->contract->reads);
    }
    free(lines.items);
    free(records.items);
}
