#include <oms/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/text.h>
#include <errno.h>
#include <model/json.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define CURSOR_BYTES 12 /* LSN of the frame, number of the record in it + 1: both big-endian, so that memcmp orders them */
#define HINT_EVERY_US 1000000

enum want { UNKNOWN, WANTED, UNWANTED };

struct split { /* one log */
    struct oms_log *log;
    struct leat_log_reader *reader;
    struct leat_log_watch *watch;
    struct leat_reader *owner;
    char *name;
    uint8_t *wants; /* enum want, by topic id */
    const struct leat_topic **topics; /* by topic id */
    int32_t *partitions;              /* by topic id */
    uint32_t want_cap;
    /* the frame at hand; stream.at == end: none */
    struct leat_log_frame frame;
    struct leat_native_reader native;
    struct leat_cut stream;
    uint32_t index;    /* of the next record in it */
    uint64_t *offsets; /* next offset of each part */
    uint32_t offset_cap;
    /* where to begin in the first frame */
    uint32_t skip;
    uint32_t skip_topic;
    uint64_t skip_offset;
    bool skips_offset;
    int64_t last_us;
    struct leat_mark hinted; /* newest hint, perhaps not written yet */
    bool has_hint, is_hint_new;
};

struct leat_reader {
    struct leat_access *access;
    const struct leat_list *patterns;
    char *consumer; /* NULL: a passing reader */
    uint32_t lane, lanes;
    bool follows_all; /* also logs that are made later */
    struct split *splits;
    uint32_t split_count, turn;
    const char **names;
    int fd; /* epoll over the watches */
    struct leat_time hinted_at;
    struct leat_arena discard; /* of records that are only passed through */
};

/* ---- open and close ---- */

static bool is_wanted_name(const struct leat_reader *reader, const char *name)
{
    size_t len = strlen(name);
    if (reader->patterns)
        return leat_patterns_match(reader->patterns, name, false);
    return len < 5 || strcmp(name + len - 5, ".dead") != 0;
}

struct naming {
    struct split *split;
    uint32_t id;
};

static void learn_topic(void *arg, const struct leat_log_topic *topic)
{
    struct split *split = arg;
    if (topic->id >= split->want_cap) {
        uint32_t cap = topic->id + 64;
        split->wants = leat_realloc(split->wants, cap);
        split->topics = leat_realloc(split->topics, cap * sizeof *split->topics);
        split->partitions = leat_realloc(split->partitions, cap * sizeof *split->partitions);
        memset(split->wants + split->want_cap, UNKNOWN, cap - split->want_cap);
        memset((void *)(split->topics + split->want_cap), 0, (cap - split->want_cap) * sizeof *split->topics);
        split->want_cap = cap;
    }
    if (split->wants[topic->id] == UNKNOWN) {
        split->wants[topic->id] = is_wanted_name(split->owner, topic->name) ? WANTED : UNWANTED;
        split->topics[topic->id] = leat_topic(topic->name, strlen(topic->name));
        split->partitions[topic->id] = topic->partition;
    }
}

static bool wants_topic(void *arg, uint32_t id)
{
    struct split *split = arg;
    if (id >= split->want_cap || split->wants[id] == UNKNOWN)
        leat_log_topics(split->log->log, learn_topic, split);
    return id < split->want_cap && split->wants[id] == WANTED;
}

static void load_hint(struct split *split)
{
    struct leat_bytes key, value;
    struct leat_value name = leat_value_string(split->name), stored;
    struct leat_arena arena;
    leat_bytes_init(&key, 4096);
    leat_bytes_init(&value, SIZE_MAX);
    leat_arena_init(&arena, 0);
    oms_state_key(&key, LEAT_STATE_HINT, split->owner->consumer, &name);
    if (leat_log_state_get(split->log->log, key.data, key.len, &value)) {
        struct leat_cut cut = leat_cut(value.data, value.len);
        split->has_hint = leat_native_get_value(&cut, &arena, &stored) && stored.type == LEAT_BYTES &&
                          leat_mark_decode(stored.as.bytes, stored.len, &split->hinted);
    }
    leat_arena_fini(&arena);
    leat_bytes_fini(&key);
    leat_bytes_fini(&value);
}

