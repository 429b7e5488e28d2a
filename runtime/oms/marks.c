#include <oms/reader.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdio.h>
#include <stdlib.h>

#define FLOOR_STEP ((uint64_t)1 << 20) /* a floor that moved this far is written down even if no mark moved */

/* ---- floors: what retention must keep for a consumer. Each lane has its own, since each is somewhere else ---- */

struct floor_search {
    struct split *split;
    uint64_t lsn;
    bool is_there;
    char stale[16][264]; /* of a time when there were other lanes */
    size_t stale_count;
};

/* "shop.copy", or of its lanes "shop.copy/0" ...; "shop.copy/eu" is somebody else. */
static bool is_floor_of(const char *consumer, const char *name)
{
    size_t len = strlen(consumer);
    if (strncmp(name, consumer, len) != 0)
        return false;
    return name[len] == '\0' || (name[len] == '/' && name[len + 1] && !name[len + 1 + strspn(name + len + 1, "0123456789")]);
}

struct known_floor {
    const char *name;
    bool is_there;
};

static void know_floor(void *arg, const char *name, uint64_t lsn)
{
    struct known_floor *known = arg;
    (void)lsn;
    known->is_there = known->is_there || strcmp(name, known->name) == 0;
}

/* Those that are to be forgotten, of other lanes, held what our other lanes have yet to open. */
static void place_floors(struct split *split, uint64_t lsn)
{
    char name[300];
    const struct leat_reader *reader = split->owner;
    for (uint32_t i = 0; reader->lanes > 1 && i < reader->lanes; i++) {
        struct known_floor known = {.name = name};
        snprintf(name, sizeof name, "%s/%u", reader->consumer, i);
        leat_log_consumers(split->log->log, know_floor, &known);
        if (!known.is_there)
            leat_log_consumer_set(split->log->log, name, lsn);
    }
}

