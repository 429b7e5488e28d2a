#include <console/console.h>

#include <base/os.h>
#include <errno.h>
#include <lines/lines.h>
#include <unistd.h>

#define LINES_MAX ((size_t)2 << 30)  /* of one batch: bounded by the batch's own budget long before */
#define KEEP_BYTES ((size_t)1 << 20) /* memory kept between batches */

struct console {
    struct leat_format format;
    bool keys;
    struct leat_lines *lines;
    struct leat_bytes out;
};

static const struct leat_option options[] = {
    {.name = "format",
     .type = LEAT_OPT_FORMAT,
     .flags = LEAT_OPT_MAIN,
     .offset = offsetof(struct console, format),
     .preset = "debezium",
     .about = "Format of a line: its name, or {name: {options}}; see `leat plugins debezium`.",
     .example = "native-json"},
    {.name = "keys",
     .type = LEAT_OPT_BOOL,
     .offset = offsetof(struct console, keys),
     .preset = "false",
     .about = "Print {\"key\":...,\"value\":...}, tombstones included."},
    {0}};

static enum leat_status validate(void *arg, struct leat_error *err)
{
    struct console *self = arg;
    return leat_lines_validate(&self->format, self->keys, err);
}

static enum leat_status open_console(void *arg, struct leat_task *task, const struct leat_splits *claim,
                                     struct leat_marks *stored, enum leat_guarantee *guarantee,
                                     struct leat_error *err)
{
    struct console *self = arg;
    (void)claim;
    (void)stored;
    *guarantee = LEAT_AT_LEAST_ONCE;
    leat_bytes_init(&self->out, LINES_MAX);
    return leat_lines_open(&(struct leat_lines_config){self->format, self->keys, leat_task_name(task)},
                           &self->lines, err);
}

/* Standard output may be a pipe that somebody made non-blocking: wait for room then. */
static enum leat_status print(struct leat_task *task, const uint8_t *bytes, size_t len, struct leat_error *err)
{
    while (len > 0) {
        ssize_t n = leat_os->write(STDOUT_FILENO, bytes, len);
        if (n >= 0) {
            bytes += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            if (leat_wait(task, STDOUT_FILENO, POLLOUT, leat_after_us(1000000)) == LEAT_STOPPING)
                return leat_fail(err, LEAT_RETRY, "standard output: its reader does not read");
        } else if (errno == EPIPE) {
            return LEAT_EOF; /* the reader has seen enough */
        } else {
            return leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "standard output: %s", strerror(errno));
        }
    }
    return LEAT_OK;
}

static enum leat_status put(void *arg, struct leat_task *task, const struct leat_batch *batch,
                            struct leat_error *err)
{
    struct console *self = arg;
    bool has_rejects = false;
    leat_bytes_clear(&self->out);
    for (uint32_t i = 0; i < leat_batch_count(batch); i++) {
        enum leat_status status = leat_lines_add(self->lines, leat_batch_get(batch, i), &self->out, err);
        if (status == LEAT_REJECT) {
            leat_batch_reject(batch, i, "%s", err->text);
            has_rejects = true;
        } else if (status != LEAT_OK) {
            return status;
        }
    }
    if (has_rejects)
        return LEAT_REJECT;
    enum leat_status status = print(task, self->out.data, self->out.len, err);
    leat_bytes_clear(&self->out);
    leat_bytes_shrink(&self->out, KEEP_BYTES);
    return status;
}

static void close_console(void *arg, struct leat_task *task)
{
    struct console *self = arg;
    (void)task;
    leat_lines_close(self->lines);
    self->lines = NULL;
    leat_bytes_fini(&self->out);
}

static enum leat_guarantee promise(void *arg, const char **why)
{
    (void)arg;
    *why = "what was printed and not noted yet is printed again after a crash";
    return LEAT_AT_LEAST_ONCE;
}

const struct leat_sink_type leat_sink_console = {
    .struct_size = sizeof(struct leat_sink_type),
    .traits = LEAT_SINK_OF_MACHINE | LEAT_WANTS_SCHEMA,
    .name = "console",
    .about = "One record a line on standard output; after a crash the last lines may come again.",
    .size = sizeof(struct console),
    .options = options,
    .validate = validate,
    .open = open_console,
    .put = put,
    .close = close_console,
    .promise = promise,
};
