/* gtid_list.c - MariaDB's GTID lists: one place a domain. */
#include <mysql_protocol/gtid.h>

#include <base/assert.h>
#include <base/memory.h>
#include <stdlib.h>

void leat_gtid_list_init(struct leat_gtid_list *list)
{
    *list = (struct leat_gtid_list){0};
}

void leat_gtid_list_fini(struct leat_gtid_list *list)
{
    free(list->places);
    leat_gtid_list_init(list);
}

/* Domains are few: a handful, seldom dozens. */
static uint32_t place_of(const struct leat_gtid_list *list, uint32_t domain)
{
    uint32_t i = 0;
    while (i < list->count && list->places[i].domain < domain)
        i++;
    return i;
}

const struct leat_gtid_place *leat_gtid_list_get(const struct leat_gtid_list *list, uint32_t domain)
{
    uint32_t i = place_of(list, domain);
    return i < list->count && list->places[i].domain == domain ? &list->places[i] : NULL;
}

void leat_gtid_list_set(struct leat_gtid_list *list, uint32_t domain, uint32_t server, uint64_t seq)
{
    uint32_t i = place_of(list, domain);
    struct leat_gtid_place place = {.domain = domain, .server = server, .seq = seq};
    if (i == list->count || list->places[i].domain != domain) {
        if (list->count == list->cap) {
            list->cap = list->cap ? list->cap * 2 : 4;
            list->places = leat_realloc(list->places, list->cap * sizeof *list->places);
        }
        memmove(list->places + i + 1, list->places + i, (list->count - i) * sizeof *list->places);
        list->count++;
    }
    list->places[i] = place;
    leat_assert(list->count <= list->cap);
}

bool leat_gtid_list_has(const struct leat_gtid_list *list, uint32_t domain, uint64_t seq)
{
    const struct leat_gtid_place *place = leat_gtid_list_get(list, domain);
    return place && place->seq >= seq;
}

bool leat_gtid_list_contains(const struct leat_gtid_list *list, const struct leat_gtid_list *other)
{
    for (uint32_t i = 0; i < other->count; i++)
        if (!leat_gtid_list_has(list, other->places[i].domain, other->places[i].seq))
            return false;
    return true;
}

bool leat_gtid_list_read(struct leat_gtid_list *list, const struct leat_binlog_event *ev)
{
    const uint8_t *bytes;
    uint32_t count;
    leat_gtid_list_fini(list);
    if (!leat_binlog_gtid_list(ev, &bytes, &count))
        return false;
    for (uint32_t i = 0; i < count; i++, bytes += 16)
        leat_gtid_list_set(list, leat_get_u32(bytes), leat_get_u32(bytes + 4), leat_get_u64(bytes + 8));
    return true;
}
