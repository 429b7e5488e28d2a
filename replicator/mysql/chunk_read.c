#include <mysql/row_reader.h>
#include <mysql/row_values.h>

#include <base/hash.h>
#include <base/memory.h>
#include <base/os.h>
#include <mysql/columns.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>

#define REFUSED_CLASS "42" /* of SQL states: syntax, names, rights */

/* ---- statements ---- */

static void put_name(struct leat_bytes *sql, const char *name)
{
    char quoted[CLIENT_NAME_MAX];
    leat_bytes_text(sql, client_quote(quoted, sizeof quoted, name));
}

static void put_table(struct leat_bytes *sql, const struct table *table)
{
    leat_bytes_text(sql, " FROM ");
    put_name(sql, table->database);
    leat_bytes_put(sql, '.');
    put_name(sql, table->name);
}

static const struct column *key_column(const struct definition *definition, uint32_t i)
{
    return &definition->table->columns[definition->shape.keys[i]];
}

/* (a > 1) OR (a = 1 AND b > 2): what every server can go to by the index. `last` is the operator of
 * the key's last column. */
static void put_bound(struct row_reader *reader, const struct definition *definition,
                      const struct extent_key *key, const char *order, const char *last)
{
    struct leat_bytes *sql = &reader->sql;
    leat_bytes_put(sql, '(');
    for (uint32_t i = 0; i < key->count; i++) {
        leat_bytes_text(sql, i == 0 ? "(" : " OR (");
        for (uint32_t k = 0; k <= i; k++) {
            leat_bytes_text(sql, k ? " AND " : "");
            put_name(sql, key_column(definition, k)->name);
            leat_bytes_printf(sql, " %s ", k < i ? "=" : i + 1 == key->count ? last : order);
            columns_literal(key_column(definition, k), &key->texts[k], reader->client.mysql, sql);
        }
        leat_bytes_put(sql, ')');
    }
    leat_bytes_put(sql, ')');
}

static void put_where(struct row_reader *reader, const struct chunk *chunk)
{
    const char *word = " WHERE ";
    if (chunk->from) {
        leat_bytes_text(&reader->sql, word);
        put_bound(reader, chunk->definition, chunk->from, ">", ">");
        word = " AND ";
    }
    if (chunk->to) {
        leat_bytes_text(&reader->sql, word);
        put_bound(reader, chunk->definition, chunk->to, "<", "<=");
        word = " AND ";
    }
    if (chunk->where)
        leat_bytes_printf(&reader->sql, "%s(%s)", word, chunk->where);
}

static void put_keys(struct row_reader *reader, const struct definition *definition,
                     const char *before)
{
    for (uint32_t i = 0; i < definition->shape.key_count; i++) {
        leat_bytes_text(&reader->sql, i ? ", " : before);
        put_name(&reader->sql, key_column(definition, i)->name);
    }
}

static void put_columns(struct leat_bytes *sql, const struct table *table)
{
    leat_bytes_text(sql, "SELECT ");
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (i > 0)
            leat_bytes_put(sql, ',');
        columns_select(&table->columns[i], sql);
    }
    put_table(sql, table);
}

/* ---- what went wrong ---- */

enum leat_status row_reader_judge(struct row_reader *reader, struct chunk *chunk,
                              struct leat_error *err)
{
    enum leat_status status = client_failed(&reader->client, chunk->of->full, err);
    if (chunk->where && strncmp(mysql_sqlstate(reader->client.mysql), REFUSED_CLASS, 2) == 0) {
        chunk->trouble = CHUNK_CONDITION;
        return LEAT_REJECT;
    }
    switch (mysql_errno(reader->client.mysql)) {
    case ER_NO_SUCH_TABLE:
        chunk->trouble = CHUNK_NO_TABLE;
        return LEAT_REJECT;
    case ER_BAD_FIELD_ERROR:
        chunk->trouble = CHUNK_OTHER_TABLE;
        return LEAT_REJECT;
    case ER_TABLE_DEF_CHANGED:
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_LOCK_DEADLOCK:
    case ER_QUERY_INTERRUPTED:
        chunk->trouble = CHUNK_DISTURBED;
        return LEAT_REJECT;
    default:
        return status;
    }
}

enum leat_status row_reader_ask(struct row_reader *reader, struct chunk *chunk, MYSQL_RES **result,
                            bool is_kept, struct leat_error *err)
{
    MYSQL *mysql = reader->client.mysql;
    *result = NULL;
    if (mysql_real_query(mysql, (const char *)reader->sql.data, reader->sql.len) == 0)
        *result = is_kept ? mysql_store_result(mysql) : mysql_use_result(mysql);
    return *result ? LEAT_OK : row_reader_judge(reader, chunk, err);
}

