#include <oms/inside.h>

#include <base/assert.h>
#include <leat/logger.h>
#include <stdlib.h>

void oms_state_key(struct leat_bytes *out, char kind, const char *connector, const struct leat_value *key)
{
    leat_bytes_clear(out);
    leat_bytes_put(out, (uint8_t)kind);
    leat_bytes_add(out, connector, strlen(connector) + 1);
    if (key)
        leat_native_put_value(out, key);
    leat_assert(!out->is_over);
}

bool oms_state_split(const void *bytes, size_t len, char *kind, const char **connector, struct leat_cut *key)
{
    const char *text = bytes;
    const char *end = len > 1 ? memchr(text + 1, 0, len - 1) : NULL;
    if (!end || !strchr("pthi", text[0]))
        return false;
    *kind = text[0];
    *connector = text + 1;
    *key = leat_cut(end + 1, (size_t)(text + len - end - 1));
    return true;
}

void oms_state_put(struct leat_log_unit *unit, const struct leat_state *state)
{
    struct leat_bytes key, value;
    leat_bytes_init(&key, SIZE_MAX);
    leat_bytes_init(&value, SIZE_MAX);
    oms_state_key(&key, (char)state->kind, state->connector, &state->key);
    bool is_set = state->value.type != LEAT_NULL && state->value.type != LEAT_ABSENT;
    if (is_set)
        leat_native_put_value(&value, &state->value);
    leat_log_unit_state(unit, key.data, key.len, is_set ? value.data : NULL, value.len);
    leat_bytes_fini(&key);
    leat_bytes_fini(&value);
}

/* ---- describe ---- */

struct describing {
    const struct oms_log *log;
    leat_topic_f *topic;
    leat_state_f *state;
    void *arg;
};

static void show_topic(void *arg, const struct leat_log_topic *topic)
{
    const struct describing *describing = arg;
    describing->topic(describing->arg, &(struct leat_topic_info){
                                           .name = topic->name,
                                           .log = describing->log->name,
                                           .partition = topic->partition,
                                           .first = topic->first,
                                           .next = topic->next,
                                           .bytes = topic->bytes,
                                           .first_us = topic->first_us,
                                           .last_us = topic->last_us,
                                       });
}

static void show_state(void *arg, const void *key, size_t key_len, const void *value, size_t value_len)
{
    const struct describing *describing = arg;
    struct leat_arena arena;
    struct leat_state state;
    struct leat_cut key_cut, value_cut = leat_cut(value, value_len);
    char kind;
    if (!oms_state_split(key, key_len, &kind, &state.connector, &key_cut))
        return;
    state.kind = (enum leat_state_kind)kind;
    leat_arena_init(&arena, 0);
    if (leat_native_get_value(&key_cut, &arena, &state.key) && leat_native_get_value(&value_cut, &arena, &state.value))
        describing->state(describing->arg, describing->log->name, &state);
    leat_arena_fini(&arena);
}

enum leat_status oms_describe(struct leat_access *access, leat_topic_f *topic, leat_state_f *state, void *arg,
                              struct leat_error *err)
{
    enum leat_status status = oms_logs_open(access, err);
    struct oms_log *log;
    if (status != LEAT_OK && !access->is_read_only) { /* stops who uses that log, and they say so; nobody else */
        leat_say(LEAT_WARNING, NULL, "%s", err->text);
        status = LEAT_OK;
    }
    for (size_t i = 0; (log = oms_log_at(access, i)); i++) {
        struct describing describing = {log, topic, state, arg};
        if (topic)
            leat_log_topics(log->log, show_topic, &describing);
        if (state)
            leat_log_state_each(log->log, "", 0, show_state, &describing);
    }
    return status;
}
