/* snapshot_command.c - tables are read again, or not any more, because a person or a row of the signal table says so. */
#include <mysql/snapshots_parts.h>

#include <base/memory.h>
#include <base/text.h>
#include <stdio.h>
#include <stdlib.h>

/* "db.t" as a list of one pattern. */
static bool is_meant(const struct snapshots *snapshots, const struct table *table, const char *name, size_t len)
{
    char *text = leat_strndup(name, len);
    const char *items[] = {text};
    bool is_meant = leat_patterns_match(&(struct leat_list){items, 1}, table->full, snapshots->tables->ignore_case);
    free(text);
    return is_meant;
}

static void apply(struct snapshots *snapshots, struct table *table, const struct snapshot_ask *ask)
{
    if (!ask->is_stop) {
        snapshots_want(snapshots, table, ask->is_anew ? SNAPSHOT_ANEW : SNAPSHOT_MERGE, ask->where);
    } else if (table->job) {
        leat_say(LEAT_INFO, leat_task_name(snapshots->task), "the snapshot of table %s is stopped", table->full);
        table->job->is_done = table->job->is_stopped = table->job->is_changed = snapshots->has_news = true;
        table->job->begins_anew = false;
        table->job = NULL; /* from here on all of its events go out */
    }
}

/* Those that are known; and one that is named in full, whose rows nobody has seen yet. */
static uint32_t apply_name(struct snapshots *snapshots, const char *name, size_t len, const struct snapshot_ask *ask)
{
    size_t at = 0, key_len;
    const void *key;
    void *value;
    uint32_t count = 0;
    const char *dot = memchr(name, '.', len);
    if (dot && !memchr(name, '*', len) && !memchr(name, '?', len))
        tables_find(snapshots->tables, name, (size_t)(dot - name), dot + 1, len - (size_t)(dot - name) - 1);
    while (leat_table_next(&snapshots->tables->by_name, &at, &key, &key_len, &value)) {
        struct table *table = value;
        if (!table->is_captured || table->is_inside || !is_meant(snapshots, table, name, len))
            continue;
        apply(snapshots, table, ask);
        count++;
    }
    return count;
}

enum leat_status snapshots_ask(struct snapshots *snapshots, const char *names, const struct snapshot_ask *ask, struct leat_error *err)
{
    if (!names || !names[0])
        names = "*.*";
    for (const char *at = names, *end; at; at = end ? end + 1 : NULL) {
        end = strchr(at, ',');
        size_t len = end ? (size_t)(end - at) : strlen(at);
        if (apply_name(snapshots, at, len, ask) == 0)
            return leat_fail(err, LEAT_REJECT, "\"%.*s\" is no table that is captured: see `tables`", (int)len, at);
    }
    return LEAT_OK;
}

static char *text_of(const struct leat_value *ask, const char *name)
{
    const struct leat_value *value = leat_map_get(ask, name);
    return value && value->type == LEAT_TEXT ? leat_strndup(value->as.text, value->len) : NULL;
}

enum leat_status snapshots_command(struct snapshots *snapshots, const struct leat_value *value, struct leat_error *err)
{
    char *what = text_of(value, "do"), *tables = text_of(value, "tables"), *where = text_of(value, "where"), *anew = text_of(value, "anew");
    const struct snapshot_ask ask = {.is_stop = what && strcmp(what, "snapshot-stop") == 0, .is_anew = anew != NULL, .where = where};
    bool is_known = what && (ask.is_stop || strcmp(what, "snapshot-start") == 0);
    enum leat_status status = is_known ? snapshots_ask(snapshots, tables, &ask, err)
                                       : leat_fail(err, LEAT_REJECT, "the mysql source knows snapshot-start and snapshot-stop");
    free(what);
    free(tables);
    free(where);
    free(anew);
    return status;
}