static enum leat_status open_split(struct leat_reader *reader, struct oms_log *log, struct leat_error *err)
{
    struct split *split = &reader->splits[reader->split_count++];
    *split = (struct split){.log = log, .owner = reader};
    split->name = leat_format_dup("%s/%u", log->name, reader->lane);
    enum leat_status status = leat_log_reader_open(log->log, wants_topic, split, &split->reader, err);
    if (status != LEAT_OK)
        return status;
    if (reader->consumer)
        load_hint(split);
    if (reader->access->is_read_only)
        return LEAT_OK;
    split->watch = leat_log_watch_open(log->log, err);
    if (!split->watch)
        return LEAT_RETRY;
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(reader->fd, EPOLL_CTL_ADD, leat_log_watch_fd(split->watch), &event) != 0)
        return leat_fail(err, LEAT_RETRY, "cannot watch log %s: %s", log->name, strerror(errno));
    return LEAT_OK;
}

static enum leat_status open_splits(struct leat_reader *reader, const struct leat_subscription *what,
                                    struct leat_error *err)
{
    struct leat_access *access = reader->access;
    enum leat_status status = what->logs ? LEAT_OK : oms_logs_open(access, err);
    size_t count = 0;
    while (what->logs && what->logs[count])
        count++;
    count = what->logs ? count : access->log_count;
    reader->splits = leat_calloc(count ? count : 1, sizeof *reader->splits);
    for (size_t i = 0; status == LEAT_OK && i < count; i++) {
        struct oms_log *log = what->logs ? NULL : access->logs[i];
        if (what->logs)
            status = oms_log_open(access, what->logs[i], NULL, &log, err);
        if (status == LEAT_OK)
            status = open_split(reader, log, err);
    }
    return status;
}

enum leat_status oms_reader_open(struct leat_access *access, const struct leat_subscription *what,
                                 struct leat_reader **reader, struct leat_splits *splits, struct leat_error *err)
{
    struct leat_reader *made = leat_calloc(1, sizeof *made);
    made->access = access;
    made->patterns = what->patterns && what->patterns->count ? what->patterns : NULL;
    made->consumer = what->consumer ? leat_strdup(what->consumer) : NULL;
    made->lane = what->lane;
    made->lanes = what->lanes > 1 ? what->lanes : 1;
    made->follows_all = !what->logs;
    made->fd = epoll_create1(EPOLL_CLOEXEC);
    leat_arena_init(&made->discard, 64 << 10);
    enum leat_status status = made->fd < 0 ? leat_fail(err, LEAT_RETRY, "cannot make an epoll: %s", strerror(errno))
                                           : open_splits(made, what, err);
    if (status != LEAT_OK) {
        oms_reader_close(made);
        return status;
    }
    made->names = leat_calloc(made->split_count ? made->split_count : 1, sizeof *made->names);
    for (uint32_t i = 0; i < made->split_count; i++)
        made->names[i] = made->splits[i].name;
    *splits = (struct leat_splits){made->split_count, made->names};
    *reader = made;
    return LEAT_OK;
}

static void write_hints(struct leat_reader *reader)
{
    struct leat_error err;
    for (uint32_t i = 0; i < reader->split_count; i++) {
        struct split *split = &reader->splits[i];
        struct leat_log_unit *unit;
        uint8_t encoded[LEAT_MARK_BYTES_MAX];
        uint64_t end;
        if (!split->is_hint_new || leat_log_unit_begin(split->log->log, true, &unit, &err) != LEAT_OK)
            continue;
        size_t len = leat_mark_encode(&split->hinted, encoded);
        oms_state_put(unit, &(struct leat_state){LEAT_STATE_HINT, reader->consumer, leat_value_string(split->name),
                                                 leat_value_bytes(encoded, len)});
        leat_log_unit_append(split->log->log, unit, LEAT_NATIVE_FORMAT, &end, &err);
        split->is_hint_new = false;
    }
    reader->hinted_at = leat_now();
}

void oms_reader_close(struct leat_reader *reader)
{
    write_hints(reader);
    for (uint32_t i = 0; i < reader->split_count; i++) {
        struct split *split = &reader->splits[i];
        if (split->reader)
            leat_log_reader_close(split->reader);
        if (split->watch)
            leat_log_watch_close(split->watch);
        free(split->wants);
        free(split->topics);
        free(split->partitions);
        free(split->offsets);
        free(split->name);
    }
    if (reader->fd >= 0)
        leat_os->close(reader->fd);
    leat_arena_fini(&reader->discard);
    free(reader->splits);
    free(reader->names);
    free(reader->consumer);
    free(reader);
}

/* ---- cursors and marks ---- */