static bool is_stale_floor(const struct split *split, const char *name)
{
    const char *consumer = split->owner->consumer;
    size_t len = strlen(consumer);
    if (!is_floor_of(consumer, name))
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

void split_move_floor(struct split *split, uint64_t lsn)
{
    if (!split->owner->consumer || split->owner->access->is_read_only)
        return;
    split->consumed.floor = lsn;
    leat_log_consumer_set(split->log->log, split->floor_name, lsn);
}

/* A consumer is known from its first reader on: retention waits for it before it has read anything. */
void split_load_floor(struct split *split, uint64_t first_lsn)
{
    struct floor_search search = {.split = split};
    const struct leat_reader *reader = split->owner;
    split->floor_name = reader->lanes == 1 ? leat_strdup(reader->consumer)
                                           : leat_format_dup("%s/%u", reader->consumer, reader->lane);
    leat_log_consumers(split->log->log, look_at_floor, &search);
    split->consumed.floor = split->consumed.written_floor = search.lsn;
    if (reader->access->is_read_only)
        return;
    if (!search.is_there)
        split_move_floor(split, first_lsn);
    if (search.stale_count > 0)
        place_floors(split, first_lsn);
    for (size_t i = 0; i < search.stale_count; i++)
        leat_log_consumer_forget(split->log->log, search.stale[i]);
}

struct forgetting {
    const char *consumer;
    char **names;
    size_t count;
};

static void collect_floor(void *arg, const char *name, uint64_t lsn)
{
    struct forgetting *forgetting = arg;
    (void)lsn;
    if (!is_floor_of(forgetting->consumer, name))
        return;
    forgetting->names = leat_realloc(forgetting->names, (forgetting->count + 1) * sizeof *forgetting->names);
    forgetting->names[forgetting->count++] = leat_strdup(name);
}

enum leat_status oms_forget(struct leat_access *access, const char *consumer, uint32_t *count, struct leat_error *err)
{
    enum leat_status status = oms_logs_open(access, err);
    struct oms_log *log;
    *count = 0;
    for (size_t i = 0; status == LEAT_OK && (log = oms_log_at(access, i)); i++) {
        struct forgetting forgetting = {.consumer = consumer};
        leat_log_consumers(log->log, collect_floor, &forgetting);
        for (size_t k = 0; k < forgetting.count; k++) {
            *count += leat_log_consumer_forget(log->log, forgetting.names[k]);
            free(forgetting.names[k]);
        }
        free(forgetting.names);
    }
    return status;
}

struct places { /* of the consumers of one log */
    struct place {
        char *name;
        uint64_t lsn; /* of the lane that is furthest behind */
    } *items;
    size_t count;
};

/* Length of the consumer's own name in that of a floor, which may be a lane's. */
static size_t consumer_len(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash && slash[1] && !slash[1 + strspn(slash + 1, "0123456789")] ? (size_t)(slash - name) : strlen(name);
}

static void note_place(void *arg, const char *name, uint64_t lsn)
{
    struct places *places = arg;
    size_t len = consumer_len(name);
    for (size_t i = 0; i < places->count; i++) {
        struct place *place = &places->items[i];
        if (strlen(place->name) != len || memcmp(place->name, name, len) != 0)
            continue;
        place->lsn = lsn < place->lsn ? lsn : place->lsn;
        return;
    }
    places->items = leat_realloc(places->items, (places->count + 1) * sizeof *places->items);
    places->items[places->count++] = (struct place){leat_strndup(name, len), lsn};
}

void oms_consumers(struct leat_access *access, leat_consumer_f *each, void *arg)
{
    struct oms_log *log;
    for (size_t i = 0; (log = oms_log_at(access, i)); i++) {
        struct places places = {0};
        struct leat_log_info info;
        leat_log_consumers(log->log, note_place, &places);
        leat_log_info(log->log, &info);
        for (size_t k = 0; k < places.count; k++) {
            uint64_t lsn = places.items[k].lsn < info.first_lsn ? info.first_lsn : places.items[k].lsn;
            each(arg, &(struct leat_consumer_info){places.items[k].name, log->name,
                                                   info.durable_lsn > lsn ? info.durable_lsn - lsn : 0});
            free(places.items[k].name);
        }
        free(places.items);
    }
}

/* A sink whose topics are quiet has no mark to move: when all that it was given is settled, the floor goes along with
 * what was passed over for it. */
void split_follow_floor(struct split *split)
{
    uint64_t lsn = leat_log_reader_lsn(split->reader);
    if (!leat_consumed_is_settled(&split->consumed) || lsn <= split->consumed.floor)
        return;
    split_move_floor(split, lsn);
    if (lsn - split->consumed.written_floor >= FLOOR_STEP)
        split->consumed.is_hint_new = true;
}

/* ---- hints ---- */

void split_load_hint(struct split *split)
{
    struct leat_bytes key, value;
    struct leat_value name = leat_value_string(split->name);
    leat_bytes_init(&key, 4096);
    leat_bytes_init(&value, SIZE_MAX);
    oms_state_key(&key, LEAT_STATE_HINT, split->owner->consumer, &name);
    if (leat_log_state_get(split->log->log, key.data, key.len, &value))
        leat_consumed_load_hint(&split->consumed, leat_cut(value.data, value.len));
    leat_bytes_fini(&key);
    leat_bytes_fini(&value);
}

static void write_hint(struct split *split)
{
    struct leat_error err;
    struct leat_log_unit *unit;
    uint8_t encoded[LEAT_MARK_BYTES_MAX];
    uint64_t end;
    if (leat_log_unit_begin(split->log->log, true, &unit, &err) != LEAT_OK)
        return; /* a hint may be old; the writer tells what is wrong with the log */
    if (split->consumed.has_hint) {
        size_t len = leat_mark_encode(&split->consumed.hinted, encoded);
        oms_state_put(unit, &(struct leat_state){LEAT_STATE_HINT, split->owner->consumer,
                                                 leat_value_string(split->name), leat_value_bytes(encoded, len)});
    }
    leat_log_unit_append(split->log->log, unit, LEAT_NATIVE_FORMAT, &end, &err);
    split->consumed.is_hint_new = false;
    split->consumed.written_floor = split->consumed.floor;
}

void reader_write_hints(struct leat_reader *reader)
{
    for (uint32_t i = 0; i < reader->split_count; i++)
        if (reader->splits[i].consumed.is_hint_new)
            write_hint(&reader->splits[i]);
    reader->hinted_at = leat_now();
}

enum leat_status oms_hint(struct leat_reader *reader, uint32_t at, const struct leat_mark *mark, struct leat_error *err)
{
    struct split *split = &reader->splits[at];
    uint64_t lsn;
    uint32_t index;
    leat_assert(reader->consumer && !reader->access->is_read_only);
    if (!leat_cursor_read(&mark->cursor, &lsn, &index))
        return leat_fail(err, LEAT_STOP, "log %s: this mark has no cursor of a commit log", split->log->name);
    leat_consumed_hint(&split->consumed, mark);
    split_move_floor(split, lsn);
    return LEAT_OK;
}

/* ---- marks ---- */

/* FOREIGN, AHEAD, CUT or GONE where the log has nothing at the mark, and `otherwise`. What an incarnation of ours wrote was
 * durable before a sink was given it: a mark beyond its end says that our log has lost that. */
static enum leat_verdict look_in_log(struct split *split, const struct leat_mark *mark, enum leat_verdict otherwise)
{
    struct leat_log_info info;
    struct leat_uuid incarnation;
    uint64_t lsn, first, end;
    uint32_t index;
    leat_log_info(split->log->log, &info);
    memcpy(incarnation.bytes, mark->incarnation, sizeof incarnation.bytes);
    if (memcmp(mark->log_uuid, split->uuid.bytes, sizeof mark->log_uuid) != 0 ||
        !leat_cursor_read(&mark->cursor, &lsn, &index))
        return LEAT_MARK_FOREIGN;
    if (!leat_log_lineage(split->log->log, &incarnation, &first, &end))
        return lsn > info.durable_lsn ? LEAT_MARK_AHEAD : LEAT_MARK_FOREIGN;
    if (lsn > end || (lsn == end && index > 0))
        return LEAT_MARK_CUT;
    if (lsn < first)
        return LEAT_MARK_FOREIGN;
    if (lsn < info.first_lsn && !leat_consumed_is_passed(&split->consumed, &mark->cursor, info.first_lsn))
        return LEAT_MARK_GONE;
    return otherwise;
}

enum leat_verdict oms_judge(struct leat_reader *reader, uint32_t at, const struct leat_mark *mark)
{
    struct split *split = &reader->splits[at];
    enum leat_verdict verdict = leat_consumed_judge(&split->consumed, mark);
    return verdict == LEAT_MARK_NONE || verdict == LEAT_MARK_LOST ? verdict : look_in_log(split, mark, verdict);
}

void split_mark_batch(struct split *split, struct leat_batch *batch)
{
    leat_consumed_mark(&split->consumed, batch, split->uuid.bytes, split->incarnation.bytes, split->passed_lsn);
}
