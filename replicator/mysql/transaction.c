#include <mysql/transaction.h>

#include <base/memory.h>
#include <mysql/table.h>
#include <stdio.h>
#include <stdlib.h>

static const char position_name[] = "transaction";

static struct leat_value text_value(const char *text)
{
    return leat_value_text(text, strlen(text));
}

/* ---- counting ---- */

void transaction_forget(struct transaction *transaction)
{
    for (uint32_t i = 0; i < transaction->table_count; i++)
        free(transaction->tables[i].name);
    leat_table_fini(&transaction->by_name, NULL);
    leat_table_init(&transaction->by_name);
    transaction->table_count = 0;
    transaction->order = 0;
}

static struct transaction_table *table_named(struct transaction *transaction, const char *name, size_t len)
{
    uintptr_t place = (uintptr_t)leat_table_get(&transaction->by_name, name, len);
    if (place > 0)
        return &transaction->tables[place - 1];
    if (transaction->table_count == transaction->table_cap) {
        transaction->table_cap = transaction->table_cap ? 2 * transaction->table_cap : 8;
        transaction->tables = leat_realloc(transaction->tables, transaction->table_cap * sizeof *transaction->tables);
    }
    struct transaction_table *table = &transaction->tables[transaction->table_count++];
    *table = (struct transaction_table){.name = leat_strndup(name, len)};
    leat_table_set(&transaction->by_name, name, len, (void *)(uintptr_t)transaction->table_count);
    return table;
}

void transaction_begin(struct transaction *transaction)
{
    if (!transaction->is_resumed)
        transaction_forget(transaction);
    transaction->is_resumed = false;
}

void transaction_number(struct transaction *transaction, const struct leat_value *id, const struct table *table,
                        struct leat_value items[3])
{
    items[0] = items[1] = items[2] = leat_value_null();
    if (!transaction)
        return;
    struct transaction_table *of = table_named(transaction, table->full, strlen(table->full));
    items[0] = *id;
    items[1] = leat_value_int((int64_t)++transaction->order);
    items[2] = leat_value_int((int64_t)++of->count);
}

/* ---- its records ---- */

static struct leat_value map_of(struct leat_batch *batch, const struct leat_value *items, uint32_t count)
{
    struct leat_value map = leat_value_items(LEAT_MAP, items, count);
    return leat_batch_copy_value(batch, &map);
}

static struct leat_record *add(const struct transaction *transaction, struct leat_batch *batch, const char *status,
                               const struct leat_value *id, int64_t time_us, struct leat_value count, struct leat_value tables)
{
    const struct leat_value key[] = {text_value("id"), *id};
    int64_t ms = time_us / 1000;
    const struct leat_value value[] = {text_value("status"), text_value(status), text_value("id"), *id, text_value("ts_ms"),
                                       leat_value_int(ms), text_value("event_count"), count, text_value("data_collections"), tables};
    struct leat_record *rec = leat_batch_add(batch);
    rec->topic = transaction->topic;
    rec->op = LEAT_CREATE;
    rec->time_us = time_us;
    rec->key = map_of(batch, key, 1);
    rec->value = map_of(batch, value, 5);
    return rec;
}

void transaction_add_begin(const struct transaction *transaction, struct leat_batch *batch, const struct leat_value *id,
                           int64_t time_us)
{
    add(transaction, batch, "BEGIN", id, time_us, leat_value_null(), leat_value_null());
}

void transaction_end(struct transaction *transaction, struct leat_batch *batch, const struct leat_value *id, int64_t time_us)
{
    uint32_t count = transaction->table_count;
    struct leat_value *tables = leat_batch_alloc(batch, (count + 1) * sizeof *tables);
    for (uint32_t i = 0; i < count; i++) {
        const struct leat_value items[] = {text_value("data_collection"), text_value(transaction->tables[i].name),
                                           text_value("event_count"), leat_value_int((int64_t)transaction->tables[i].count)};
        tables[i] = map_of(batch, items, 2);
    }
    if (transaction_has_begun(transaction))
        add(transaction, batch, "END", id, time_us, leat_value_int((int64_t)transaction->order),
            leat_value_items(LEAT_ARRAY, tables, count))->flags |= LEAT_ENDS_TRANSACTION;
    transaction->is_resumed = false;
    transaction_forget(transaction);
}

/* ---- positions ---- */

void transaction_init(struct transaction *transaction, const char *name, const struct leat_positions *from)
{
    char topic[250];
    int len = snprintf(topic, sizeof topic, "%s.transaction", name);
    struct leat_value key = text_value(position_name);
    const struct leat_value *value = leat_positions_get(from, &key);
    const struct leat_value *order = value ? leat_map_get(value, "order") : NULL;
    const struct leat_value *tables = value ? leat_map_get(value, "tables") : NULL;
    *transaction = (struct transaction){.topic = leat_topic(topic, (size_t)len)};
    leat_table_init(&transaction->by_name);
    if (!order || order->type != LEAT_INT64 || order->as.i <= 0 || !tables || tables->type != LEAT_MAP)
        return;
    transaction->order = (uint64_t)order->as.i;
    transaction->is_resumed = transaction->is_stored = true;
    for (uint32_t i = 0; i < tables->len; i++) {
        const struct leat_value *table = &tables->as.items[2 * i], *count = table + 1;
        if (table->type == LEAT_TEXT && count->type == LEAT_INT64)
            table_named(transaction, table->as.text, table->len)->count = (uint64_t)count->as.i;
    }
}

void transaction_fini(struct transaction *transaction)
{
    transaction_forget(transaction);
    leat_table_fini(&transaction->by_name, NULL);
    free(transaction->tables);
}

void transaction_store(struct transaction *transaction, bool is_within, struct leat_batch *batch)
{
    struct leat_value key = text_value(position_name);
    bool is_open = is_within && transaction_has_begun(transaction);
    if (!is_open && transaction->is_stored)
        leat_batch_position(batch, &key, NULL);
    transaction->is_stored = is_open;
    if (!is_open)
        return;
    struct leat_value *tables = leat_batch_alloc(batch, 2 * ((size_t)transaction->table_count + 1) * sizeof *tables);
    for (uint32_t i = 0; i < transaction->table_count; i++) {
        tables[2 * i] = text_value(transaction->tables[i].name);
        tables[2 * i + 1] = leat_value_int((int64_t)transaction->tables[i].count);
    }
    const struct leat_value items[] = {text_value("order"), leat_value_int((int64_t)transaction->order), text_value("tables"),
                                       leat_value_items(LEAT_MAP, tables, transaction->table_count)};
    struct leat_value value = leat_value_items(LEAT_MAP, items, 2);
    leat_batch_position(batch, &key, &value);
}