static struct leat_cursor make_cursor(uint64_t lsn, uint32_t count)
{
    struct leat_cursor cursor = {.len = CURSOR_BYTES};
    for (int i = 0; i < 8; i++)
        cursor.bytes[i] = (uint8_t)(lsn >> (56 - 8 * i));
    for (int i = 0; i < 4; i++)
        cursor.bytes[8 + i] = (uint8_t)(count >> (24 - 8 * i));
    return cursor;
}

static bool read_cursor(const struct leat_cursor *cursor, uint64_t *lsn, uint32_t *count)
{
    struct leat_cut cut = leat_cut(cursor->bytes, cursor->len);
    *lsn = leat_cut_be(&cut, 8);
    *count = (uint32_t)leat_cut_be(&cut, 4);
    return !cut.is_bad;
}

enum leat_verdict oms_judge(struct leat_reader *reader, uint32_t at, const struct leat_mark *mark)
{
    struct split *split = &reader->splits[at];
    struct leat_log_info info;
    struct leat_uuid incarnation;
    uint64_t lsn;
    uint32_t count;
    if (mark->layout == 0 || mark->cursor.len == 0)
        return split->has_hint ? LEAT_MARK_LOST : LEAT_MARK_NONE;
    leat_log_info(split->log->log, &info);
    memcpy(incarnation.bytes, mark->incarnation, sizeof incarnation.bytes);
    if (memcmp(mark->log_uuid, info.uuid.bytes, sizeof mark->log_uuid) != 0 ||
        !read_cursor(&mark->cursor, &lsn, &count))
        return LEAT_MARK_FOREIGN;
    if (lsn > info.durable_lsn)
        return LEAT_MARK_AHEAD;
    if (!leat_log_wrote(split->log->log, &incarnation, lsn))
        return LEAT_MARK_FOREIGN;
    if (lsn < info.first_lsn)
        return LEAT_MARK_GONE;
    bool is_behind = split->has_hint && memcmp(mark->cursor.bytes, split->hinted.cursor.bytes, CURSOR_BYTES) < 0;
    return is_behind ? LEAT_MARK_REWOUND : LEAT_MARK_INSIDE;
}

static void write_origin(const struct leat_record *rec, char origin[LEAT_ORIGIN_MAX + 1])
{
    struct leat_bytes json;
    origin[0] = '\0';
    if (!rec->schema || rec->source.type != LEAT_STRUCT)
        return;
    leat_bytes_init(&json, LEAT_ORIGIN_MAX);
    leat_json_struct(&json, &rec->source, rec->schema->source_fields, rec->schema->source_count);
    if (!json.is_over) {
        memcpy(origin, json.data, json.len);
        origin[json.len] = '\0';
    }
    leat_bytes_fini(&json);
}

static void set_mark(struct split *split, struct leat_batch *batch)
{
    struct leat_log_info info;
    leat_log_info(split->log->log, &info);
    struct leat_mark *mark = &batch->mark;
    mark->layout = LEAT_MARK_LAYOUT;
    memcpy(mark->log_uuid, info.uuid.bytes, sizeof mark->log_uuid);
    memcpy(mark->incarnation, split->frame.incarnation.bytes, sizeof mark->incarnation);
    mark->cursor = batch->cursors[batch->count - 1];
    write_origin(&batch->records[batch->count - 1], mark->origin);
}

/* ---- seek ---- */

static uint32_t topic_id(struct split *split, const char *name)
{
    leat_log_topics(split->log->log, learn_topic, split);
    for (uint32_t id = 0; id < split->want_cap; id++)
        if (split->topics[id] && strcmp(split->topics[id]->name, name) == 0)
            return id;
    return 0;
}

static enum leat_status seek_offset(struct split *split, const struct leat_place *place, struct leat_error *err)
{
    uint32_t id = topic_id(split, place->topic);
    if (id == 0)
        return leat_log_seek_end(split->reader, err);
    split->skips_offset = true;
    split->skip_topic = id;
    split->skip_offset = place->offset;
    return leat_log_seek_offset(split->reader, id, place->offset, err);
}

