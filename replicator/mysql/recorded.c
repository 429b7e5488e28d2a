#include <mysql/recorded.h>

#include <base/clock.h>
#include <base/memory.h>
#include <mysql/log_files.h>
#include <mysql/schema_file.h>
#include <mysql/stream.h>
#include <mysql/transaction.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOK_US 1000000 /* for more in the newest file */

struct recorded {
    const struct recorded_options *options;
    struct log_files *files;
    struct log_files
        *aside; /* at a prepared transaction (xa.h), while the stream waits at its commit */
    struct tables tables;
    struct forms *forms;
    struct xa xa;
    struct transaction transaction;
    struct position place; /* where the stream starts */
    struct stream stream;
    struct log_event first; /* its FORMAT event, read before the stream begins */
    bool has_first, has_stream, is_caught_up;
    char file[256];          /* that is being read */
    enum leat_status broken; /* no event comes any more: the next poll says why */
    struct leat_error why_broken;
};

/* The FORMAT event of the first file says whose log it is. */
static enum leat_status read_format(struct recorded *recorded, struct leat_binlog_format *format,
                                    struct leat_error *err)
{
    struct leat_binlog_event ev;
    *format = (struct leat_binlog_format){0};
    enum leat_status status = log_files_next(recorded->files, &recorded->first, err);
    if (status == LEAT_AGAIN)
        return leat_fail(err, LEAT_RETRY, "%s is empty", log_files_name(recorded->files));
    if (status == LEAT_OK)
        status =
            leat_binlog_event(&ev, format, recorded->first.bytes, recorded->first.len, false, err);
    if (status == LEAT_OK && ev.type != LEAT_BINLOG_FORMAT)
        status = leat_fail(err, LEAT_STOP,
                           "%s begins with an event of type %u: it is not a binary log of MySQL "
                           "5.0 or later, or of MariaDB",
                           recorded->first.file, ev.type);
    if (status == LEAT_OK)
        status = leat_binlog_format(format, &ev, err);
    recorded->has_first = status == LEAT_OK;
    return status;
}

static void open_stream(struct recorded *recorded, struct leat_task *task,
                        const struct leat_positions *from, bool is_mariadb)
{
    const struct recorded_options *options = recorded->options;
    tables_init(&recorded->tables, task, NULL, options->tables, false, is_mariadb);
    recorded->tables.forms = recorded->forms = forms_new(options->forms);
    xa_init(&recorded->xa);
    transaction_init(&recorded->transaction, leat_task_name(task), from);
    stream_init(&recorded->stream, &recorded->tables, &recorded->place, options->files.items[0],
                options->verify);
    recorded->stream.xa = &recorded->xa;
    recorded->stream.transaction = options->forms->transactions ? &recorded->transaction : NULL;
    recorded->has_stream = true;
    tables_at(&recorded->tables, &recorded->stream.position, recorded->stream.file, &recorded->stream.pos);
    tables_load(&recorded->tables, from);
}

enum leat_status recorded_open(struct recorded **opened, const struct recorded_options *options,
                               struct leat_task *task, const struct leat_positions *from,
                               struct leat_error *err)
{
    struct recorded *recorded = *opened = leat_calloc(1, sizeof *recorded);
    struct leat_binlog_format format;
    bool is_there;
    recorded->options = options;
    position_init(&recorded->place);
    enum leat_status status = position_load(&recorded->place, from, &is_there, err);
    if (status == LEAT_OK)
        status = log_files_open(&recorded->files, &options->files, recorded->place.file,
                                recorded->place.pos, err);
    if (status == LEAT_OK)
        status = read_format(recorded, &format, err);
    if (status != LEAT_OK)
        return status;
    open_stream(recorded, task, from, format.is_mariadb);
    status = xa_load(&recorded->xa, from, err);
    if (status == LEAT_OK && !is_there &&
        options->schema_file) /* later the positions have what was read from it */
        status = schema_file_read(options->schema_file, &recorded->tables,
                                  leat_server_version(format.server_version), err);
    if (status == LEAT_OK)
        leat_say(LEAT_INFO, leat_task_name(task), "mysql log files of %s %s, from %s",
                 format.is_mariadb ? "MariaDB" : "MySQL", format.server_version,
                 recorded->first.file);
    return status;
}

static void leave_aside(struct recorded *recorded)
{
    if (recorded->aside)
        log_files_close(recorded->aside);
    recorded->aside = NULL;
}

void recorded_close(struct recorded *recorded)
{
    if (recorded->has_stream) {
        stream_fini(&recorded->stream);
        transaction_fini(&recorded->transaction);
        xa_fini(&recorded->xa);
        forms_free(recorded->forms);
        tables_fini(&recorded->tables);
    }
    leave_aside(recorded);
    if (recorded->files)
        log_files_close(recorded->files);
    position_fini(&recorded->place);
    free(recorded);
}

/* ---- poll ---- */

/* What a prepared transaction did is behind us in the files. */
static enum leat_status next_aside(struct recorded *recorded, const struct xa_group *group,
                                   struct log_event *event, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    if (!recorded->aside)
        status = log_files_open(&recorded->aside, &recorded->options->files, group->place.file,
                                group->place.pos, err);
    if (status == LEAT_OK)
        status = log_files_next(recorded->aside, event, err);
    if (status == LEAT_AGAIN)
        status = leat_fail(
            err, LEAT_STOP,
            "the files end before the XA transaction %s does, of which they hold the commit",
            group->name);
    return status;
}

static enum leat_status next_event(struct recorded *recorded, const struct xa_group *group,
                                   struct log_event *event, struct leat_error *err)
{
    if (group)
        return next_aside(recorded, group, event, err);
    leave_aside(recorded);
    if (!recorded->has_first)
        return log_files_next(recorded->files, event, err);
    *event = recorded->first;
    recorded->has_first = false;
    return LEAT_OK;
}

