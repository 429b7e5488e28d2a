/* window.c - keys in a table and in a list by age. */
#include <http/window.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdlib.h>
#include <string.h>

static struct http_key *key_new(const char *id, size_t len, uint64_t n, uint64_t hash)
{
    struct http_key *key = leat_malloc(sizeof *key + len + 1);
    *key = (struct http_key){.n = n, .hash = hash, .len = (uint32_t)len};
    memcpy(key->id, id, len);
    key->id[len] = '\0';
    return key;
}

static void append(struct http_window *window, struct http_key *key)
{
    void *before = leat_table_set(&window->by_id, key->id, key->len, key);
    leat_assert(before == NULL);
    (void)before;
    *window->last = key;
    window->last = &key->next;
    window->next_n = key->n + 1;
}

/* ---- open and close ---- */

/* NULL for a position that is not of a key. */
static struct http_key *from_position(const struct leat_value *key, const struct leat_value *value)
{
    if (key->type != LEAT_ARRAY || key->len != 2 || value->type != LEAT_MAP)
        return NULL;
    const struct leat_value *kind = &key->as.items[0], *id = &key->as.items[1];
    const struct leat_value *n = leat_map_get(value, "n"), *hash = leat_map_get(value, "h");
    if (kind->type != LEAT_TEXT || kind->len != 3 || memcmp(kind->as.text, "key", 3) != 0 || id->type != LEAT_TEXT)
        return NULL;
    if (!n || n->type != LEAT_INT64 || n->as.i < 0 || !hash || hash->type != LEAT_INT64)
        return NULL;
    struct http_key *made = key_new(id->as.text, id->len, (uint64_t)n->as.i, (uint64_t)hash->as.i);
    made->is_durable = true;
    return made;
}

static int by_age(const void *a, const void *b)
{
    const struct http_key *left = *(struct http_key *const *)a, *right = *(struct http_key *const *)b;
    return (left->n > right->n) - (left->n < right->n);
}

enum leat_status http_window_open(struct http_window *window, size_t most, const struct leat_positions *from,
                                  struct leat_error *err)
{
    uint32_t count = leat_positions_count(from), made = 0;
    struct http_key **keys = leat_calloc(count ? count : 1, sizeof *keys);
    *window = (struct http_window){.most = most, .last = &window->oldest};
    leat_table_init(&window->by_id);
    for (uint32_t i = 0; i < count; i++) {
        const struct leat_value *key, *value;
        leat_positions_at(from, i, &key, &value);
        keys[made] = from_position(key, value);
        if (!keys[made])
            break;
        made++;
    }
    qsort(keys, made, sizeof(struct http_key *), by_age);
    for (uint32_t i = 0; i < made; i++)
        append(window, keys[i]);
    free(keys);
    return made == count ? LEAT_OK
                         : leat_fail(err, LEAT_STOP, "http: a position is no [\"key\", ID] -> {\"n\", \"h\"}; see "
                                                     "`leat offsets show`, forget it with `leat offsets reset`");
}

void http_window_close(struct http_window *window)
{
    while (window->oldest) {
        struct http_key *key = window->oldest;
        window->oldest = key->next;
        free(key);
    }
    leat_table_fini(&window->by_id, NULL);
    window->last = &window->oldest;
}

/* ---- use ---- */

struct http_key *http_window_find(const struct http_window *window, const char *id)
{
    return leat_table_get(&window->by_id, id, strlen(id));
}

static struct leat_value position_key(struct leat_value parts[2], const char *id, size_t len)
{
    parts[0] = leat_value_string("key");
    parts[1] = leat_value_text(id, len);
    return leat_value_items(LEAT_ARRAY, parts, 2);
}

void http_window_add(struct http_window *window, struct leat_batch *batch, const char *id, uint64_t hash)
{
    struct http_key *key = key_new(id, strlen(id), window->next_n, hash);
    struct leat_value parts[2], position = position_key(parts, key->id, key->len);
    struct leat_value pairs[4] = {leat_value_string("n"), leat_value_int((int64_t)key->n), leat_value_string("h"),
                                  leat_value_int((int64_t)hash)};
    struct leat_value value = leat_value_items(LEAT_MAP, pairs, 2);
    leat_batch_position(batch, &position, &value);
    append(window, key);
}

void http_window_durable(struct http_window *window, const char *id)
{
    struct http_key *key = http_window_find(window, id);
    leat_assert(key != NULL);
    key->is_durable = true;
}

void http_window_trim(struct http_window *window, struct leat_batch *batch)
{
    struct leat_value parts[2], nothing = leat_value_null();
    while (window->by_id.count > window->most && window->oldest->is_durable) {
        struct http_key *key = window->oldest;
        struct leat_value position = position_key(parts, key->id, key->len);
        leat_batch_position(batch, &position, &nothing);
        leat_table_remove(&window->by_id, key->id, key->len);
        window->oldest = key->next;
        if (!window->oldest)
            window->last = &window->oldest;
        free(key);
    }
}
