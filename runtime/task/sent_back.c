#include <task/sent_back.h>

#include <stdio.h>
#include <string.h>
#include <task/recovered.h>

#define KEY "generation"

static const char *const kinds[] = {[LEAT_AT_FIRST] = "first", [LEAT_AT_TIME] = "time", [LEAT_AT_OFFSET] = "offset"};

/* ---- writing ---- */

struct leat_state leat_sent_back_state(const char *connector, const struct leat_sent_back *claim, struct leat_batch *memory)
{
    const struct leat_place *place = &claim->place;
    bool is_offset = place->kind == LEAT_AT_OFFSET;
    int64_t number = is_offset ? (int64_t)place->offset : place->kind == LEAT_AT_TIME ? place->time_us : 0;
    struct leat_value items[] = {
        leat_value_int((int64_t)claim->generation),
        leat_value_string(kinds[place->kind]),
        leat_value_int(number),
        is_offset ? leat_value_string(claim->topic) : leat_value_null(),
        leat_value_int(place->partition),
    };
    struct leat_value array = leat_value_items(LEAT_ARRAY, items, 5);
    return (struct leat_state){LEAT_STATE_INTENT, connector, leat_value_string(KEY), leat_batch_copy_value(memory, &array)};
}

/* ---- reading ---- */

struct loading {
    const char *connector;
    struct leat_sent_back *claim;
};

static bool is_text(const struct leat_value *value, const char *text)
{
    return value->type == LEAT_TEXT && value->len == strlen(text) && memcmp(value->as.text, text, value->len) == 0;
}

static bool read_place(const struct leat_value *items, struct leat_sent_back *claim)
{
    struct leat_place place = {.kind = LEAT_AT_FIRST};
    if (items[2].type != LEAT_INT64 || items[4].type != LEAT_INT64)
        return false;
    if (is_text(&items[1], kinds[LEAT_AT_TIME])) {
        place.kind = LEAT_AT_TIME;
        place.time_us = items[2].as.i;
    } else if (is_text(&items[1], kinds[LEAT_AT_OFFSET])) {
        if (items[3].type != LEAT_TEXT || items[3].len >= sizeof claim->topic)
            return false;
        snprintf(claim->topic, sizeof claim->topic, "%.*s", (int)items[3].len, items[3].as.text);
        place.kind = LEAT_AT_OFFSET;
        place.topic = claim->topic;
        place.offset = (uint64_t)items[2].as.i;
        place.partition = (int32_t)items[4].as.i;
    } else if (!is_text(&items[1], kinds[LEAT_AT_FIRST])) {
        return false;
    }
    claim->place = place;
    return true;
}

static void load_claim(const struct leat_value *value, struct leat_sent_back *claim)
{
    const struct leat_value *items = value->as.items;
    if (value->type != LEAT_ARRAY || value->len != 5 || items[0].type != LEAT_INT64 ||
        (uint64_t)items[0].as.i <= claim->generation || !read_place(items, claim))
        return;
    claim->generation = (uint64_t)items[0].as.i;
    if (claim->newest < claim->generation)
        claim->newest = claim->generation;
}

static void load(void *arg, const char *log, const struct leat_state *state)
{
    struct loading *loading = arg;
    struct leat_mark mark;
    (void)log;
    if (strcmp(state->connector, loading->connector) != 0)
        return;
    if (state->kind == LEAT_STATE_INTENT && is_text(&state->key, KEY))
        load_claim(&state->value, loading->claim);
    if (leat_recovered_generation(state) > loading->claim->newest)
        loading->claim->newest = leat_recovered_generation(state);
    if (state->kind == LEAT_STATE_HINT && state->value.type == LEAT_BYTES &&
        leat_mark_decode(state->value.as.bytes, state->value.len, &mark) && mark.generation > loading->claim->newest)
        loading->claim->newest = mark.generation;
}

enum leat_status leat_sent_back_load(const struct leat_driver_type *driver, struct leat_access *access,
                                     const char *connector, struct leat_sent_back *claim, struct leat_error *err)
{
    struct loading loading = {connector, claim};
    *claim = (struct leat_sent_back){0};
    return driver->describe(access, NULL, load, &loading, err);
}
