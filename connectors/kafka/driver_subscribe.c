#include <kafka/driver_reader.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/text.h>
#include <model/letter.h>
#include <stdlib.h>

/* ---- which topics ---- */

static bool is_wanted_name(const struct leat_reader *reader, const char *name)
{
    return reader->patterns.count > 0 ? leat_patterns_match(&reader->patterns, name, false)
                                      : !leat_is_dead_topic(name, strlen(name));
}

bool kreader_wants(struct leat_reader *reader, const struct leat_topic *topic)
{
    if (topic->number >= reader->want_cap) {
        uint32_t cap = topic->number + 64;
        reader->wants = leat_realloc(reader->wants, cap);
        memset(reader->wants + reader->want_cap, UNKNOWN, cap - reader->want_cap);
        reader->want_cap = cap;
    }
    uint8_t *want = &reader->wants[topic->number];
    if (*want == UNKNOWN)
        *want = is_wanted_name(reader, topic->name) ? WANTED : UNWANTED;
    return *want == WANTED;
}

/* ---- open ---- */

/* With other lanes other records come by: such a split has another name, so that no mark of the old ones fits. */
static char *split_name(const struct leat_reader *reader, const struct klog *log)
{
    return reader->lanes == 1 ? leat_format_dup("%s/0", log->name)
                              : leat_format_dup("%s/%uof%u", log->name, reader->lane, reader->lanes);
}

static enum leat_status open_split(struct leat_reader *reader, struct klog *log, struct leat_error *err)
{
    int64_t low;
    reader->splits = leat_realloc(reader->splits, (reader->split_count + 1) * sizeof *reader->splits);
    struct ksplit *split = &reader->splits[reader->split_count++];
    *split = (struct ksplit){.log = log, .owner = reader, .name = split_name(reader, log)};
    split->topic = rd_kafka_topic_new(reader->client.rk, log->data_topic, NULL);
    enum leat_status status = klog_sync(log, true, err);
    if (status == LEAT_OK && reader->consumer && !reader->access->is_read_only)
        status = kwriter_end_open(log, reader->consumer, reader->lane, err);
    if (status == LEAT_OK && reader->consumer)
        status = klog_sync(log, false, err);
    if (status == LEAT_OK)
        status = klog_range(log, true, &low, &split->end, err);
    if (status == LEAT_OK && reader->consumer)
        ksplit_load(split);
    return status;
}

static enum leat_status open_splits(struct leat_reader *reader, const char *const *names, struct leat_error *err)
{
    enum leat_status status = names ? LEAT_OK : klogs_open(reader->access, err);
    struct klog *log;
    for (size_t i = 0; names && names[i] && status == LEAT_OK; i++) {
        status = klog_open(reader->access, names[i], &log, err);
        if (status == LEAT_OK)
            status = open_split(reader, log, err);
    }
    for (size_t i = 0; !names && status == LEAT_OK && (log = klog_at(reader->access, i)); i++)
        status = open_split(reader, log, err);
    reader->names = leat_calloc(reader->split_count + 1, sizeof *reader->names);
    for (uint32_t i = 0; i < reader->split_count; i++) {
        reader->splits[i].owner = reader;
        reader->names[i] = reader->splits[i].name;
    }
    return status;
}

static void enlist(struct leat_reader *reader)
{
    leat_lock_take(&reader->access->lock);
    reader->next = reader->access->readers;
    reader->access->readers = reader;
    leat_lock_give(&reader->access->lock);
}

static void delist(struct leat_reader *reader)
{
    leat_lock_take(&reader->access->lock);
    for (struct leat_reader **at = &reader->access->readers; *at; at = &(*at)->next)
        if (*at == reader) {
            *at = reader->next;
            break;
        }
    leat_lock_give(&reader->access->lock);
}

void kreader_wake_all(struct leat_access *access)
{
    for (struct leat_reader *reader = access->readers; reader; reader = reader->next)
        leat_bell_ring(&reader->bell);
}

bool kreader_follows_all(struct leat_access *access)
{
    bool follows_all = false;
    for (struct leat_reader *reader = access->readers; reader; reader = reader->next)
        follows_all = follows_all || reader->follows_all;
    return follows_all;
}

static enum leat_status open_client(struct leat_reader *reader, struct leat_error *err)
{
    static const struct kafka_property own[] = {{"isolation.level", "read_committed"},
                                                {"enable.partition.eof", "true"},
                                                {"auto.offset.reset", "error"},
                                                {"check.crcs", "true"},
                                                {"queued.max.messages.kbytes", "16384"},
                                                {"fetch.wait.max.ms", "50"},
                                                {0}};
    return kafka_client_open(&reader->client, RD_KAFKA_CONSUMER, reader->access->url, &reader->access->how, own, NULL, err);
}

enum leat_status kreader_open(struct leat_access *access, const struct leat_subscription *what,
                              struct leat_reader **reader, struct leat_splits *splits, struct leat_error *err)
{
    struct leat_reader *made = leat_calloc(1, sizeof *made);
    made->access = access;
    made->patterns = leat_list_dup(what->patterns);
    made->consumer = what->consumer ? leat_strdup(what->consumer) : NULL;
    made->lane = what->lane;
    made->lanes = what->lanes > 1 ? what->lanes : 1;
    made->barriers = what->barriers && made->lanes > 1;
    made->follows_all = !what->logs;
    made->bell.fd = -1;
    leat_table_init(&made->schemas);
    leat_assert(made->lane < made->lanes);
    enum leat_status status = leat_bell_open(&made->bell, err);
    if (status == LEAT_OK)
        status = open_client(made, err);
    enlist(made);
    if (status == LEAT_OK)
        status = open_splits(made, what->logs, err);
    if (status != LEAT_OK) {
        kreader_close(made);
        return status;
    }
    *splits = (struct leat_splits){made->split_count, made->names};
    *reader = made;
    return LEAT_OK;
}

/* ---- close ---- */

static void close_split(struct ksplit *split)
{
    ksplit_drop_frame(split);
    if (split->is_started)
        rd_kafka_consume_stop(split->topic, 0);
    if (split->queue)
        rd_kafka_queue_destroy(split->queue);
    if (split->topic)
        rd_kafka_topic_destroy(split->topic);
    kframe_fini(&split->frame);
    ksplit_forget_passed(split);
    free(split->passed);
    free(split->schemas);
    free(split->offsets);
    free(split->name);
}

void kreader_close(struct leat_reader *reader)
{
    kreader_note_hints(reader, true);
    if (reader->consumer && reader->split_count > 0)
        kaccess_write_hints(reader->access);
    delist(reader);
    for (uint32_t i = 0; i < reader->split_count; i++)
        close_split(&reader->splits[i]);
    kafka_client_close(&reader->client);
    leat_bell_close(&reader->bell);
    leat_table_fini(&reader->schemas, NULL);
    free((void *)reader->patterns.items);
    free(reader->splits);
    free(reader->names);
    free(reader->wants);
    free(reader->consumer);
    free(reader);
}
