/* stdin.c - lines of the standard input. */
#include <base/buffer.h>
#include <base/os.h>
#include <errno.h>
#include <leat/record.h>
#include <stdin/stdin.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024 };

struct stdin_source {
    int64_t max_line;
    const struct leat_schema *schema;
    const struct leat_topic *topic;
    struct leat_bytes held; /* the beginning of a line whose end has not come */
    bool is_at_end;
};

static enum leat_status stdin_check(void *self, struct leat_report *report, struct leat_error *err)
{
    (void)self;
    (void)err;
    leat_report_guarantee(report, LEAT_AT_MOST_ONCE, "what was read of the standard input cannot be read again");
    return LEAT_OK;
}

static enum leat_status stdin_open(void *self, struct leat_task *task, const struct leat_positions *from,
                                   struct leat_error *err)
{
    struct stdin_source *in = self;
    (void)from;
    (void)err;
    static const struct leat_field fields[] = {
        {.name = "line", .type = LEAT_TEXT, .flags = LEAT_FIELD_REQUIRED, .native = "", .labels = ""}};
    const struct leat_schema content = {.connector = "stdin", .space = "", .name = "", .fields = fields, .field_count = 1};
    in->schema = leat_schema(&content);
    in->topic = leat_task_route(task, "", "");
    in->is_at_end = false;
    if (!in->held.max) /* a reopening must not forget what is held */
        leat_bytes_init(&in->held, (size_t)in->max_line + CHUNK);
    return LEAT_OK;
}

static void add_line(struct stdin_source *in, struct leat_batch *batch, const char *line, size_t len, int64_t now_us)
{
    if (len > 0 && line[len - 1] == '\r')
        len--;
    struct leat_value *items = leat_batch_alloc(batch, sizeof *items);
    *items = leat_value_text(leat_batch_copy(batch, line, len), len);
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = in->topic;
    rec->schema = in->schema;
    rec->time_us = now_us;
    rec->op = LEAT_CREATE;
    rec->key = leat_value_null();
    rec->value = leat_value_items(LEAT_STRUCT, items, 1);
}

/* Whole lines of what is held become records; the rest stays. */
static void add_lines(struct stdin_source *in, struct leat_batch *batch)
{
    int64_t now_us = leat_wall_us();
    size_t used = 0;
    const char *held = (const char *)in->held.data;
    for (;;) {
        const char *end = used < in->held.len ? memchr(held + used, '\n', in->held.len - used) : NULL;
        size_t len = end ? (size_t)(end - held) - used : in->held.len - used;
        bool is_cut = !end && (len >= (size_t)in->max_line || (in->is_at_end && len > 0));
        if (!end && !is_cut)
            break;
        if (len > (size_t)in->max_line) {
            len = (size_t)in->max_line;
            end = NULL;
        }
        add_line(in, batch, held + used, len, now_us);
        used += len + (end ? 1 : 0);
    }
    if (used > 0)
        memmove(in->held.data, in->held.data + used, in->held.len - used);
    in->held.len -= used;
}

static enum leat_status stdin_poll(void *self, struct leat_task *task, struct leat_batch **out, struct leat_error *err)
{
    struct stdin_source *in = self;
    if (in->is_at_end)
        return LEAT_EOF;
    if (leat_wait(task, STDIN_FILENO, POLLIN, LEAT_NEVER) != LEAT_READY)
        return LEAT_AGAIN;
    struct leat_batch *batch = leat_batch_take(task);
    if (!batch)
        return LEAT_AGAIN;
    leat_bytes_reserve(&in->held, CHUNK);
    ssize_t got = leat_os->read(STDIN_FILENO, in->held.data + in->held.len, CHUNK);
    if (got < 0 && errno != EAGAIN) {
        leat_batch_give(task, &batch);
        return leat_fail(err, LEAT_STOP, "standard input: %s", strerror(errno));
    }
    if (got == 0)
        in->is_at_end = true;
    if (got > 0)
        in->held.len += (size_t)got;
    add_lines(in, batch);
    *out = batch;
    return LEAT_OK;
}

static void stdin_close(void *self, struct leat_task *task)
{
    struct stdin_source *in = self;
    (void)task;
    leat_bytes_fini(&in->held);
    in->held.max = 0;
}

static const struct leat_option options[] = {
    {.name = "max_line", .type = LEAT_OPT_SIZE, .offset = offsetof(struct stdin_source, max_line), .preset = "1MiB",
     .min = 1024, .max = 64 << 20, .about = "A longer line is cut into records of this size."},
    {0}};

const struct leat_source_type leat_source_stdin = {
    .struct_size = sizeof(struct leat_source_type),
    .traits = LEAT_SOURCE_OF_MACHINE,
    .name = "stdin",
    .about = "Lines of the standard input, each a record {line}; at most once over a kill.",
    .size = sizeof(struct stdin_source),
    .options = options,
    .check = stdin_check,
    .open = stdin_open,
    .poll = stdin_poll,
    .close = stdin_close,
};
