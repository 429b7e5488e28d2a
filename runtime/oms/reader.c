#include <oms/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/text.h>
#include <errno.h>
#include <model/json.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#define CURSOR_BYTES 12 /* LSN of the frame, index of the next record in it: both big-endian, so that memcmp orders them */
#define HINT_EVERY_US 1000000
#define FLOOR_STEP ((uint64_t)1 << 20) /* a floor that moved this far is written down even if no mark moved */
#define LOOK_NS 100000000 /* beside the daemon nobody rings: look again after this time */

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
    uint64_t skip_lsn; /* the frame of which the first `skip` records were read before */
    uint32_t skip;
    uint32_t skip_topic;
    uint64_t skip_offset;
    bool skips_offset;
    int64_t last_us;
    struct leat_uuid uuid; /* of the log */
    uint64_t generation;   /* of the mark that was judged */
    struct leat_cursor handed; /* behind the last record that read() gave; len 0: none yet */
    struct leat_mark hinted; /* newest hint, perhaps not written yet */
    bool has_hint, is_hint_new;
    char *floor_name;
    uint64_t floor, written_floor;
};

struct leat_reader {
    struct leat_access *access;
    const char **pattern_items;
    struct leat_list patterns; /* none: all but dead letters */
    char *consumer; /* NULL: a passing reader */
    uint32_t lane, lanes;
    bool follows_all; /* also logs that are made later */
    struct split *splits;
    uint32_t split_count, turn;
    const char **names;
    int fd; /* epoll over the watches, or over the timer */
    int timer; /* read-only; -1 */
    struct leat_time hinted_at;
};

/* ---- open and close ---- */

