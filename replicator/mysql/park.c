#include <mysql/park.h>

#include <base/memory.h>
#include <base/text.h>
#include <mysql/position.h>
#include <stdio.h>
#include <stdlib.h>

void parked_free(struct parked *parked)
{
    if (parked)
        free(parked->why);
    free(parked);
}

static void set(struct tables *tables, struct table *table, struct parked *parked)
{
    tables->parked_count += !table->parked && parked && table->is_captured;
    tables->parked_count -= table->parked && !parked && table->is_captured;
    parked_free(table->parked);
    table->parked = parked;
    leat_task_parked(tables->task, tables->parked_count);
    table->is_parked_changed = true;
}

static struct parked *made(const char *why, size_t why_len, const char *file, size_t file_len, uint64_t pos)
{
    struct parked *parked = leat_calloc(1, sizeof *parked);
    parked->why = leat_strndup(why, why_len);
    snprintf(parked->file, sizeof parked->file, "%.*s", (int)file_len, file);
    parked->pos = pos;
    return parked;
}

static struct parked *copy_of(const struct parked *parked)
{
    return made(parked->why, strlen(parked->why), parked->file, strlen(parked->file), parked->pos);
}

static char *cure_of(const struct tables *tables, const struct table *table)
{
    if (!tables->options)
        return leat_strdup("its definition is to be given in schema_file");
    return leat_format_dup("`leat snapshot start %s %s` reads it anew", leat_task_name(tables->task), table->full);
}

void tables_park(struct tables *tables, struct table *table, const struct leat_error *err)
{
    const char *file = tables->file ? tables->file : "";
    uint64_t pos = tables->pos ? *tables->pos : 0;
    if (table->parked)
        return;
    set(tables, table, made(err->text, strlen(err->text), file, strlen(file), pos));
    table->is_known = false;
    table->is_changed = true;
    table->map = (struct leat_table_map){0};
    char *cure = cure_of(tables, table);
    leat_say(LEAT_ERROR, leat_task_name(tables->task), "table %s is parked: %s. Its rows from %s:%llu on are passed over, all other tables go on; %s",
             table->full, err->text, file, (unsigned long long)pos, cure);
    free(cure);
}

void tables_unpark(struct tables *tables, struct table *table)
{
    if (!table->parked)
        return;
    set(tables, table, NULL);
    table_forget(table);
    table->is_stale = true;
    if (!table->is_captured)
        return;
    leat_say(LEAT_INFO, leat_task_name(tables->task), "table %s is parked no more", table->full);
}

void tables_park_moved(struct tables *tables, struct table *from, struct table *to)
{
    const struct parked *parked = from->parked;
    if (parked)
        set(tables, to, copy_of(parked));
    else if (to->parked)
        set(tables, to, NULL);
    if (!parked)
        return;
    set(tables, from, NULL);
    if (from->is_captured && !to->is_captured)
        leat_say(LEAT_WARNING, leat_task_name(tables->task),
                 "table %s, which is parked, is %s from here on, which is not captured: its rows from %s:%llu on were passed over",
                 from->full, to->full, to->parked->file, (unsigned long long)to->parked->pos);
}

void tables_park_copy(struct tables *tables, struct table *old, struct table *copy)
{
    if (!old->parked || old->is_captured || copy->parked)
        return;
    set(tables, copy, copy_of(old->parked));
    set(tables, old, NULL);
    copy->is_known = false;
    copy->is_changed = true;
    copy->map = (struct leat_table_map){0};
    char *cure = cure_of(tables, copy);
    leat_say(LEAT_WARNING, leat_task_name(tables->task),
             "table %s stays parked: it is the copy of one whose rows from %s:%llu on were passed over; %s", copy->full,
             copy->parked->file, (unsigned long long)copy->parked->pos, cure);
    free(cure);
}

void tables_load_parked(struct tables *tables, struct table *table, const struct leat_value *value)
{
    const struct leat_value *why = leat_map_get(value, "why"), *file = leat_map_get(value, "file"),
                            *pos = leat_map_get(value, "pos");
    bool is_good = why && why->type == LEAT_TEXT && file && file->type == LEAT_TEXT && pos && pos->type == LEAT_INT64;
    set(tables, table,
        is_good ? made(why->as.text, why->len, file->as.text, file->len, (uint64_t)pos->as.i) : made("?", 1, "", 0, 0));
    table->is_parked_changed = false;
    char *cure = cure_of(tables, table);
    leat_say(LEAT_WARNING, leat_task_name(tables->task), "table %s is parked: %s. %s", table->full, table->parked->why, cure);
    free(cure);
}

void tables_store_parked(struct table *table, struct leat_batch *batch)
{
    struct leat_value key_items[2], key = position_key(key_items, "parked", table->full);
    const struct parked *parked = table->is_captured ? table->parked : NULL;
    table->is_parked_changed = false;
    if (!parked) {
        leat_batch_position(batch, &key, NULL);
        return;
    }
    struct leat_value pairs[6] = {
        leat_value_string("why"),  leat_value_string(parked->why),           leat_value_string("file"), leat_value_string(parked->file),
        leat_value_string("pos"),  leat_value_int((int64_t)parked->pos),
    };
    struct leat_value value = leat_value_items(LEAT_MAP, pairs, 3);
    leat_batch_position(batch, &key, &value);
}
