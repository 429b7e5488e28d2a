#include <mysql/stream_parts.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* The group's events once more, in a stream of its own: its places are those of the group, while the records have the place of
 * the XA COMMIT, which is the one that the position tells of. */
struct stream_replay {
    struct stream inner;
    struct xa_group *group;
    size_t at;      /* of the events in memory */
    bool is_within; /* the group: the server may send others before it */
    bool has_ended;
};

/* ---- while a group is prepared ---- */

bool stream_is_held(const struct stream *stream)
{
    return stream->xa && stream->xa->now;
}

void stream_hold(struct stream *stream)
{
    char own[LEAT_GTID_TEXT_MAX] = "";
    struct leat_binlog_format format = stream->format;
    if (!stream->xa || stream->is_passed)
        return;
    if (stream->has_gtid && !stream->gtid.is_anonymous)
        leat_gtid_print(own, &stream->gtid, stream->format.is_mariadb);
    if (stream->has_payload) /* what is kept is the payload */
        format.has_checksum = stream->inside.has_checksum;
    stream->inside.bytes = 0;
    xa_begin(stream->xa, &stream->position, own, &format);
    xa_keep(stream->xa, stream->raw, stream->raw_len);
}

static void start_replay(struct stream *stream, struct xa_group *group)
{
    struct stream_replay *replay = leat_calloc(1, sizeof *replay);
    stream_init(&replay->inner, stream->tables, &group->place, stream->where, stream->verify);
    replay->inner.outer = stream;
    replay->group = group;
    replay->is_within = group->is_kept;
    if (group->is_kept)
        replay->inner.format = group->format;
    stream->replay = replay;
    tables_forget_ids(stream->tables);
}

/* Its rows become records, now that it is committed, or there are none. */
static void release(struct stream *stream, struct leat_batch *batch, const struct leat_binlog_event *ev, struct xa_group *group)
{
    if (!group->has_rows) {
        xa_forget(stream->xa, group);
        stream_end_transaction(stream, batch);
        return;
    }
    if (!stream->has_payload)
        stream->inside = (struct stream_inside){.is_open = true, .begins = stream->pos - ev->length};
    start_replay(stream, group);
}

enum leat_status stream_take_prepare(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                     struct leat_error *err)
{
    char name[XA_NAME_MAX];
    bool is_one_phase;
    if (stream->outer) {
        stream->outer->replay->has_ended = true;
        return LEAT_OK;
    }
    if (!xa_name(ev, name, &is_one_phase))
        return leat_fail(err, LEAT_STOP, "%s: an XA_PREPARE event cannot be read", stream->where);
    struct xa_group *group = stream_is_held(stream) ? xa_prepare(stream->xa, name) : NULL;
    if (group && is_one_phase)
        release(stream, batch, ev, group);
    else
        stream_end_transaction(stream, batch);
    return LEAT_OK;
}

/* ---- statements ---- */

/* The text behind `word`, which the statement begins with; else NULL. */
static const char *behind(const char *text, const char *word)
{
    size_t len = strlen(word);
    return strncasecmp(text, word, len) == 0 ? text + len : NULL;
}

static enum leat_status take_commit(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                    const char *name, struct leat_error *err)
{
    struct xa_group *group = xa_find(stream->xa, name);
    if (stream_is_done(stream)) {
        if (group)
            xa_forget(stream->xa, group);
        stream_end_transaction(stream, batch);
        return LEAT_OK;
    }
    if (!group)
        return leat_fail(err, LEAT_STOP,
                         "%s: XA COMMIT %s in %s before %llu: it was prepared before the place where this source began, so its rows "
                         "are not known; `leat offsets reset` takes a new snapshot",
                         stream->where, name, stream->file, (unsigned long long)stream->pos);
    release(stream, batch, ev, group);
    return LEAT_OK;
}

bool stream_take_xa(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                    const struct leat_binlog_query *query, enum leat_status *status, struct leat_error *err)
{
    char text[XA_NAME_MAX + 16];
    *status = LEAT_OK;
    if (query->text_len < 3 || strncasecmp(query->text, "XA ", 3) != 0 || query->text_len >= sizeof text)
        return false;
    snprintf(text, sizeof text, "%.*s", (int)query->text_len, query->text);
    const char *committed = behind(text, "XA COMMIT "), *rolled_back = behind(text, "XA ROLLBACK ");
    if (behind(text, "XA START ")) {
        stream_hold(stream);
    } else if (committed) {
        *status = take_commit(stream, ev, batch, committed, err);
    } else if (rolled_back) {
        struct xa_group *group = xa_find(stream->xa, rolled_back);
        if (group)
            xa_forget(stream->xa, group);
        stream_end_transaction(stream, batch);
    }
    return true;
}

