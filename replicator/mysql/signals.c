#include <mysql/signals.h>

#include <base/memory.h>
#include <model/json.h>
#include <mysql/snapshots_parts.h>
#include <stdio.h>
#include <stdlib.h>

struct signal {
    struct snapshots *snapshots;
    struct leat_arena arena;
    struct leat_value data; /* a MAP */
    struct leat_error err;
};

static const struct leat_value *cell_of(const struct table *table, const struct leat_value *cells, const char *name)
{
    int32_t at = leat_schema_find(table->schema, name, strlen(name));
    bool is_text = at >= 0 && (cells[at].type == LEAT_TEXT || cells[at].type == LEAT_JSON);
    return is_text ? &cells[at] : NULL;
}

static bool is_word(const struct leat_value *value, const char *word)
{
    return value->len == strlen(word) && memcmp(value->as.text, word, value->len) == 0;
}

static const char *text_of(struct signal *signal, const struct leat_value *map, const char *name)
{
    const struct leat_value *value = leat_map_get(map, name);
    return value && value->type == LEAT_TEXT ? leat_arena_copy(&signal->arena, value->as.text, value->len) : NULL;
}

/* The condition of one table. */
static const char *filter_of(struct signal *signal, const char *table)
{
    const struct leat_value *list = leat_map_get(&signal->data, "additional-conditions");
    for (uint32_t i = 0; list && list->type == LEAT_ARRAY && i < list->len; i++) {
        const struct leat_value *one = &list->as.items[i];
        const char *of = one->type == LEAT_MAP ? text_of(signal, one, "data-collection") : NULL;
        if (of && strcmp(of, table) == 0)
            return text_of(signal, one, "filter");
    }
    return text_of(signal, &signal->data, "additional-condition");
}

static enum leat_status ask_each(struct signal *signal, bool is_stop)
{
    const struct leat_value *names = leat_map_get(&signal->data, "data-collections"), *anew = leat_map_get(&signal->data, "anew");
    struct snapshot_ask ask = {.is_stop = is_stop, .is_anew = anew && anew->type == LEAT_BOOL && anew->as.b};
    enum leat_status status = LEAT_OK;
    if (!names && is_stop)
        return snapshots_ask(signal->snapshots, NULL, &ask, &signal->err);
    if (!names || names->type != LEAT_ARRAY)
        return leat_fail(&signal->err, LEAT_REJECT, "its data names no \"data-collections\"");
    for (uint32_t i = 0; status == LEAT_OK && i < names->len; i++) {
        const struct leat_value *name = &names->as.items[i];
        if (name->type != LEAT_TEXT)
            return leat_fail(&signal->err, LEAT_REJECT, "a name in \"data-collections\" is no text");
        const char *text = leat_arena_copy(&signal->arena, name->as.text, name->len);
        ask.where = is_stop ? NULL : filter_of(signal, text);
        status = snapshots_ask(signal->snapshots, text, &ask, &signal->err);
    }
    return status;
}

static enum leat_status take(struct signal *signal, const struct leat_value *type, const struct leat_value *data)
{
    enum leat_status status = LEAT_OK;
    if (data && data->len > 0)
        status = leat_json_read(data->as.text, data->len, true, &signal->arena, &signal->data, &signal->err);
    if (status != LEAT_OK || signal->data.type != LEAT_MAP)
        return status != LEAT_OK ? status : leat_fail(&signal->err, LEAT_REJECT, "its data is no JSON object");
    if (is_word(type, "execute-snapshot"))
        return ask_each(signal, false);
    if (is_word(type, "stop-snapshot"))
        return ask_each(signal, true);
    if (!is_word(type, "pause-snapshot") && !is_word(type, "resume-snapshot"))
        return leat_fail(&signal->err, LEAT_REJECT, "there are execute-snapshot, stop-snapshot, pause-snapshot and resume-snapshot");
    signal->snapshots->is_paused = is_word(type, "pause-snapshot");
    return LEAT_OK;
}

void signals_take(struct snapshots *snapshots, const struct table *table, const struct leat_value *cells)
{
    const struct leat_value *id = cell_of(table, cells, "id"), *type = cell_of(table, cells, "type"), *data = cell_of(table, cells, "data");
    struct signal signal = {.snapshots = snapshots, .data = leat_value_items(LEAT_MAP, NULL, 0), .err = {.text = ""}};
    leat_arena_init(&signal.arena, 0);
    enum leat_status status = type ? take(&signal, type, data) : leat_fail(&signal.err, LEAT_REJECT, "it has no text in a column `type`");
    int len = id ? (int)(id->len < 60 ? id->len : 60) : 0;
    if (status == LEAT_OK)
        leat_say(LEAT_INFO, leat_task_name(snapshots->task), "signal %.*s: %.*s", len, id ? id->as.text : "", (int)type->len, type->as.text);
    else
        leat_say(LEAT_WARNING, leat_task_name(snapshots->task), "signal %.*s in %s is passed over: %s", len, id ? id->as.text : "", table->full,
                 signal.err.text);
    leat_arena_fini(&signal.arena);
}
