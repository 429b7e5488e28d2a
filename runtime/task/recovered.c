#include <task/recovered.h>

#include <stdio.h>
#include <string.h>

#define KEY "recovered "

enum { GENERATION, UUID, INCARNATION, CURSOR, ORIGIN, FOUND };

struct leat_state leat_recovered_state(const char *connector, const char *split, const struct leat_recovered *claim,
                                       char key[LEAT_RECOVERED_KEY_MAX], struct leat_value items[LEAT_RECOVERED_ITEMS])
{
    snprintf(key, LEAT_RECOVERED_KEY_MAX, KEY "%s", split);
    items[GENERATION] = leat_value_int((int64_t)claim->generation);
    items[UUID] = leat_value_bytes(claim->log_uuid, sizeof claim->log_uuid);
    items[INCARNATION] = leat_value_bytes(claim->incarnation, sizeof claim->incarnation);
    items[CURSOR] = leat_value_bytes(claim->cursor.bytes, claim->cursor.len);
    items[ORIGIN] = leat_value_string(claim->origin);
    items[FOUND] = leat_value_bytes(claim->found.bytes, claim->found.len);
    return (struct leat_state){LEAT_STATE_INTENT, connector, leat_value_string(key),
                               leat_value_items(LEAT_ARRAY, items, LEAT_RECOVERED_ITEMS)};
}

/* ---- reading ---- */

static bool is_claim(const struct leat_state *state)
{
    const struct leat_value *key = &state->key, *items = state->value.as.items;
    return state->kind == LEAT_STATE_INTENT && key->type == LEAT_TEXT && key->len > strlen(KEY) &&
           memcmp(key->as.text, KEY, strlen(KEY)) == 0 && state->value.type == LEAT_ARRAY &&
           state->value.len == LEAT_RECOVERED_ITEMS && items[GENERATION].type == LEAT_INT64 && items[GENERATION].as.i > 0;
}

uint64_t leat_recovered_generation(const struct leat_state *state)
{
    return is_claim(state) ? (uint64_t)state->value.as.items[GENERATION].as.i : 0;
}

static bool read_cursor(const struct leat_value *value, struct leat_cursor *cursor)
{
    if (value->type != LEAT_BYTES || value->len > sizeof cursor->bytes)
        return false;
    *cursor = (struct leat_cursor){.len = (uint8_t)value->len};
    memcpy(cursor->bytes, value->as.bytes, value->len);
    return true;
}

static bool read_id(const struct leat_value *value, uint8_t id[16])
{
    if (value->type != LEAT_BYTES || value->len != 16)
        return false;
    memcpy(id, value->as.bytes, 16);
    return true;
}

struct loading {
    const char *connector, *split;
    struct leat_recovered *claim;
    bool is_bad;
};

static void load(void *arg, const char *log, const struct leat_state *state)
{
    struct loading *loading = arg;
    struct leat_recovered *claim = loading->claim;
    size_t len = strlen(loading->split);
    (void)log;
    if (!is_claim(state) || strcmp(state->connector, loading->connector) != 0 || state->key.len != strlen(KEY) + len ||
        memcmp(state->key.as.text + strlen(KEY), loading->split, len) != 0)
        return;
    const struct leat_value *items = state->value.as.items, *origin = &items[ORIGIN];
    loading->is_bad = !read_id(&items[UUID], claim->log_uuid) || !read_id(&items[INCARNATION], claim->incarnation) ||
                      !read_cursor(&items[CURSOR], &claim->cursor) || !read_cursor(&items[FOUND], &claim->found) ||
                      origin->type != LEAT_TEXT || origin->len > LEAT_ORIGIN_MAX;
    if (loading->is_bad)
        return;
    memcpy(claim->origin, origin->as.text, origin->len);
    claim->origin[origin->len] = '\0';
    claim->generation = (uint64_t)items[GENERATION].as.i;
}

enum leat_status leat_recovered_load(const struct leat_driver_type *driver, struct leat_access *access, const char *connector,
                                     const char *split, struct leat_recovered *claim, struct leat_error *err)
{
    struct loading loading = {.connector = connector, .split = split, .claim = claim};
    *claim = (struct leat_recovered){0};
    enum leat_status status = driver->describe(access, NULL, load, &loading, err);
    if (status == LEAT_OK && loading.is_bad)
        return leat_fail(err, LEAT_STOP, "what `leat recover` wrote for %s cannot be read; a newer leat may have written it", split);
    return status;
}

bool leat_recovered_is_of(const struct leat_recovered *claim, const struct leat_mark *mark)
{
    return claim->generation > 0 && mark->layout != 0 && mark->cursor.len > 0 && mark->generation < claim->generation &&
           memcmp(claim->log_uuid, mark->log_uuid, sizeof mark->log_uuid) == 0 &&
           memcmp(claim->incarnation, mark->incarnation, sizeof mark->incarnation) == 0 &&
           leat_cursor_compare(&claim->cursor, &mark->cursor) == 0;
}
