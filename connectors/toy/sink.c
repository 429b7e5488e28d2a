#include <toy/toy.h>

#include <base/clock.h>

/* Counts what it takes; keeps nothing, so it has no mark: after a crash the host's own place is the truth. */
struct toy_sink {
    int64_t fail_at; /* number of the record at which it fails once; 0: never */
    int64_t reject_every;
    uint64_t taken;
    bool has_failed;
};

static const struct leat_option options[] = {
    {.name = "fail_at", .type = LEAT_OPT_INT, .offset = offsetof(struct toy_sink, fail_at), .preset = "0", .min = 0,
     .max = INT64_MAX, .about = "Ask for a retry once, when so many records were taken."},
    {.name = "reject_every", .type = LEAT_OPT_INT, .offset = offsetof(struct toy_sink, reject_every), .preset = "0",
     .min = 0, .max = INT64_MAX, .about = "Refuse records whose offset is a multiple of this; 0: none."},
    {0}};

static enum leat_status open_sink(void *arg, struct leat_task *task, const struct leat_splits *claim,
                                  struct leat_marks *stored, enum leat_guarantee *guarantee, struct leat_error *err)
{
    (void)arg, (void)task, (void)claim, (void)stored, (void)err;
    *guarantee = LEAT_AT_LEAST_ONCE;
    return LEAT_OK;
}

static enum leat_status put(void *arg, struct leat_task *task, const struct leat_batch *batch, struct leat_error *err)
{
    struct toy_sink *self = arg;
    uint32_t count = leat_batch_count(batch), refused = 0;
    (void)task;
    if (self->fail_at > 0 && !self->has_failed && self->taken + count >= (uint64_t)self->fail_at) {
        self->has_failed = true;
        return leat_fail(err, LEAT_RETRY, "toy: it was told to fail at record %lld", (long long)self->fail_at);
    }
    for (uint32_t i = 0; self->reject_every > 0 && i < count; i++) {
        if (leat_batch_get(batch, i)->offset % (uint64_t)self->reject_every != 0)
            continue;
        leat_batch_reject(batch, i, "toy: it was told to refuse every %lldth",
                          (long long)self->reject_every);
        refused++;
    }
    if (refused > 0)
        return LEAT_REJECT;
    self->taken += count;
    return LEAT_OK;
}

static void close_sink(void *arg, struct leat_task *task)
{
    (void)arg;
    (void)task;
}

static enum leat_guarantee promise(void *arg, const char **why)
{
    (void)arg;
    *why = "toy keeps no mark";
    return LEAT_AT_LEAST_ONCE;
}

const struct leat_sink_type leat_sink_toy = {
    .struct_size = sizeof(struct leat_sink_type),
    .name = "toy",
    .about = "Takes records and counts them, for tests and trials.",
    .size = sizeof(struct toy_sink),
    .options = options,
    .open = open_sink,
    .put = put,
    .close = close_sink,
    .promise = promise,
};