enum leat_status oms_seek(struct leat_reader *reader, uint32_t at, const struct leat_place *place, struct leat_error *err)
{
    struct split *split = &reader->splits[at];
    uint64_t lsn;
    split->stream = leat_cut(NULL, 0);
    split->skip = 0;
    split->skips_offset = false;
    switch (place->kind) {
    case LEAT_AT_FIRST:
        return leat_log_seek_first(split->reader, err);
    case LEAT_AT_END:
        return leat_log_seek_end(split->reader, err);
    case LEAT_AT_TIME:
        return leat_log_seek_time(split->reader, place->time_us, err);
    case LEAT_AT_OFFSET:
        return seek_offset(split, place, err);
    case LEAT_AT_CURSOR:
        if (!read_cursor(&place->cursor, &lsn, &split->skip))
            return leat_fail(err, LEAT_STOP, "log %s: this is no cursor of a commit log", split->log->name);
        return leat_log_seek_lsn(split->reader, lsn, err);
    }
    return LEAT_STOP;
}

/* ---- read ---- */

static void begin_frame(struct split *split)
{
    const struct leat_log_frame *frame = &split->frame;
    split->native = (struct leat_native_reader){0};
    split->stream = leat_cut(frame->stream, frame->stream_len);
    split->index = 0;
    split->last_us = frame->time_us;
    if (frame->part_count > split->offset_cap) {
        split->offset_cap = frame->part_count;
        split->offsets = leat_realloc(split->offsets, split->offset_cap * sizeof *split->offsets);
    }
    for (uint32_t i = 0; i < frame->part_count; i++)
        split->offsets[i] = frame->parts[i].base_offset;
}

/* LEAT_AGAIN: nothing more is durable. */
static enum leat_status next_frame(struct leat_reader *reader, struct split *split, struct leat_error *err)
{
    for (;;) {
        enum leat_status status = leat_log_next(split->reader, &split->frame, err);
        if (status != LEAT_OK)
            return status;
        if (split->frame.record_format != LEAT_NATIVE_FORMAT)
            return leat_fail(err, LEAT_STOP, "log %s: records of format %u were written by a newer leat; run that one",
                             split->log->name, split->frame.record_format);
        if (!split->frame.audience || (reader->consumer && strcmp(split->frame.audience, reader->consumer) == 0))
            break;
        split->skip = 0;
    }
    begin_frame(split);
    return LEAT_OK;
}

static enum leat_status bad_record(const struct split *split, struct leat_error *err)
{
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DAMAGED,
                        "log %s: record %u of the frame at %llu cannot be decoded, though its checksum is right: report this",
                        split->log->name, split->index, (unsigned long long)split->frame.lsn);
}

/* Is the record one to hand out? Those before the place where reading begins are passed over. */
static bool is_wanted(struct leat_reader *reader, struct split *split, const struct leat_native_head *head,
                      const struct leat_log_part *part, uint64_t offset)
{
    if (split->index < split->skip)
        return false;
    if (split->skips_offset) {
        if (part->topic_id != split->skip_topic || offset < split->skip_offset)
            return false;
        split->skips_offset = false;
    }
    return wants_topic(split, part->topic_id) && (reader->lanes == 1 || head->key_hash % reader->lanes == reader->lane);
}

static enum leat_status take_record(struct leat_reader *reader, struct split *split, struct leat_native_head *head,
                                    struct leat_batch *batch, struct leat_error *err)
{
    if (head->topic_slot >= split->frame.part_count)
        return bad_record(split, err);
    const struct leat_log_part *part = &split->frame.parts[head->topic_slot];
    uint64_t offset = split->offsets[head->topic_slot]++;
    bool is_known;
    const struct leat_schema *schema = oms_log_schema(split->log, head->schema_id, &is_known);
    if (!is_known)
        return bad_record(split, err);
    if (!is_wanted(reader, split, head, part, offset)) {
        bool is_good = leat_native_skip(&split->native, head, schema);
        split->index++;
        return is_good ? LEAT_OK : bad_record(split, err);
    }
    struct leat_record *rec = leat_batch_add_read(batch, make_cursor(split->frame.lsn, split->index + 1));
    rec->topic = split->topics[part->topic_id];
    rec->schema = schema;
    rec->op = head->op;
    rec->flags = head->flags;
    rec->key_hash = head->key_hash;
    rec->offset = offset;
    rec->partition = split->partitions[part->topic_id];
    split->index++;
    return leat_native_read(&split->native, head, &batch->arena, false, rec) ? LEAT_OK : bad_record(split, err);
}

