#include <mysql/stream_parts.h>

#include <mysql/park.h>
#include <mysql/schema_change.h>
#include <mysql/snapshots.h>
#include <mysql/unhidden.h>
#include <mysql_protocol/charset.h>

struct ddl { /* one statement */
    struct stream *stream;
    const struct leat_binlog_event *ev;
    struct leat_batch *batch;
    const char *database; /* the session's */
    const char *text;     /* in UTF-8 */
    size_t len;
    struct leat_ddl steps;
    struct schema_change *change; /* NULL: it is no record */
};

static int shown(const struct ddl *ddl)
{
    return (int)(ddl->len < 120 ? ddl->len : 120);
}

static void say_rows_lost(const struct ddl *ddl)
{
    leat_say(LEAT_WARNING, NULL,
             "%s: %.*s (%s before %llu) takes rows away of which the log does not tell: they stay in the targets until they "
             "are removed there",
             ddl->stream->where, shown(ddl), ddl->text, ddl->stream->file, (unsigned long long)ddl->stream->pos);
}

/* The step of the same statement in which a table made room: what gh-ost and pt-osc do with a copy that has the same rows. */
static const struct leat_ddl_step *made_room(const struct ddl *ddl, const struct leat_ddl_step *until)
{
    for (const struct leat_ddl_step *step = ddl->steps.steps; step != until; step = step->next)
        if (step->kind == LEAT_DDL_RENAME && strcmp(step->name.table, until->other.table) == 0)
            return step;
    return NULL;
}

static void take_replaced(const struct ddl *ddl, const struct leat_ddl_step *step, struct table *table)
{
    struct tables *tables = ddl->stream->tables;
    const char *name = leat_task_name(tables->task);
    const struct leat_ddl_step *room = made_room(ddl, step);
    if (room) {
        const char *database = room->other.database ? room->other.database : ddl->database;
        tables_park_copy(tables, tables_find(tables, database, strlen(database), room->other.table, strlen(room->other.table)), table);
    }
    if (room)
        leat_say(LEAT_INFO, name, "table %s is from here on the copy of it that was made as %s", table->full, step->name.table);
    else
        leat_say(LEAT_WARNING, name,
                 "table %s is from here on what %s was, which was not captured: the rows that it had before are not in the topic; `leat "
                 "snapshot start %s %s` reads them",
                 table->full, step->name.table, name, table->full);
}

static void add_truncate(const struct ddl *ddl, const struct table *table)
{
    struct record_origin origin;
    if (table && table->schema && !table->parked && !table->is_inside && !stream_is_done(ddl->stream))
        record_add_truncate(ddl->batch, table, stream_origin(ddl->stream, ddl->ev, ddl->batch, &origin));
}

/* Of a table that is being read, events of what is not read yet were left out: its rows come under the name that it has now. */
static void read_renamed(const struct stream *stream, const struct followed *followed)
{
    const struct table *from = followed->from;
    struct table *to = followed->to;
    if (!from || !to || !to->is_captured || to->is_inside || !stream->snapshots)
        return;
    if (!from->job && (!to->job || !from->is_captured))
        return;
    leat_say(LEAT_WARNING, leat_task_name(stream->tables->task), "table %s was renamed to %s while rows were being read: %s is read anew",
             from->full, to->full, to->full);
    snapshots_want(stream->snapshots, to, SNAPSHOT_ANEW, NULL);
}

/* NULL: the table is not known, or there are no rules. */
static const struct form *form_before(const struct ddl *ddl, const struct leat_ddl_step *step)
{
    const char *database = step->name.database ? step->name.database : ddl->database;
    struct table *table = step->name.table ? tables_named(ddl->stream->tables, database, strlen(database), step->name.table) : NULL;
    return table && table->is_captured ? form_of(table) : NULL;
}

static enum leat_status take_step(const struct ddl *ddl, const struct leat_ddl_step *step, struct leat_error *err)
{
    struct followed followed;
    const struct form *was = form_before(ddl, step);
    enum leat_status status = tables_follow(ddl->stream->tables, step, ddl->database, &followed, err);
    if (status != LEAT_OK)
        return status;
    if (followed.to || followed.table)
        unhidden_say(step, was, followed.to ? followed.to : followed.table, ddl->stream->tables->task);
    if (ddl->change)
        ddl->change->hides = ddl->change->hides || form_hides(was);
    if (ddl->change && (followed.table || followed.to))
        schema_change_add(ddl->change, step, followed.to ? followed.from : followed.table, followed.to);
    if (step->kind == LEAT_DDL_TRUNCATE)
        add_truncate(ddl, followed.table);
    if (followed.loses_rows)
        say_rows_lost(ddl);
    if (followed.replaced_by)
        take_replaced(ddl, step, followed.replaced_by);
    read_renamed(ddl->stream, &followed);
    return LEAT_OK;
}

/* A statement is in its client's charset. */
static void set_text(struct ddl *ddl, const struct leat_binlog_query *query, struct leat_arena *arena)
{
    struct leat_value text = leat_charset_text(query->charset, arena, query->text, query->text_len);
    bool is_text = text.type == LEAT_TEXT;
    ddl->text = is_text ? text.as.text : query->text;
    ddl->len = is_text ? text.len : query->text_len;
}

static void mask_text(struct ddl *ddl, const struct leat_binlog_query *query, struct leat_bytes *masked)
{
    leat_ddl_mask(masked, ddl->text, ddl->len, query->sql_mode, leat_server_version(ddl->stream->format.server_version),
                  ddl->stream->tables->is_mariadb);
    ddl->text = (const char *)masked->data;
    ddl->len = masked->len;
}

enum leat_status stream_take_ddl(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                 const struct leat_binlog_query *query, struct leat_error *err)
{
    struct leat_arena arena;
    struct schema_change change = {.batch = batch};
    struct record_origin origin;
    bool is_told = stream->tells_ddl && !stream_is_done(stream);
    struct ddl ddl = {.stream = stream, .ev = ev, .batch = batch, .change = is_told ? &change : NULL};
    enum leat_status status = LEAT_OK;
    leat_arena_init(&arena, 0);
    set_text(&ddl, query, &arena);
    ddl.database = leat_arena_copy(&arena, query->database, query->database_len);
    leat_ddl_read(&ddl.steps, ddl.text, ddl.len, query->sql_mode, leat_server_version(stream->format.server_version),
                  stream->tables->is_mariadb, &arena);
    for (const struct leat_ddl_step *step = ddl.steps.steps; step && status == LEAT_OK; step = step->next)
        status = take_step(&ddl, step, err);
    struct leat_bytes masked;
    leat_bytes_init(&masked, (size_t)1 << 30);
    if (ddl.change && change.hides)
        mask_text(&ddl, query, &masked);
    if (status == LEAT_OK && ddl.change)
        schema_change_emit(ddl.change, leat_task_name(stream->tables->task), stream->tables->is_mariadb, ddl.database, ddl.text, ddl.len,
                           stream_origin(stream, ev, batch, &origin));
    leat_bytes_fini(&masked);
    leat_arena_fini(&arena);
    return status;
}