static bool is_wanted_name(const struct leat_reader *reader, const char *name)
{
    size_t len = strlen(name);
    if (reader->patterns.count > 0)
        return leat_patterns_match(&reader->patterns, name, false);
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

/* ---- floors: what retention must keep for a consumer. Each lane has its own, since each is somewhere else ---- */

struct floor_search {
    struct split *split;
    uint64_t lsn;
    bool is_there;
    char stale[16][264]; /* of a time when there were other lanes */
    size_t stale_count;
};

static bool is_stale_floor(const struct split *split, const char *name)
{
    const char *consumer = split->owner->consumer;
    size_t len = strlen(consumer);
    if (strncmp(name, consumer, len) != 0 || (name[len] != '\0' && name[len] != '/'))
        return false;
    if (split->owner->lanes == 1)
        return name[len] == '/';
    return name[len] == '\0' || strtoul(name + len + 1, NULL, 10) >= split->owner->lanes;
}

static void look_at_floor(void *arg, const char *name, uint64_t lsn)
{
    struct floor_search *search = arg;
    if (strcmp(name, search->split->floor_name) == 0) {
        search->lsn = lsn;
        search->is_there = true;
    } else if (is_stale_floor(search->split, name) && search->stale_count < 16 && strlen(name) < 264) {
        strcpy(search->stale[search->stale_count++], name);
    }
}

static void move_floor(struct split *split, uint64_t lsn)
{
    split->floor = lsn;
    leat_log_consumer_set(split->log->log, split->floor_name, lsn);
}

/* A consumer is known from its first reader on: retention waits for it before it has read anything. */
static void load_floor(struct split *split, uint64_t first_lsn)
{
    struct floor_search search = {.split = split};
    const struct leat_reader *reader = split->owner;
    split->floor_name = reader->lanes == 1 ? leat_strdup(reader->consumer)
                                           : leat_format_dup("%s/%u", reader->consumer, reader->lane);
    leat_log_consumers(split->log->log, look_at_floor, &search);
    split->floor = split->written_floor = search.lsn;
    if (reader->access->is_read_only)
        return;
    if (!search.is_there)
        move_floor(split, first_lsn);
    for (size_t i = 0; i < search.stale_count; i++)
        leat_log_consumer_forget(split->log->log, search.stale[i]);
}

/* A sink whose topics are quiet has no mark to move: when all that it was given is settled, the floor goes along with
 * what was passed over for it. */
static void follow_floor(struct split *split)
{
    bool is_settled = split->handed.len == 0 ||
                      (split->has_hint && memcmp(split->hinted.cursor.bytes, split->handed.bytes, CURSOR_BYTES) >= 0);
    uint64_t lsn = leat_log_reader_lsn(split->reader);
    if (!is_settled || lsn <= split->floor)
        return;
    move_floor(split, lsn);
    if (lsn - split->written_floor >= FLOOR_STEP)
        split->is_hint_new = true;
}

/* ---- opening splits ---- */

static enum leat_status watch_split(struct split *split, struct leat_error *err)
{
    struct epoll_event event = {.events = EPOLLIN};
    split->watch = leat_log_watch_open(split->log->log, err);
    if (!split->watch)
        return LEAT_RETRY;
    if (epoll_ctl(split->owner->fd, EPOLL_CTL_ADD, leat_log_watch_fd(split->watch), &event) != 0)
        return leat_fail(err, LEAT_RETRY, "cannot watch log %s: %s", split->log->name, strerror(errno));
    return LEAT_OK;
}

/* With other lanes other records come by: such a split has another name, so that no mark of the old ones fits. */
static char *split_name(const struct leat_reader *reader, const struct oms_log *log)
{
    return reader->lanes == 1 ? leat_format_dup("%s/0", log->name)
                              : leat_format_dup("%s/%uof%u", log->name, reader->lane, reader->lanes);
}

static enum leat_status open_split(struct leat_reader *reader, struct oms_log *log, struct leat_error *err)
{
    struct leat_log_info info;
    reader->splits = leat_realloc(reader->splits, (reader->split_count + 1) * sizeof *reader->splits);
    struct split *split = &reader->splits[reader->split_count++];
    leat_log_info(log->log, &info);
    *split = (struct split){.log = log, .owner = reader, .uuid = info.uuid, .name = split_name(reader, log)};
    if (reader->consumer) {
        load_hint(split);
        load_floor(split, info.first_lsn);
    }
    return reader->access->is_read_only ? LEAT_OK : watch_split(split, err);
}

static enum leat_status open_named(struct leat_reader *reader, const char *const *names, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (size_t i = 0; status == LEAT_OK && names[i]; i++) {
        struct oms_log *log;
        status = oms_log_open(reader->access, names[i], NULL, &log, err);
        if (status == LEAT_OK)
            status = open_split(reader, log, err);
    }
    return status;
}

static enum leat_status open_all(struct leat_reader *reader, struct leat_error *err)
{
    enum leat_status status = oms_logs_open(reader->access, err);
    struct oms_log *log;
    for (size_t i = 0; status == LEAT_OK && (log = oms_log_at(reader->access, i)); i++)
        status = open_split(reader, log, err);
    return status;
}

/* The splits stay where they are from here on: the logs' readers point to them. */
static enum leat_status open_splits(struct leat_reader *reader, const char *const *names, struct leat_error *err)
{
    enum leat_status status = names ? open_named(reader, names, err) : open_all(reader, err);
    for (uint32_t i = 0; status == LEAT_OK && i < reader->split_count; i++)
        status = leat_log_reader_open(reader->splits[i].log->log, wants_topic, &reader->splits[i],
                                      &reader->splits[i].reader, err);
    reader->names = leat_calloc(reader->split_count ? reader->split_count : 1, sizeof *reader->names);
    for (uint32_t i = 0; i < reader->split_count; i++)
        reader->names[i] = reader->splits[i].name;
    return status;
}

static void copy_patterns(struct leat_reader *reader, const struct leat_list *patterns)
{
    size_t count = patterns ? patterns->count : 0;
    reader->pattern_items = leat_calloc(count + 1, sizeof *reader->pattern_items);
    for (size_t i = 0; i < count; i++)
        reader->pattern_items[i] = leat_strdup(patterns->items[i]);
    reader->patterns = (struct leat_list){reader->pattern_items, count};
}

static enum leat_status open_fd(struct leat_reader *reader, struct leat_error *err)
{
    struct epoll_event event = {.events = EPOLLIN};
    bool is_open = (reader->fd = epoll_create1(EPOLL_CLOEXEC)) >= 0;
    if (is_open && reader->access->is_read_only)
        is_open = (reader->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) >= 0 &&
                  epoll_ctl(reader->fd, EPOLL_CTL_ADD, reader->timer, &event) == 0;
    return is_open ? LEAT_OK : leat_fail(err, LEAT_RETRY, "cannot make what wakes a reader: %s", strerror(errno));
}

enum leat_status oms_reader_open(struct leat_access *access, const struct leat_subscription *what,
                                 struct leat_reader **reader, struct leat_splits *splits, struct leat_error *err)
{
    struct leat_reader *made = leat_calloc(1, sizeof *made);
    made->access = access;
    copy_patterns(made, what->patterns);
    made->consumer = what->consumer ? leat_strdup(what->consumer) : NULL;
    made->lane = what->lane;
    made->lanes = what->lanes > 1 ? what->lanes : 1;
    made->follows_all = !what->logs;
    made->fd = made->timer = -1;
    leat_assert(made->lane < made->lanes);
    enum leat_status status = open_fd(made, err);
    if (status == LEAT_OK)
        status = open_splits(made, what->logs, err);
    if (status != LEAT_OK) {
        oms_reader_close(made);
        return status;
    }
    *splits = (struct leat_splits){made->split_count, made->names};
    *reader = made;
    return LEAT_OK;
}

/* ---- cursors ---- */

/* Behind the last record of a frame stands the next frame: so a mark needs nothing of what is done. */
static struct leat_cursor make_cursor(uint64_t lsn, uint32_t index)
{
    struct leat_cursor cursor = {.len = CURSOR_BYTES};
    for (int i = 0; i < 8; i++)
        cursor.bytes[i] = (uint8_t)(lsn >> (56 - 8 * i));
    for (int i = 0; i < 4; i++)
        cursor.bytes[8 + i] = (uint8_t)(index >> (24 - 8 * i));
    return cursor;
}

static bool read_cursor(const struct leat_cursor *cursor, uint64_t *lsn, uint32_t *index)
{
    struct leat_cut cut = leat_cut(cursor->bytes, cursor->len);
    *lsn = leat_cut_be(&cut, 8);
    *index = (uint32_t)leat_cut_be(&cut, 4);
    return !cut.is_bad && leat_cut_left(&cut) == 0;
}

/* ---- hints ---- */

static void write_hint(struct split *split)
{
    struct leat_error err;
    struct leat_log_unit *unit;
    uint8_t encoded[LEAT_MARK_BYTES_MAX];
    uint64_t end;
    if (leat_log_unit_begin(split->log->log, true, &unit, &err) != LEAT_OK)
        return; /* a hint may be old; the writer tells what is wrong with the log */
    if (split->has_hint) {
        size_t len = leat_mark_encode(&split->hinted, encoded);
        oms_state_put(unit, &(struct leat_state){LEAT_STATE_HINT, split->owner->consumer,
                                                 leat_value_string(split->name), leat_value_bytes(encoded, len)});
    }
    leat_log_unit_append(split->log->log, unit, LEAT_NATIVE_FORMAT, &end, &err);
    split->is_hint_new = false;
    split->written_floor = split->floor;
}

static void write_hints(struct leat_reader *reader)
{
    for (uint32_t i = 0; i < reader->split_count; i++)
        if (reader->splits[i].is_hint_new)
            write_hint(&reader->splits[i]);
    reader->hinted_at = leat_now();
}

enum leat_status oms_hint(struct leat_reader *reader, uint32_t at, const struct leat_mark *mark, struct leat_error *err)
{
    struct split *split = &reader->splits[at];
    uint64_t lsn;
    uint32_t index;
    leat_assert(reader->consumer && !reader->access->is_read_only);
    if (!read_cursor(&mark->cursor, &lsn, &index))
        return leat_fail(err, LEAT_STOP, "log %s: this mark has no cursor of a commit log", split->log->name);
    split->hinted = *mark;
    split->has_hint = split->is_hint_new = true;
    move_floor(split, lsn);
    return LEAT_OK;
}

/* ---- close ---- */

static void close_split(struct split *split)
{
    if (split->reader)
        leat_log_reader_close(split->reader);
    if (split->watch)
        leat_log_watch_close(split->watch);
    free(split->wants);
    free(split->topics);
    free(split->partitions);
    free(split->offsets);
    free(split->floor_name);
    free(split->name);
}

void oms_reader_close(struct leat_reader *reader)
{
    write_hints(reader);
    for (uint32_t i = 0; i < reader->split_count; i++)
        close_split(&reader->splits[i]);
    if (reader->timer >= 0)
        leat_os->close(reader->timer);
    if (reader->fd >= 0)
        leat_os->close(reader->fd);
    for (size_t i = 0; i < reader->patterns.count; i++)
        free((char *)reader->pattern_items[i]);
    free(reader->pattern_items);
    free(reader->splits);
    free(reader->names);
    free(reader->consumer);
    free(reader);
}

/* ---- marks ---- */

static int compare_cursors(const struct leat_cursor *a, const struct leat_cursor *b)
{
    return memcmp(a->bytes, b->bytes, CURSOR_BYTES);
}

/* Retention went past the mark, but all that went was passed over for this consumer, or settled. */
static bool is_passed(const struct split *split, const struct leat_cursor *cursor, uint64_t first_lsn)
{
    return split->floor >= first_lsn && split->has_hint && compare_cursors(cursor, &split->hinted.cursor) >= 0;
}

static enum leat_verdict judge_mark(struct split *split, const struct leat_mark *mark)
{
    struct leat_log_info info;
    struct leat_uuid incarnation;
    uint64_t lsn;
    uint32_t index;
    leat_log_info(split->log->log, &info);
    memcpy(incarnation.bytes, mark->incarnation, sizeof incarnation.bytes);
    if (memcmp(mark->log_uuid, split->uuid.bytes, sizeof mark->log_uuid) != 0 ||
        !read_cursor(&mark->cursor, &lsn, &index))
        return LEAT_MARK_FOREIGN;
    if (lsn > info.durable_lsn)
        return LEAT_MARK_AHEAD;
    if (!leat_log_wrote(split->log->log, &incarnation, lsn))
        return LEAT_MARK_FOREIGN;
    if (lsn < info.first_lsn && !is_passed(split, &mark->cursor, info.first_lsn))
        return LEAT_MARK_GONE;
    bool is_behind = split->has_hint && mark->generation <= split->hinted.generation &&
                     compare_cursors(&mark->cursor, &split->hinted.cursor) < 0;
    return is_behind ? LEAT_MARK_REWOUND : LEAT_MARK_INSIDE;
}

enum leat_verdict oms_judge(struct leat_reader *reader, uint32_t at, const struct leat_mark *mark)
{
    struct split *split = &reader->splits[at];
    split->generation = mark ? mark->generation : 0;
    if (!mark || mark->layout == 0 || mark->cursor.len == 0)
        return split->has_hint ? LEAT_MARK_LOST : LEAT_MARK_NONE;
    return judge_mark(split, mark);
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
    struct leat_mark *mark = &batch->mark;
    mark->layout = LEAT_MARK_LAYOUT;
    mark->generation = split->generation;
    memcpy(mark->log_uuid, split->uuid.bytes, sizeof mark->log_uuid);
    memcpy(mark->incarnation, split->frame.incarnation.bytes, sizeof mark->incarnation);
    mark->cursor = batch->cursors[batch->count - 1];
    write_origin(&batch->records[batch->count - 1], mark->origin);
    split->handed = mark->cursor;
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

static enum leat_status seek_cursor(struct split *split, const struct leat_cursor *cursor, struct leat_error *err)
{
    struct leat_log_info info;
    uint64_t lsn;
    if (!read_cursor(cursor, &lsn, &split->skip))
        return leat_fail(err, LEAT_STOP, "log %s: this is no cursor of a commit log", split->log->name);
    split->skip_lsn = lsn;
    leat_log_info(split->log->log, &info);
    if (lsn < info.first_lsn && is_passed(split, cursor, info.first_lsn))
        return leat_log_seek_first(split->reader, err);
    return leat_log_seek_lsn(split->reader, lsn, err);
}

enum leat_status oms_seek(struct leat_reader *reader, uint32_t at, const struct leat_place *place, struct leat_error *err)
{
    struct split *split = &reader->splits[at];
    split->stream = leat_cut(NULL, 0);
    split->skip = 0;
    split->skip_lsn = 0;
    split->skips_offset = false;
    split->handed.len = 0;
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
        return seek_cursor(split, &place->cursor, err);
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
    if (split->index < split->skip && split->frame.lsn == split->skip_lsn)
        return false;
    if (split->skips_offset) {
        if (part->topic_id != split->skip_topic || offset < split->skip_offset)
            return false;
        split->skips_offset = false;
    }
    return wants_topic(split, part->topic_id) && (reader->lanes == 1 || leat_op_is_control(head->op) ||
                                                  head->key_hash % reader->lanes == reader->lane);
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
    bool is_last = leat_cut_left(&split->stream) == 0;
    struct leat_record *rec = leat_batch_add_read(batch, is_last ? make_cursor(split->frame.next_lsn, 0)
                                                                 : make_cursor(split->frame.lsn, split->index + 1));
    rec->topic = split->topics[part->topic_id];
    rec->schema = schema;
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
        if (status != LEAT_OK && batch->count > 0)
            break; /* what stands before the trouble is handed out first */
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
    if (reader->timer >= 0)
        timerfd_settime(reader->timer, 0, &(struct itimerspec){.it_value = {.tv_nsec = LOOK_NS}}, NULL);
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
    for (uint32_t i = 0; i < reader->split_count && reader->consumer && !reader->access->is_read_only; i++)
        follow_floor(&reader->splits[i]);
    batch->is_at_end = true;
    return LEAT_AGAIN;
}

/* ---- lag, fd ---- */

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
