#include <oms/inside.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdlib.h>

static void schema_key(uint8_t key[5], uint32_t id)
{
    key[0] = STATE_SCHEMA;
    for (int i = 0; i < 4; i++)
        key[1 + i] = (uint8_t)(id >> (24 - 8 * i));
}

static struct oms_schema *schema_slot(struct oms_log *log, uint32_t id)
{
    if (id >= log->schema_count) {
        uint32_t count = id + id / 2 + 16;
        log->schemas = leat_realloc(log->schemas, count * sizeof *log->schemas);
        memset(log->schemas + log->schema_count, 0, (count - log->schema_count) * sizeof *log->schemas);
        log->schema_count = count;
    }
    return &log->schemas[id];
}

static void learn_schema(struct oms_log *log, uint32_t id, const struct leat_schema *schema, bool is_queued)
{
    *schema_slot(log, id) = (struct oms_schema){schema, is_queued};
    if (!leat_table_get(&log->schema_ids, &schema, sizeof schema))
        leat_table_set(&log->schema_ids, &schema, sizeof schema, (void *)(uintptr_t)id);
    if (id >= log->next_schema)
        log->next_schema = id + 1;
}

static void load_schema(void *arg, const void *key, size_t key_len, const void *value, size_t value_len)
{
    struct oms_log *log = arg;
    struct leat_cut id = leat_cut((const uint8_t *)key + 1, key_len - 1), cut = leat_cut(value, value_len);
    const struct leat_schema *schema = leat_native_get_schema(&cut);
    if (schema && key_len == 5)
        learn_schema(log, (uint32_t)leat_cut_be(&id, 4), schema, true);
}

struct oms_log *oms_log_new(struct leat_access *access, const char *name, struct leat_log *log)
{
    struct oms_log *made = leat_calloc(1, sizeof *made);
    made->access = access;
    made->name = leat_strdup(name);
    made->log = log;
    made->next_schema = 1;
    leat_lock_init(&made->lock, "log's topics and schemas", LEAT_RANK_ACCESS + 1);
    leat_log_state_each(log, (char[]){STATE_SCHEMA}, 1, load_schema, made);
    return made;
}

void oms_log_free(struct oms_log *log)
{
    leat_log_close(log->log);
    leat_table_fini(&log->schema_ids, NULL);
    free(log->schemas);
    free(log->topic_ids);
    leat_lock_fini(&log->lock);
    free(log->name);
    free(log);
}

/* ---- topics ---- */

static uint32_t known_topic(struct oms_log *log, const struct leat_topic *topic)
{
    leat_lock_take(&log->lock);
    uint32_t id = topic->number < log->topic_cap ? log->topic_ids[topic->number] : 0;
    leat_lock_give(&log->lock);
    return id;
}

uint32_t oms_log_topic(struct oms_log *log, const struct leat_topic *topic)
{
    uint32_t id = known_topic(log, topic);
    if (id != 0)
        return id;
    id = oms_define_topic(log, topic->name);
    leat_lock_take(&log->lock);
    if (topic->number >= log->topic_cap) {
        uint32_t cap = topic->number + 64;
        log->topic_ids = leat_realloc(log->topic_ids, cap * sizeof *log->topic_ids);
        memset(log->topic_ids + log->topic_cap, 0, (cap - log->topic_cap) * sizeof *log->topic_ids);
        log->topic_cap = cap;
    }
    log->topic_ids[topic->number] = id;
    leat_lock_give(&log->lock);
    return id;
}

/* ---- schemas ---- */

uint32_t oms_log_schema_id(struct oms_log *log, const struct leat_schema *schema, bool *is_queued)
{
    leat_lock_take(&log->lock);
    uint32_t id = (uint32_t)(uintptr_t)leat_table_get(&log->schema_ids, &schema, sizeof schema);
    if (id == 0) {
        id = log->next_schema;
        learn_schema(log, id, schema, false);
    }
    *is_queued = log->schemas[id].is_queued;
    leat_lock_give(&log->lock);
    return id;
}

void oms_log_put_schema(struct leat_log_unit *unit, uint32_t id, const struct leat_schema *schema)
{
    struct leat_bytes bytes;
    uint8_t key[5];
    schema_key(key, id);
    leat_bytes_init(&bytes, (size_t)1 << 30);
    leat_native_put_schema(&bytes, schema);
    leat_assert(!bytes.is_over);
    leat_log_unit_state(unit, key, sizeof key, bytes.data, bytes.len);
    leat_bytes_fini(&bytes);
}

void oms_log_schema_queued(struct oms_log *log, uint32_t id)
{
    leat_assert(id < log->schema_count);
    log->schemas[id].is_queued = true;
}

const struct leat_schema *oms_log_schema(struct oms_log *log, uint32_t id, bool *is_known)
{
    const struct leat_schema *schema = NULL;
    *is_known = true;
    if (id == 0)
        return NULL;
    leat_lock_take(&log->lock);
    if (id < log->schema_count)
        schema = log->schemas[id].schema;
    if (!schema) { /* read-only: the daemon wrote it after we opened */
        struct leat_bytes value;
        uint8_t key[5];
        schema_key(key, id);
        leat_bytes_init(&value, SIZE_MAX);
        if (leat_log_state_get(log->log, key, sizeof key, &value))
            load_schema(log, key, sizeof key, value.data, value.len);
        schema = id < log->schema_count ? log->schemas[id].schema : NULL;
        leat_bytes_fini(&value);
    }
    leat_lock_give(&log->lock);
    *is_known = schema != NULL;
    return schema;
}