/* ---- the replay ---- */

void stream_leave_replay(struct stream *stream)
{
    if (!stream->replay)
        return;
    stream_fini(&stream->replay->inner);
    free(stream->replay);
    stream->replay = NULL;
    stream->inside.is_open = false;
    tables_forget_ids(stream->tables);
}

static enum leat_status end_replay(struct stream *stream, struct leat_batch *batch, struct leat_error *err)
{
    struct xa_group *group = stream->replay->group;
    stream_leave_replay(stream);
    xa_forget(stream->xa, group);
    stream_end_transaction(stream, batch);
    return stream_check_guard(stream, err);
}

static bool is_gtid(uint8_t type)
{
    return type == LEAT_BINLOG_GTID || type == LEAT_BINLOG_GTID_TAGGED || type == LEAT_BINLOG_ANONYMOUS_GTID ||
           type == LEAT_BINLOG_MARIA_GTID;
}

static bool is_own(const struct stream_replay *replay, const struct leat_binlog_event *ev)
{
    struct leat_binlog_gtid gtid;
    char text[LEAT_GTID_TEXT_MAX];
    if (!replay->group->own[0])
        return true;
    if (!leat_binlog_gtid(ev, &gtid) || gtid.is_anonymous)
        return false;
    leat_gtid_print(text, &gtid, ev->type == LEAT_BINLOG_MARIA_GTID);
    return strcmp(text, replay->group->own) == 0;
}

static enum leat_status take_inner(struct stream *stream, const struct leat_binlog_event *ev, struct leat_batch *batch,
                                   struct leat_error *err)
{
    struct stream_replay *replay = stream->replay;
    if (ev->type == LEAT_BINLOG_FORMAT || ev->type == LEAT_BINLOG_ROTATE)
        return stream_take_event(&replay->inner, ev, batch, err);
    if (is_gtid(ev->type)) {
        replay->is_within = is_own(replay, ev);
        return LEAT_OK;
    }
    if (!replay->is_within)
        return LEAT_OK;
    if (ev->type != LEAT_BINLOG_PAYLOAD && ev->type != LEAT_BINLOG_ANNOTATE) /* not all servers are asked for annotations */
        stream->inside.bytes += ev->length;
    return stream_take_event(&replay->inner, ev, batch, err);
}

const struct xa_group *stream_wants_group(const struct stream *stream)
{
    bool wants = stream->replay && !stream->replay->group->is_kept && !stream_has_more(stream);
    return wants ? stream->replay->group : NULL;
}

enum leat_status stream_group_event(struct stream *stream, struct leat_batch *batch, const uint8_t *bytes, size_t len,
                                    struct leat_error *err)
{
    struct stream_replay *replay = stream->replay;
    struct leat_binlog_event ev;
    enum leat_status status = leat_binlog_event(&ev, &replay->inner.format, bytes, len, stream->verify, err);
    if (status == LEAT_OK)
        status = take_inner(stream, &ev, batch, err);
    if (status != LEAT_OK)
        leat_error_context(err, "%s: rows of the XA transaction %s, prepared in %s", stream->where, replay->group->name,
                           replay->group->place.file);
    else if (replay->has_ended && !stream_has_more(&replay->inner))
        status = end_replay(stream, batch, err);
    return status;
}

bool stream_replay_has_more(const struct stream *stream)
{
    return stream->replay && (stream->replay->group->is_kept || stream_has_more(&stream->replay->inner));
}

uint8_t stream_replay_peek(struct stream *stream)
{
    enum { TYPE_AT = 4 };
    struct stream_replay *replay = stream->replay;
    if (!replay)
        return 0;
    if (stream_has_more(&replay->inner))
        return stream_peek(&replay->inner);
    const struct leat_bytes *events = &replay->group->events;
    return replay->group->is_kept ? events->data[replay->at + sizeof(uint32_t) + TYPE_AT] : 0;
}

enum leat_status stream_replay_go_on(struct stream *stream, struct leat_batch *batch, struct leat_error *err)
{
    struct stream_replay *replay = stream->replay;
    if (!stream_has_more(&replay->inner)) {
        const struct leat_bytes *events = &replay->group->events;
        leat_assert(replay->at + 4 <= events->len);
        uint32_t len = leat_get_u32(events->data + replay->at);
        const uint8_t *bytes = events->data + replay->at + 4;
        replay->at += 4 + len;
        return stream_group_event(stream, batch, bytes, len, err);
    }
    enum leat_status status = stream_go_on(&replay->inner, batch, err);
    if (status == LEAT_OK && replay->has_ended && !stream_has_more(&replay->inner))
        status = end_replay(stream, batch, err);
    return status;
}
