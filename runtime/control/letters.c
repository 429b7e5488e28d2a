#include <control/letters.h>

#include <base/memory.h>
#include <base/number.h>
#include <base/os.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH_BYTES ((size_t)1 << 20)
#define READ_MS 100
#define OWNER "dead letters of "

const char *leat_letter_state_name(enum leat_letter_state state)
{
    static const char *const names[] = {"open", "replayed", "dropped"};
    return (size_t)state < sizeof names / sizeof *names ? names[state] : "?";
}

bool leat_letter_id_parse(const char *text, struct leat_letter_id *id)
{
    const char *colon = strrchr(text, ':');
    int64_t partition = 0;
    if (!colon || colon == text || (size_t)(colon - text) >= sizeof id->topic ||
        !leat_parse_u64(colon + 1, strlen(colon + 1), &id->offset))
        return false;
    memcpy(id->topic, text, (size_t)(colon - text));
    id->topic[colon - text] = '\0';
    char *slash = strrchr(id->topic, '/');
    if (slash && (slash == id->topic || !leat_parse_i64(slash + 1, strlen(slash + 1), &partition) || partition < 0 ||
                  partition > INT32_MAX))
        return false;
    if (slash)
        *slash = '\0';
    id->partition = (int32_t)partition;
    return true;
}

char *leat_letter_id_text(const struct leat_letter_id *id, char text[300])
{
    if (id->partition == 0)
        snprintf(text, 300, "%s:%llu", id->topic, (unsigned long long)id->offset);
    else
        snprintf(text, 300, "%s/%d:%llu", id->topic, (int)id->partition, (unsigned long long)id->offset);
    return text;
}

/* ---- topics that hold letters ---- */

static bool is_topic_of(const struct leat_connector_def *connector, const char *name)
{
    return connector && connector->errors.topic && strcmp(connector->errors.topic, name) == 0;
}

static bool holds_letters(const struct leat_config *config, const char *name)
{
    if (leat_is_dead_topic(name, strlen(name)))
        return true;
    for (size_t i = 0; config && i < config->pipeline_count; i++) {
        const struct leat_pipeline_def *pipeline = &config->pipelines[i];
        bool is_of = is_topic_of(pipeline->source, name);
        for (size_t k = 0; k < pipeline->sink_count; k++)
            is_of = is_of || is_topic_of(&pipeline->sinks[k], name);
        if (is_of)
            return true;
    }
    return false;
}

struct loading {
    const struct leat_letters *letters;
    const struct leat_letters_query *query;
    struct leat_shelves *shelves;
};

static void load_topic(void *arg, const struct leat_topic_info *info)
{
    struct loading *loading = arg;
    const struct leat_letter_id *id = loading->query->id;
    const char *topic = id ? id->topic : loading->query->topic;
    bool is_meant = topic ? strcmp(topic, info->name) == 0 : holds_letters(loading->letters->config, info->name);
    if (!is_meant || info->first == info->next || (id && id->partition != info->partition))
        return;
    struct leat_shelves *shelves = loading->shelves;
    shelves->items = leat_realloc(shelves->items, (shelves->count + 1) * sizeof *shelves->items);
    struct leat_shelf *shelf = &shelves->items[shelves->count++];
    *shelf = (struct leat_shelf){.partition = info->partition, .first = info->first};
    snprintf(shelf->topic, sizeof shelf->topic, "%s", info->name);
    snprintf(shelf->log, sizeof shelf->log, "%s", info->log);
}

static void load_settled(void *arg, const char *log, const struct leat_state *state)
{
    struct loading *loading = arg;
    if (state->kind != LEAT_STATE_INTENT || strncmp(state->connector, OWNER, strlen(OWNER)) != 0 ||
        state->key.type != LEAT_INT64)
        return;
    for (size_t i = 0; i < loading->shelves->count; i++) {
        struct leat_shelf *shelf = &loading->shelves->items[i];
        if (strcmp(shelf->log, log) == 0 && strcmp(shelf->topic, state->connector + strlen(OWNER)) == 0 &&
            shelf->partition == state->key.as.i)
            leat_ranges_take(&shelf->settled, &state->value);
    }
}

enum leat_status leat_shelves_load(const struct leat_letters *letters, const struct leat_letters_query *query,
                                   struct leat_shelves *shelves, struct leat_error *err)
{
    struct loading loading = {letters, query, shelves};
    *shelves = (struct leat_shelves){0};
    enum leat_status status = letters->driver->describe(letters->access, load_topic, NULL, &loading, err);
    return status == LEAT_OK ? letters->driver->describe(letters->access, NULL, load_settled, &loading, err) : status;
}

void leat_shelves_fini(struct leat_shelves *shelves)
{
    for (size_t i = 0; i < shelves->count; i++)
        leat_ranges_fini(&shelves->items[i].settled);
    free(shelves->items);
    *shelves = (struct leat_shelves){0};
}

struct leat_state leat_shelf_state(const struct leat_shelf *shelf, struct leat_batch *memory)
{
    char owner[sizeof OWNER + sizeof shelf->topic];
    snprintf(owner, sizeof owner, OWNER "%s", shelf->topic);
    return (struct leat_state){LEAT_STATE_INTENT, leat_batch_copy(memory, owner, strlen(owner) + 1),
                               leat_value_int(shelf->partition), leat_ranges_value(&shelf->settled, &memory->arena)};
}

