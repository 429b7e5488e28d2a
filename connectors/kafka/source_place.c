#include <kafka/source_place.h>

#include <base/assert.h>
#include <base/hash.h>
#include <base/number.h>
#include <base/text.h>
#include <stdio.h>
#include <stdlib.h>

void source_key(char out[SOURCE_KEY_MOST], const char *topic, int32_t partition)
{
    int len = snprintf(out, SOURCE_KEY_MOST, "%s/%d", topic, partition);
    leat_assert(len > 0 && len < SOURCE_KEY_MOST);
}

/* ---- positions ---- */

void source_place_store(const struct source_place *place, const char *key, struct leat_batch *batch)
{
    struct leat_value pairs[8], name = leat_value_string(key);
    size_t count = 0;
    pairs[count++] = leat_value_string("offset");
    pairs[count++] = leat_value_int(place->next);
    if (place->last >= 0) {
        pairs[count++] = leat_value_string("last");
        pairs[count++] = leat_value_int(place->last);
        pairs[count++] = leat_value_string("print");
        pairs[count++] = leat_value_uint(place->print);
    }
    if (place->deleted) {
        pairs[count++] = leat_value_string("deleted");
        pairs[count++] = leat_value_uint(place->deleted);
    }
    struct leat_value value = leat_value_items(LEAT_MAP, pairs, count / 2);
    leat_batch_position(batch, &name, &value);
}

/* A number of the map, of either sign; false where there is none. */
static bool take_number(const struct leat_value *map, const char *name, uint64_t *into)
{
    const struct leat_value *value = leat_map_get(map, name);
    if (!value || (value->type != LEAT_INT64 && value->type != LEAT_UINT64))
        return false;
    *into = value->as.u;
    return true;
}

enum leat_status source_place_load(struct source_place *place, const char *key, const struct leat_positions *from,
                                   struct leat_error *err)
{
    struct leat_value name = leat_value_string(key);
    const struct leat_value *value = leat_positions_get(from, &name);
    uint64_t next = 0, last = 0;
    *place = (struct source_place){.last = -1};
    if (!value)
        return LEAT_AGAIN;
    if (value->type != LEAT_MAP || !take_number(value, "offset", &next) || next > INT64_MAX)
        return leat_fail(err, LEAT_STOP, "the position of partition %s is no {\"offset\": NUMBER}; mend it by `leat offsets set`",
                         key);
    place->next = (int64_t)next;
    if (take_number(value, "last", &last) && last < next && take_number(value, "print", &place->print)) {
        place->last = (int64_t)last;
        take_number(value, "deleted", &place->deleted);
    }
    return LEAT_OK;
}

uint64_t source_print(const void *key, size_t key_len, const void *value, size_t value_len)
{
    uint64_t seed = leat_hash(key, key_len, key ? 1 : 2);
    uint64_t print = leat_hash(value, value_len, seed + (value ? 1 : 2));
    return print ? print : 1;
}

/* ---- which partitions ---- */

static bool is_pattern(const char *item)
{
    return item[strcspn(item, "*?")] != 0;
}

/* Splits "NAME/7"; -1: all partitions. False: what follows the slash is no number. */
static bool split_item(const char *item, char name[SOURCE_KEY_MOST], int64_t *partition)
{
    const char *slash = strchr(item, '/');
    size_t len = slash ? (size_t)(slash - item) : strlen(item);
    *partition = -1;
    if (len == 0 || len >= SOURCE_KEY_MOST)
        return false;
    memcpy(name, item, len);
    name[len] = 0;
    return !slash || (leat_parse_i64(slash + 1, strlen(slash + 1), partition) && *partition >= 0 && *partition <= INT32_MAX);
}

static bool is_internal(const char *topic)
{
    return strncmp(topic, "__", 2) == 0 || strcmp(topic, "leat-marks") == 0;
}

static bool item_means(const char *item, const char *topic, int32_t partition)
{
    char name[SOURCE_KEY_MOST];
    int64_t only;
    if (!split_item(item, name, &only) || (only >= 0 && only != partition))
        return false;
    if (is_pattern(name))
        return !is_internal(topic) && leat_pattern_matches(name, topic, false);
    return strcmp(name, topic) == 0;
}

bool source_wants(const struct leat_list *topics, const char *topic, int32_t partition)
{
    bool is_meant = false;
    for (size_t i = 0; i < topics->count; i++) {
        const char *item = topics->items[i];
        if (item[0] == '!' && item_means(item + 1, topic, partition))
            return false;
        is_meant = is_meant || (item[0] != '!' && item_means(item, topic, partition));
    }
    return is_meant;
}

bool source_has_patterns(const struct leat_list *topics)
{
    for (size_t i = 0; i < topics->count; i++)
        if (topics->items[i][0] != '!' && is_pattern(topics->items[i]))
            return true;
    return false;
}

bool source_name_of(const char *item, char out[SOURCE_KEY_MOST])
{
    int64_t only;
    return item[0] != '!' && !is_pattern(item) && split_item(item, out, &only);
}

enum leat_status source_check_topics(const struct leat_list *topics, struct leat_error *err)
{
    char name[SOURCE_KEY_MOST];
    int64_t only;
    bool has_any = false;
    for (size_t i = 0; i < topics->count; i++) {
        const char *item = topics->items[i], *bare = item + (item[0] == '!');
        if (!split_item(bare, name, &only) || strlen(name) > 249 ||
            name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-*?")] != 0)
            return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                                "topics: \"%s\" is no name of a Kafka topic, nor a pattern of one; of one partition: orders/3", item);
        has_any = has_any || item[0] != '!';
    }
    if (!has_any)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "topics: name one");
    return LEAT_OK;
}

/* ---- gaps ---- */

#define CURE "set `on_gap: continue`, or stop and: leat offsets set %s '\"%s\"' '{\"offset\": %lld}'"

enum leat_status source_judge(const struct source_place *place, const char *name, const char *key, int64_t low, int64_t end,
                              struct leat_error *err)
{
    if (place->next < low)
        return leat_fail(err, LEAT_STOP,
                         "partition %s: records are missing: offsets %lld to %lld were deleted (by retention or DeleteRecords) "
                         "before they were read, it begins at %lld now; to go on without them " CURE,
                         key, (long long)place->next, (long long)low - 1, (long long)low, name, key, (long long)low);
    if (place->next > end)
        return leat_fail(err, LEAT_STOP,
                         "partition %s ends at offset %lld, and %lld comes next: the topic was deleted and made anew, or its "
                         "brokers lost records that had been read; to read what is there from its first record " CURE,
                         key, (long long)end, (long long)place->next, name, key, (long long)low);
    return LEAT_OK;
}

enum leat_status source_other_record(const struct source_place *place, const char *name, const char *key, int64_t low,
                                     struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP,
                     "partition %s: at offset %lld stands another record than the one that was read: the topic was deleted and "
                     "made anew, or its brokers lost records; to read what is there from its first record " CURE,
                     key, (long long)place->last, name, key, (long long)low);
}