/* Of what a SELECT gives: names, types, lengths. */
uint64_t row_reader_sign(MYSQL_RES *result)
{
    uint64_t signature = 1;
    unsigned count = mysql_num_fields(result);
    const MYSQL_FIELD *fields = mysql_fetch_fields(result);
    for (unsigned i = 0; i < count; i++) {
        uint64_t facts[] = {signature,       (uint64_t)fields[i].type, fields[i].length,
                            fields[i].flags, fields[i].decimals,       fields[i].charsetnr};
        signature =
            leat_hash(fields[i].name, fields[i].name_length, leat_hash(facts, sizeof facts, 0));
    }
    return signature;
}

/* ---- describing ---- */

/* What a SELECT of it gives, and by which protocol. */
static enum leat_status ask_signature(struct row_reader *reader, struct chunk *chunk, struct definition *made, struct leat_error *err)
{
    MYSQL_RES *result;
    struct row_values values;
    leat_bytes_clear(&reader->sql);
    put_columns(&reader->sql, made->table);
    leat_bytes_text(&reader->sql, " LIMIT 0");
    enum leat_status status = row_values_open(&values, &reader->client, made->table->schema, &reader->sql);
    made->is_binary = status == LEAT_OK;
    if (made->is_binary)
        made->signature = row_reader_sign(values.columns);
    else if (status != LEAT_REJECT)
        status = row_reader_judge(reader, chunk, err);
    row_values_close(&values);
    if (made->is_binary || chunk->trouble != CHUNK_FINE || status != LEAT_REJECT)
        return status;
    status = row_reader_ask(reader, chunk, &result, true, err);
    if (status != LEAT_OK)
        return status;
    made->signature = row_reader_sign(result);
    mysql_free_result(result);
    return LEAT_OK;
}

static enum leat_status count_rows(struct row_reader *reader, struct definition *definition,
                                   struct leat_error *err)
{
    char rows[32], database[CLIENT_NAME_MAX], name[CLIENT_NAME_MAX];
    enum leat_status status =
        client_ask(&reader->client, rows, sizeof rows, err,
                   "SELECT table_rows FROM information_schema.tables WHERE table_schema = %s AND "
                   "table_name = %s",
                   client_text(&reader->client, database, definition->table->database),
                   client_text(&reader->client, name, definition->table->name));
    definition->about_rows = strtoull(rows, NULL, 10);
    return status;
}

/* A signature before and one behind: it was not altered between. */
static enum leat_status describe(struct row_reader *reader, struct chunk *chunk,
                                 struct leat_error *err)
{
    struct definition *made = leat_calloc(1, sizeof *made);
    struct table *again = table_new(chunk->of->database, chunk->of->name);
    made->table = table_new(chunk->of->database, chunk->of->name);
    enum leat_status status = table_fetch(made->table, &reader->client, err);
    if (status == LEAT_STOP) {
        chunk->trouble = CHUNK_NO_TABLE;
        status = LEAT_REJECT;
    }
    if (status == LEAT_OK)
        status = ask_signature(reader, chunk, made, err);
    if (status == LEAT_OK)
        status = table_fetch(again, &reader->client, err);
    if (status == LEAT_OK && again->schema != made->table->schema) {
        chunk->trouble = CHUNK_DISTURBED;
        status = LEAT_REJECT;
    }
    made->table->forms = chunk->of->forms;
    if (status == LEAT_OK)
        status = form_check(made->table, err);
    if (status == LEAT_OK)
        status = count_rows(reader, made, err);
    table_free(again);
    if (status == LEAT_OK) {
        extent_init(&made->shape, made->table);
        made->table->topic = chunk->of->topic;
        chunk->described = made;
    } else {
        table_free(made->table);
        free(made);
    }
    return status;
}

/* ---- planning ---- */

static struct extent_key *key_of(const struct definition *definition, MYSQL_ROW row,
                                 const unsigned long *lengths, bool is_key_alone)
{
    struct leat_value texts[EXTENT_KEYS_MAX];
    for (uint32_t i = 0; i < definition->shape.key_count; i++) {
        uint32_t at = is_key_alone ? i : definition->shape.keys[i];
        texts[i] = leat_value_text(row[at], lengths[at]);
    }
    return extent_key_new(&definition->shape, texts);
}