static enum leat_status take_event(struct recorded *recorded, struct leat_batch *batch,
                                   const struct log_event *event, struct leat_error *err)
{
    if (event->is_moved)
        stream_enter_file(&recorded->stream, event->file, strlen(event->file), event->at);
    return stream_event(&recorded->stream, batch, event->bytes, event->len, err);
}

/* The last record of a transaction says so: who cuts a batch within one looks whether its end comes
 * next. An error of that look is found again. */
static bool goes_on(struct recorded *recorded, const struct leat_batch *batch)
{
    enum { TYPE_AT = 4 };
    struct stream *stream = &recorded->stream;
    struct leat_error later;
    if (!leat_batch_is_full(batch) || !stream->is_within || stream_wants_group(stream))
        return !leat_batch_is_full(batch);
    if (stream_has_more(stream))
        return stream_may_end(stream, stream_peek(stream));
    if (!recorded->has_first)
        recorded->has_first = log_files_next(recorded->files, &recorded->first, &later) == LEAT_OK;
    return recorded->has_first && stream_may_end(stream, recorded->first.bytes[TYPE_AT]);
}

/* Events until the batch is full or nothing more is there. RETRY: what is wrong was seen before
 * anything of the event was taken. From a server that would be tried again; in a file a wrong
 * checksum stays wrong. */
static enum leat_status fill(struct recorded *recorded, struct leat_batch *batch, bool *has_events,
                             struct leat_error *err)
{
    struct log_event event;
    enum leat_status status = LEAT_OK;
    stream_begin_batch(&recorded->stream);
    while (status == LEAT_OK && goes_on(recorded, batch)) {
        const struct xa_group *group = stream_wants_group(&recorded->stream);
        bool has_more = stream_has_more(&recorded->stream);
        status = has_more ? LEAT_OK : next_event(recorded, group, &event, err);
        if (status != LEAT_OK)
            break;
        status = has_more ? stream_go_on(&recorded->stream, batch, err)
                 : group ? stream_group_event(&recorded->stream, batch, event.bytes, event.len, err)
                         : take_event(recorded, batch, &event, err);
        if (status == LEAT_STOP)
            *has_events = false; /* the event may be half in the batch */
        else if (status == LEAT_OK)
            *has_events = true;
    }
    if (status != LEAT_OK && status != LEAT_AGAIN) {
        recorded->broken = LEAT_STOP;
        recorded->why_broken = *err;
    }
    return recorded->broken != LEAT_OK ? recorded->broken : status;
}

/* The newest file has no more. What a server still writes to it comes later; what was cut off does
 * not. */
static enum leat_status at_end(struct recorded *recorded, struct leat_task *task)
{
    const char *name = log_files_name(recorded->files);
    unsigned long long torn = log_files_torn(recorded->files), pos = log_files_pos(recorded->files);
    bool is_once = leat_task_is_once(task);
    if (!recorded->is_caught_up && !is_once)
        leat_say(LEAT_INFO, leat_task_name(task), "at the end of %s, and waiting for more", name);
    recorded->is_caught_up = true;
    leat_task_progress(task, "at the end of %s", name);
    leat_task_lag(task, 0, -1);
    if (!is_once) {
        leat_wait(task, -1, 0, leat_after_us(LOOK_US));
        return LEAT_AGAIN;
    }
    if (torn > 0)
        leat_say(LEAT_WARNING, leat_task_name(task),
                 "%s ends within an event: %llu bytes from %llu on are left for the next start",
                 name, torn, pos);
    if (recorded->stream.is_within)
        leat_say(LEAT_WARNING, leat_task_name(task),
                 "%s ends within the transaction that begins at %llu: its rows up to there are in "
                 "the topic, and its commit is not in the "
                 "file; with a longer file the next start goes on with it",
                 name, (unsigned long long)recorded->stream.position.pos);
    return LEAT_EOF;
}

static void show_file(struct recorded *recorded, struct leat_task *task)
{
    if (strcmp(recorded->file, recorded->stream.file) == 0)
        return;
    snprintf(recorded->file, sizeof recorded->file, "%s", recorded->stream.file);
    leat_task_progress(task, "reading %s", recorded->file);
}

enum leat_status recorded_poll(struct recorded *recorded, struct leat_task *task,
                               struct leat_batch **out, struct leat_error *err)
{
    bool has_events = false;
    if (recorded->broken != LEAT_OK) {
        *err = recorded->why_broken;
        return recorded->broken;
    }
    struct leat_batch *batch = leat_batch_take(task);
    if (!batch)
        return LEAT_AGAIN;
    enum leat_status status = fill(recorded, batch, &has_events, err);
    if (has_events) { /* what comes before a broken event is whole: it goes out, and why it ended is
                         told with the next call */
        stream_end_batch(&recorded->stream, batch);
        show_file(recorded, task);
        *out = batch;
        return LEAT_OK;
    }
    leat_batch_give(task, &batch);
    return status == LEAT_AGAIN ? at_end(recorded, task) : status;
}

/* ---- check ---- */

enum leat_status recorded_check(const struct recorded_options *options, struct leat_report *report,
                                struct leat_error *err)
{
    struct recorded recorded = {.files = NULL};
    struct leat_binlog_format format;
    enum leat_status status = log_files_open(&recorded.files, &options->files, "", 0, err);
    if (status != LEAT_OK)
        return status;
    status = read_format(&recorded, &format, err);
    if (status == LEAT_OK)
        leat_report_note(report, "files: of %s, from %s on", format.server_version,
                         recorded.first.file);
    log_files_close(recorded.files);
    return status;
}
