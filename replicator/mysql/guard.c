#include <mysql/guard.h>

#include <base/crc32c.h>
#include <stdio.h>

static uint32_t tables_crc(const struct leat_list *tables)
{
    uint32_t crc = 0;
    for (size_t i = 0; i < tables->count; i++)
        crc = leat_crc32c(crc, tables->items[i], strlen(tables->items[i]) + 1);
    return crc;
}

void guard_init(struct guard *guard, const struct guard_begun *begun, const struct leat_list *tables)
{
    *guard = (struct guard){.begun = *begun, .now = {.tables = tables_crc(tables)}};
}

void guard_begin(struct guard *guard, const char *gtid, bool by_place)
{
    snprintf(guard->now.gtid, sizeof guard->now.gtid, "%s", gtid);
    guard->now.bytes = guard->now.crc = 0;
    bool is_begun = guard->begun.bytes > 0 && gtid[0] && strcmp(gtid, guard->begun.gtid) == 0;
    bool has_same_tables = guard->now.tables == guard->begun.tables;
    guard->is_passing = is_begun && (has_same_tables || !by_place);
    guard->is_broken = is_begun && !by_place && !has_same_tables;
}

/* What was begun is behind us. */
static void check_passed(struct guard *guard)
{
    if (!guard->is_passing || guard->now.bytes < guard->begun.bytes)
        return;
    guard->is_broken = guard->is_broken || guard->now.bytes != guard->begun.bytes || guard->now.crc != guard->begun.crc;
    guard->is_passing = false;
    guard->begun = (struct guard_begun){.bytes = 0};
}

void guard_add(struct guard *guard, const uint8_t *bytes, size_t len)
{
    guard->now.crc = leat_crc32c(guard->now.crc, bytes, len);
    guard->now.bytes += len;
    check_passed(guard);
}

bool guard_passes(struct guard *guard, const uint8_t *bytes, size_t len)
{
    bool is_in_topic = guard->is_passing;
    guard_add(guard, bytes, len);
    return is_in_topic;
}

void guard_end(struct guard *guard)
{
    guard->is_broken = guard->is_broken || guard->is_passing;
    guard->is_passing = false;
    if (strcmp(guard->now.gtid, guard->begun.gtid) == 0) /* by other tables it was passed by place alone */
        guard->begun = (struct guard_begun){.bytes = 0};
    guard->now.gtid[0] = '\0';
    guard->now.bytes = guard->now.crc = 0;
}

struct guard_begun guard_begun(const struct guard *guard)
{
    return guard->begun.bytes > 0 ? guard->begun : guard->now;
}
