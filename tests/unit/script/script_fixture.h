/* script_fixture.h - a script that runs over rows of one table. */
#ifndef LEAT_TEST_SCRIPT_FIXTURE_H
#define LEAT_TEST_SCRIPT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <script/transform.h>
#include <unit/script/people.h>
#include <stdlib.h>

static inline struct script_host *open_script_with(const char *text, int64_t time_us,
                                                   int64_t memory)
{
    struct script_host *host;
    struct leat_error err = {0};
    enum leat_status status =
        script_transform_open(&host, NULL, text, strlen(text), "@test.lua", time_us, memory, &err);
    if (status != LEAT_OK)
        fail_msg("%s", err.text);
    return host;
}

static inline struct script_host *open_script(const char *text)
{
    return open_script_with(text, 100000, 16 << 20);
}

/* Runs the script over one record of `op`; the batch is the caller's to free. */
static inline struct leat_batch *run_one(const char *text, uint8_t op)
{
    struct leat_batch *batch = leat_batch_new(1 << 20, 1000);
    add_person(batch, op, 7);
    struct script_host *host = open_script(text);
    struct leat_error err = {0};
    enum leat_status status = script_transform_apply(host, batch, &err);
    if (status != LEAT_OK)
        fail_msg("%s", batch->refusal_count ? batch->refusals[0].reason : err.text);
    script_transform_close(&host);
    return batch;
}

/* The reason with which the script refuses one update; "" where it does not. */
static inline char *refusal_of(const char *text, int64_t time_us, int64_t memory)
{
    struct leat_batch *batch = leat_batch_new(1 << 20, 1000);
    add_person(batch, LEAT_UPDATE, 7);
    struct script_host *host = open_script_with(text, time_us, memory);
    struct leat_error err = {0};
    enum leat_status status = script_transform_apply(host, batch, &err);
    char *reason = strdup(status == LEAT_REJECT ? batch->refusals[0].reason : "");
    script_transform_close(&host);
    leat_batch_free(batch);
    return reason;
}

static inline const struct leat_value *field_of(const struct leat_value *row, uint32_t at)
{
    assert_int_equal(row->type, LEAT_STRUCT);
    assert_true(at < row->len);
    return &row->as.items[at];
}

static inline void assert_text(const struct leat_value *value, const char *text)
{
    assert_int_equal(value->type, LEAT_TEXT);
    assert_int_equal(value->len, strlen(text));
    assert_memory_equal(value->as.text, text, value->len);
}

#endif