/* Records of the frame at hand, until it or the batch has no more room. */
static enum leat_status take_frame(struct leat_reader *reader, struct split *split, struct leat_batch *batch,
                                   struct leat_error *err)
{
    struct leat_native_head head;
    while (leat_cut_left(&split->stream) > 0 && !leat_batch_is_full(batch)) {
        if (!leat_native_next(&split->native, &split->stream, &head))
            return bad_record(split, err);
        enum leat_status status = take_record(reader, split, &head, batch, err);
        if (status != LEAT_OK)
            return status;
    }
    if (leat_cut_left(&split->stream) == 0)
        split->skip = 0;
    batch->commit_us = split->frame.time_us;
    return LEAT_OK;
}

static enum leat_status read_split(struct leat_reader *reader, uint32_t at, struct leat_batch *batch,
                                   struct leat_error *err)
{
    struct split *split = &reader->splits[at];
    while (!leat_batch_is_full(batch)) {
        enum leat_status status = LEAT_OK;
        if (leat_cut_left(&split->stream) == 0)
            status = next_frame(reader, split, err);
        if (status == LEAT_AGAIN) {
            batch->is_at_end = true;
            break;
        }
        if (status == LEAT_OK)
            status = take_frame(reader, split, batch, err);
        if (status != LEAT_OK)
            return status;
    }
    if (batch->count == 0)
        return LEAT_AGAIN;
    batch->split = at;
    set_mark(split, batch);
    return LEAT_OK;
}

static bool has_news(const struct leat_reader *reader)
{
    for (uint32_t i = 0; i < reader->split_count; i++)
        if (leat_log_durable(reader->splits[i].log->log) > leat_log_reader_lsn(reader->splits[i].reader))
            return true;
    return false;
}

static void arm(struct leat_reader *reader)
{
    for (uint32_t i = 0; i < reader->split_count; i++)
        if (reader->splits[i].watch)
            leat_log_watch_arm(reader->splits[i].watch);
}

static bool has_new_log(struct leat_reader *reader)
{
    leat_lock_take(&reader->access->lock);
    bool is_new = reader->follows_all && reader->access->log_count > reader->split_count;
    leat_lock_give(&reader->access->lock);
    return is_new;
}

enum leat_status oms_read(struct leat_reader *reader, struct leat_batch *batch, struct leat_error *err)
{
    if (reader->consumer && leat_now().ns - reader->hinted_at.ns > (int64_t)HINT_EVERY_US * 1000)
        write_hints(reader);
    if (has_new_log(reader))
        return leat_fail(err, LEAT_RETRY, "a new log has appeared; reading all of them again");
    do {
        for (uint32_t i = 0; i < reader->split_count; i++) {
            uint32_t at = (reader->turn + i) % reader->split_count;
            enum leat_status status = read_split(reader, at, batch, err);
            if (status != LEAT_AGAIN) {
                reader->turn = at + 1;
                return status;
            }
        }
        arm(reader);
    } while (has_news(reader));
    batch->is_at_end = true;
    return LEAT_AGAIN;
}

/* ---- hints, lag, fd ---- */

enum leat_status oms_hint(struct leat_reader *reader, uint32_t at, const struct leat_mark *mark, struct leat_error *err)
{
    struct split *split = &reader->splits[at];
    uint64_t lsn;
    uint32_t count;
    (void)err;
    leat_assert(reader->consumer);
    split->hinted = *mark;
    split->has_hint = split->is_hint_new = true;
    if (read_cursor(&mark->cursor, &lsn, &count))
        leat_log_consumer_set(split->log->log, reader->consumer, lsn);
    return LEAT_OK;
}

void oms_lag(struct leat_reader *reader, struct leat_lag *lag)
{
    int64_t oldest_us = INT64_MAX;
    *lag = (struct leat_lag){0, 0, 0};
    for (uint32_t i = 0; i < reader->split_count; i++) {
        struct split *split = &reader->splits[i];
        uint64_t durable = leat_log_durable(split->log->log), at = leat_log_reader_lsn(split->reader);
        bool has_frame = leat_cut_left(&split->stream) > 0;
        if (durable <= at && !has_frame)
            continue;
        lag->bytes += (int64_t)(durable > at ? durable - at : 0) + (int64_t)leat_cut_left(&split->stream);
        lag->records = -1;
        if (split->last_us > 0 && split->last_us < oldest_us)
            oldest_us = split->last_us;
    }
    if (lag->bytes > 0)
        lag->us = oldest_us == INT64_MAX ? -1 : leat_wall_us() - oldest_us;
}

int oms_reader_fd(struct leat_reader *reader)
{
    return reader->fd;
}
