#include <contract/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/os.h>
#include <leat/task.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

const char *const law_sentences[LAW_COUNT] = {
    [LAW_LIVES] = "no call ends the process",
    [LAW_ENDS] = "a life ends soon after it is asked to",
    [LAW_OPTIONS] = "validate() takes whatever the option table lets pass, and says why it refuses",
    [LAW_ERROR_TEXT] = "an error comes with a text",
    [LAW_POLL] = "poll() hands out a batch when it says LEAT_OK, and only then",
    [LAW_RECORD] = "a record has a topic, a known op and the shape of its schema",
    [LAW_POSITION] = "a batch with records has a position",
    [LAW_POLL_STOPS] = "poll() returns soon when the task is asked to stop",
    [LAW_SAME_RECORDS] = "stopped and killed wherever it be, it gives the same records, each once, in order",
    [LAW_ORIGIN] = "origin_order() says that each record comes behind the one before it",
    [LAW_SETTLE] = "settle() names no batch that put() did not take, and never goes back",
    [LAW_MARK] = "open() finds the mark of the last batch that was settled, or a later one that was put",
    [LAW_MARK_BACK] = "the owner's epoch in the target never goes back",
    [LAW_PEEK] = "marks() tells what open() has found",
    [LAW_GUARANTEE] = "exactly-once is promised only where the target keeps the mark, and open() promises no more than promise()",
    [LAW_FLUSH_STOPS] = "flush() returns when its deadline has passed",
    [LAW_CONTENT] = "the target holds each record once",
    [LAW_DRIVER_READ] = "what became durable is read as it was appended, each record once, in order",
    [LAW_DRIVER_POSITIONS] = "positions come back to the next writer, as of the last durable unit",
    [LAW_DRIVER_FENCE] = "who opens the writer anew fences the one before",
    [LAW_DRIVER_NEWS] = "at the end read() says LEAT_AGAIN, and the reader's fd wakes it for what comes",
    [LAW_DRIVER_CURSOR] = "seek() to a record's cursor goes on behind that record",
    [LAW_DRIVER_HINT] = "judge() knows a new sink, a mark of ours, and one that was lost",
    [LAW_DRIVER_LAG] = "lag() is nothing at the end, and something before it",
    [LAW_DRIVER_STATE] = "keyed state is kept with its unit, and described",
};

/* Tasks come with no pointer of ours: this is set before they start, and stays. */
static struct bench *the_bench;

static void add(struct bench *bench, const struct leat_connector_def *connector)
{
    uint32_t tasks = connector->parallel > 1 ? connector->parallel : 1;
    for (uint32_t number = 0; number < tasks && bench->count < WATCHED_MOST; number++) {
        struct watched *watched = &bench->watched[bench->count++];
        *watched = (struct watched){.number = number,
                                    .is_source = connector->source != NULL,
                                    .source = connector->source,
                                    .sink = connector->sink,
                                    .use = &connector->use};
        snprintf(watched->name, sizeof watched->name, "%s", connector->name);
        snprintf(watched->plugin, sizeof watched->plugin, "%s", connector->use.name);
    }
}

static const struct leat_connector_def *with_watch(const struct leat_connector_def *connector)
{
    struct leat_connector_def *copy = leat_malloc(sizeof *copy);
    *copy = *connector;
    if (copy->source) {
        struct leat_source_type *type = leat_malloc(sizeof *type);
        *type = source_watch(copy->source);
        copy->source = type;
    } else {
        struct leat_sink_type *type = leat_malloc(sizeof *type);
        *type = sink_watch(copy->sink);
        copy->sink = type;
    }
    return copy;
}

static void watch_pipeline(struct bench *bench, struct leat_pipeline_def *pipeline)
{
    struct leat_connector_def *sinks = leat_calloc(pipeline->sink_count + 1, sizeof *sinks);
    for (size_t i = 0; i < pipeline->sink_count; i++) {
        add(bench, &pipeline->sinks[i]);
        const struct leat_connector_def *sink = with_watch(&pipeline->sinks[i]);
        sinks[i] = *sink;
        free((void *)sink);
    }
    pipeline->sinks = sinks;
    if (pipeline->source) {
        add(bench, pipeline->source);
        pipeline->source = with_watch(pipeline->source);
    }
}

void bench_open(struct bench *bench, const struct leat_contract *contract)
{
    *bench = (struct bench){.contract = contract, .config = *contract->config, .random = contract->seed};
    bench->watched = mmap(NULL, WATCHED_MOST * sizeof *bench->watched, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    leat_assert(bench->watched != MAP_FAILED);
    struct leat_pipeline_def *pipelines = leat_calloc(bench->config.pipeline_count + 1, sizeof *pipelines);
    for (size_t i = 0; i < bench->config.pipeline_count; i++) {
        pipelines[i] = bench->config.pipelines[i];
        watch_pipeline(bench, &pipelines[i]);
    }
    bench->config.pipelines = pipelines;
    the_bench = bench;
}

void bench_close(struct bench *bench)
{
    for (size_t i = 0; i < bench->config.pipeline_count; i++) {
        const struct leat_pipeline_def *pipeline = &bench->config.pipelines[i];
        for (size_t k = 0; k < pipeline->sink_count; k++)
            free((void *)pipeline->sinks[k].sink);
        free((void *)pipeline->sinks);
        if (pipeline->source)
            free((void *)pipeline->source->source);
        free((void *)pipeline->source);
    }
    free((void *)bench->config.pipelines);
    munmap(bench->watched, WATCHED_MOST * sizeof *bench->watched);
    the_bench = NULL;
}

struct watched *watched_of(const struct leat_task *task)
{
    for (uint32_t i = 0; i < the_bench->count; i++) {
        struct watched *watched = &the_bench->watched[i];
        if (watched->number == leat_task_number(task) && strcmp(watched->name, leat_task_name(task)) == 0)
            return watched;
    }
    leat_assert(!"a task that nobody watches");
    return NULL;
}

void watch_enter(struct watched *watched, const char *call)
{
    snprintf(watched->doing, sizeof watched->doing, "%s", call);
}

void watch_leave(struct watched *watched)
{
    watched->doing[0] = '\0';
}

bool law_try(struct watched *watched, enum law law, bool is_kept, const char *fmt, ...)
{
    va_list args;
    watched->was_tried[law] = true;
    if (is_kept || watched->broken[law][0])
        return is_kept;
    va_start(args, fmt);
    vsnprintf(watched->broken[law], sizeof watched->broken[law], fmt, args);
    va_end(args);
    return false;
}

void law_try_error(struct watched *watched, const char *call, enum leat_status status, const struct leat_error *err)
{
    bool is_error = status != LEAT_OK && status != LEAT_AGAIN && status != LEAT_EOF;
    bool has_text = status == LEAT_REJECT || (err->text[0] && memchr(err->text, '\0', sizeof err->text));
    law_try(watched, LAW_ERROR_TEXT, !is_error || has_text, "%s says %d and not why", call, (int)status);
}