/* ---- reading ---- */

static struct leat_shelf *find_shelf(const struct leat_shelves *shelves, const char *log, const struct leat_record *rec)
{
    for (size_t i = 0; i < shelves->count; i++) {
        struct leat_shelf *shelf = &shelves->items[i];
        if (strcmp(shelf->log, log) == 0 && shelf->partition == rec->partition &&
            strcmp(shelf->topic, rec->topic->name) == 0)
            return shelf;
    }
    return NULL;
}

struct scan {
    const struct leat_letters_query *query;
    const struct leat_shelves *shelves;
    const char *log;
    leat_shelf_f *each;
    void *arg;
};

static bool is_asked_for(const struct leat_letters_query *query, const struct leat_record *rec)
{
    char connector[160];
    if (!leat_is_letter(rec) || (query->id && query->id->offset != rec->offset))
        return false;
    return !query->connector ||
           strcmp(query->connector, leat_letter_text(&rec->value, "connector", connector, sizeof connector)) == 0;
}

static enum leat_status scan_batch(const struct scan *scan, const struct leat_batch *batch, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; status == LEAT_OK && i < batch->count; i++) {
        const struct leat_record *rec = &batch->records[i];
        struct leat_shelf *shelf = find_shelf(scan->shelves, scan->log, rec);
        if (!shelf || !is_asked_for(scan->query, rec))
            continue;
        struct leat_letter_seen seen = {.id = {.partition = rec->partition, .offset = rec->offset}, .letter = rec};
        snprintf(seen.id.topic, sizeof seen.id.topic, "%s", shelf->topic);
        seen.state = (enum leat_letter_state)leat_ranges_at(&shelf->settled, rec->offset);
        status = scan->each(scan->arg, shelf, &seen, err);
        if (status == LEAT_OK && scan->query->id)
            status = LEAT_EOF;
    }
    return status;
}

static enum leat_status scan_log(const struct leat_letters *letters, const struct scan *scan,
                                 struct leat_reader *reader, struct leat_error *err)
{
    const struct leat_letter_id *id = scan->query->id;
    struct leat_place from = {.kind = id ? LEAT_AT_OFFSET : LEAT_AT_FIRST};
    if (id) {
        from.topic = id->topic;
        from.partition = id->partition;
        from.offset = id->offset;
    }
    struct leat_batch *batch = leat_batch_new(BATCH_BYTES, 1024);
    enum leat_status status = letters->driver->seek(reader, 0, &from, err);
    while (status == LEAT_OK) {
        leat_batch_reset(batch);
        status = letters->driver->read(reader, batch, err);
        if (status == LEAT_OK) {
            status = scan_batch(scan, batch, err);
        } else if (status == LEAT_AGAIN && !batch->is_at_end) { /* it is on its way */
            leat_os->poll(&(struct pollfd){.fd = letters->driver->reader_fd(reader), .events = POLLIN}, 1, READ_MS);
            status = LEAT_OK;
        }
    }
    leat_batch_free(batch);
    return status == LEAT_AGAIN ? LEAT_OK : status;
}

enum leat_status leat_shelves_read(const struct leat_letters *letters, const struct leat_letters_query *query,
                                   struct leat_shelves *shelves, const char *log, leat_shelf_f *each, void *arg,
                                   struct leat_error *err)
{
    const char **names = leat_calloc(shelves->count + 1, sizeof *names), *logs[] = {log, NULL};
    struct leat_list patterns = {names, 0};
    struct scan scan = {query, shelves, log, each, arg};
    for (size_t i = 0; i < shelves->count; i++)
        if (strcmp(shelves->items[i].log, log) == 0)
            names[patterns.count++] = shelves->items[i].topic;
    struct leat_subscription what = {.logs = logs, .patterns = &patterns, .lanes = 1};
    struct leat_reader *reader;
    struct leat_splits splits;
    enum leat_status status = letters->driver->reader_open(letters->access, &what, &reader, &splits, err);
    if (status == LEAT_OK) {
        status = scan_log(letters, &scan, reader, err);
        letters->driver->reader_close(reader);
    }
    free(names);
    return status;
}

/* ---- all of them ---- */

struct showing {
    leat_letters_f *each;
    void *arg;
};

static enum leat_status show(void *arg, struct leat_shelf *shelf, const struct leat_letter_seen *seen, struct leat_error *err)
{
    const struct showing *showing = arg;
    (void)shelf, (void)err;
    return showing->each(showing->arg, seen) ? LEAT_OK : LEAT_EOF;
}

enum leat_status leat_letters_each(const struct leat_letters *letters, const struct leat_letters_query *query,
                                   leat_letters_f *each, void *arg, struct leat_error *err)
{
    struct leat_shelves shelves;
    struct showing showing = {each, arg};
    enum leat_status status = leat_shelves_load(letters, query, &shelves, err);
    for (size_t i = 0; status == LEAT_OK && i < shelves.count; i++) {
        bool is_read = false; /* with another shelf of the same log */
        for (size_t k = 0; k < i; k++)
            is_read = is_read || strcmp(shelves.items[k].log, shelves.items[i].log) == 0;
        if (!is_read)
            status = leat_shelves_read(letters, query, &shelves, shelves.items[i].log, show, &showing, err);
    }
    leat_shelves_fini(&shelves);
    return status == LEAT_EOF ? LEAT_OK : status;
}