/* The key of the row that ends the next `limit` rows behind `from`. EOF: there are not so many. */
static enum leat_status plan_one(struct row_reader *reader, struct chunk *chunk,
                                 struct leat_error *err)
{
    MYSQL_RES *result;
    leat_bytes_clear(&reader->sql);
    put_keys(reader, chunk->definition, "SELECT ");
    put_table(&reader->sql, chunk->definition->table);
    put_where(reader, chunk);
    put_keys(reader, chunk->definition, " ORDER BY ");
    leat_bytes_printf(&reader->sql, " LIMIT 1 OFFSET %u", chunk->limit - 1);
    enum leat_status status = row_reader_ask(reader, chunk, &result, true, err);
    if (status != LEAT_OK)
        return status;
    MYSQL_ROW row = mysql_fetch_row(result);
    struct extent_key *key =
        row ? key_of(chunk->definition, row, mysql_fetch_lengths(result), true) : NULL;
    mysql_free_result(result);
    if (!key)
        return LEAT_EOF;
    extent_key_free(chunk->from);
    chunk->from = extent_key_dup(key);
    chunk->planned[chunk->planned_count++] = key;
    return LEAT_OK;
}

static enum leat_status plan(struct row_reader *reader, struct chunk *chunk, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    while (status == LEAT_OK && chunk->planned_count < CHUNK_PLANS)
        status = plan_one(reader, chunk, err);
    return status == LEAT_EOF ? LEAT_OK : status;
}

void row_reader_select(struct row_reader *reader, const struct chunk *chunk)
{
    leat_bytes_clear(&reader->sql);
    put_columns(&reader->sql, chunk->definition->table);
    put_where(reader, chunk);
    if (!chunk->definition->shape.has_ranges)
        return;
    put_keys(reader, chunk->definition, " ORDER BY ");
    if (chunk->limit > 0)
        leat_bytes_printf(&reader->sql, " LIMIT %u", chunk->limit);
}

static enum leat_status read_view(struct row_reader *reader, struct chunk *chunk,
                                  struct leat_error *err)
{
    const struct view_order order = {.since = &chunk->since,
                                     .ended_file = chunk->ended_file,
                                     .ended_pos = chunk->ended_pos,
                                     .needs_lock = chunk->needs_lock};
    struct leat_error ignored;
    enum leat_status status = LEAT_AGAIN;
    for (int tries = 0; status == LEAT_AGAIN && tries < 200;
         tries++) { /* what is in the log is visible some moments later */
        if (tries > 0)
            leat_os->poll(NULL, 0, tries < 20 ? 1 : 10);
        status = view_open(&chunk->view, &reader->client, &order, err);
    }
    if (status == LEAT_AGAIN)
        chunk->trouble = CHUNK_TOO_OLD;
    if (status == LEAT_RETRY && mysql_errno(reader->client.mysql) == ER_LOCK_WAIT_TIMEOUT)
        chunk->trouble = CHUNK_DISTURBED;
    if (status == LEAT_OK) {
        row_reader_open(reader, chunk);
        status = row_reader_rows(reader, chunk, err);
    }
    if (reader->client.mysql && status != LEAT_RETRY)
        view_close(&reader->client, &ignored);
    return chunk->trouble != CHUNK_FINE && status != LEAT_STOP ? LEAT_REJECT : status;
}

/* ---- orders ---- */

/* The server that the stream is of: another one of several hosts would tell other places. */
static enum leat_status connect_reader(struct row_reader *reader, const struct chunk *chunk,
                                       struct leat_error *err)
{
    char identity[48];
    if (reader->client.mysql)
        return LEAT_OK;
    enum leat_status status =
        client_open(&reader->client, reader->readers->options, reader->readers->read_timeout_s, reader->readers->task, err);
    if (status != LEAT_OK)
        return status;
    status = client_identity(&reader->client, identity, sizeof identity, err);
    if (status == LEAT_OK && chunk->since.server[0] && strcmp(identity, chunk->since.server) != 0)
        status = leat_fail(err, LEAT_RETRY, "%s: it is not the server whose log is read",
                           reader->client.where);
    if (status == LEAT_OK)
        status = view_prepare(&reader->client, err);
    return status;
}

void row_reader_work(struct row_reader *reader, struct chunk *chunk)
{
    chunk->status = connect_reader(reader, chunk, &chunk->err);
    if (chunk->status == LEAT_OK)
        chunk->status = chunk->kind == CHUNK_DESCRIBE ? describe(reader, chunk, &chunk->err)
                        : chunk->kind == CHUNK_PLAN   ? plan(reader, chunk, &chunk->err)
                                                      : read_view(reader, chunk, &chunk->err);
    if (chunk->status == LEAT_RETRY || chunk->status == LEAT_STOP) {
        leat_task_guard(reader->readers->task, -1);
        client_close(&reader->client);
    }
}
