#include <mysql/row_values.h>

#include <model/iso.h>
#include <mysql/columns.h>
#include <mysqld_error.h>

#define INLINE_BYTES 256 /* of texts that need no second look */

union row_room {
    int64_t i;
    double d;
    MYSQL_TIME time;
    char text[INLINE_BYTES];
};

/* ---- which types ---- */

static bool is_known(enum enum_field_types type)
{
    switch (type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
    case MYSQL_TYPE_NEWDECIMAL:
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_TIME:
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_TIMESTAMP:
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
        return true;
    default: /* BIT, JSON, GEOMETRY, VECTOR: libraries differ */
        return false;
    }
}

static bool is_number(const struct leat_field *field)
{
    return (field->type == LEAT_INT64 || field->type == LEAT_UINT64) && field->meaning != LEAT_BIT;
}

static bool is_time(const struct leat_field *field)
{
    return field->type == LEAT_DATE || field->type == LEAT_TIME || field->type == LEAT_DATETIME || field->type == LEAT_TIMESTAMP;
}

static void bind(struct row_values *values, uint32_t i, const struct leat_field *field)
{
    union row_room *room = &values->room[i];
    MYSQL_BIND *at = &values->binds[i];
    at->length = &values->lengths[i];
    at->is_null = &values->nulls[i];
    at->buffer = room;
    if (is_number(field)) {
        at->buffer_type = MYSQL_TYPE_LONGLONG;
        at->is_unsigned = field->type == LEAT_UINT64;
        at->buffer_length = sizeof room->i;
    } else if (field->type == LEAT_FLOAT64) {
        at->buffer_type = MYSQL_TYPE_DOUBLE;
        at->buffer_length = sizeof room->d;
    } else if (is_time(field)) {
        at->buffer_type = field->type == LEAT_TIME ? MYSQL_TYPE_TIME : MYSQL_TYPE_DATETIME;
        at->buffer_length = sizeof room->time;
    } else {
        at->buffer_type = MYSQL_TYPE_BLOB; /* as it is, without a terminator */
        at->buffer_length = sizeof room->text;
    }
}

/* ---- life ---- */

enum leat_status row_values_open(struct row_values *values, struct client *client, const struct leat_schema *schema,
                                 const struct leat_bytes *sql)
{
    *values = (struct row_values){.stmt = mysql_stmt_init(client->mysql)};
    leat_arena_init(&values->arena, 0);
    if (mysql_stmt_prepare(values->stmt, (const char *)sql->data, sql->len) != 0) {
        unsigned code = mysql_stmt_errno(values->stmt);
        return code == ER_UNSUPPORTED_PS || code == ER_MAX_PREPARED_STMT_COUNT_REACHED ? LEAT_REJECT : LEAT_RETRY;
    }
    values->columns = mysql_stmt_result_metadata(values->stmt);
    values->count = values->columns ? mysql_num_fields(values->columns) : 0;
    if (values->count != schema->field_count)
        return LEAT_REJECT;
    values->binds = leat_arena_zeroed(&values->arena, (values->count + 1) * sizeof *values->binds);
    values->room = leat_arena_zeroed(&values->arena, (values->count + 1) * sizeof *values->room);
    values->lengths = leat_arena_zeroed(&values->arena, (values->count + 1) * sizeof *values->lengths);
    values->nulls = leat_arena_zeroed(&values->arena, (values->count + 1) * sizeof *values->nulls);
    for (uint32_t i = 0; i < values->count; i++) {
        if (!is_known(mysql_fetch_field_direct(values->columns, i)->type))
            return LEAT_REJECT;
        bind(values, i, &schema->fields[i]);
    }
    return mysql_stmt_bind_result(values->stmt, values->binds) == 0 ? LEAT_OK : LEAT_REJECT;
}

bool row_values_execute(struct row_values *values)
{
    return mysql_stmt_execute(values->stmt) == 0;
}

void row_values_close(struct row_values *values)
{
    if (values->columns)
        mysql_free_result(values->columns);
    if (values->stmt)
        mysql_stmt_close(values->stmt);
    leat_arena_fini(&values->arena);
    *values = (struct row_values){.stmt = NULL};
}

/* ---- values ---- */

static struct leat_value time_value(const struct leat_field *field, const MYSQL_TIME *t)
{
    struct leat_value value = {.type = field->type, .aux = field->scale};
    int64_t us = (((int64_t)t->day * 24 + t->hour) * 60 + t->minute) * 60000000 + (int64_t)t->second * 1000000 + (int64_t)t->second_part;
    switch (field->type) {
    case LEAT_DATE:
        value.aux = 0;
        value.as.i = LEAT_DATE(t->year, t->month, t->day);
        break;
    case LEAT_TIME:
        value.as.i = t->neg ? -us : us;
        break;
    case LEAT_DATETIME:
        value.as.i = LEAT_DATETIME(t->year, t->month, t->day, t->hour, t->minute, t->second, t->second_part);
        break;
    default:
        if (t->month == 0) {
            value.flags = LEAT_VALUE_ZERO;
        } else {
            struct leat_parts parts = {.year = (int32_t)t->year, .month = (int32_t)t->month, .day = (int32_t)t->day,
                                       .hour = (int32_t)t->hour, .minute = (int32_t)t->minute, .second = (int32_t)t->second,
                                       .us = (int32_t)t->second_part};
            value.as.i = leat_parts_to_us(&parts);
        }
    }
    return value;
}

/* A long one is asked for once more, with the room that it needs. */
static const char *whole_text(struct row_values *values, uint32_t i, struct leat_arena *arena)
{
    unsigned long len = values->lengths[i];
    if (len <= sizeof values->room[i].text)
        return values->room[i].text;
    char *text = leat_arena_alloc(arena, len);
    MYSQL_BIND at = {.buffer_type = MYSQL_TYPE_BLOB, .buffer = text, .buffer_length = len, .length = &values->lengths[i]};
    return mysql_stmt_fetch_column(values->stmt, &at, i, 0) == 0 ? text : NULL;
}

static bool take_text(struct row_values *values, uint32_t i, const struct leat_field *field, struct leat_batch *batch,
                      struct leat_value *cell)
{
    struct leat_arena arena;
    leat_arena_init(&arena, 0);
    const char *text = whole_text(values, i, &arena);
    bool is_good = text && columns_value(field, text, values->lengths[i], batch, cell);
    leat_arena_fini(&arena);
    return is_good;
}

static bool take_cell(struct row_values *values, uint32_t i, const struct leat_field *field, struct leat_batch *batch,
                      struct leat_value *cell)
{
    const union row_room *room = &values->room[i];
    if (values->nulls[i]) {
        *cell = leat_value_null();
    } else if (is_number(field)) {
        *cell = field->type == LEAT_UINT64 ? leat_value_uint((uint64_t)room->i) : leat_value_int(room->i);
    } else if (field->type == LEAT_FLOAT64) {
        *cell = leat_value_double(room->d);
        if (strncmp(field->native, "float", 5) == 0)
            cell->flags = LEAT_VALUE_SINGLE;
    } else if (is_time(field)) {
        *cell = time_value(field, &room->time);
    } else {
        return take_text(values, i, field, batch, cell);
    }
    return true;
}

enum leat_status row_values_fetch(struct row_values *values)
{
    int status = mysql_stmt_fetch(values->stmt);
    return status == 0 || status == MYSQL_DATA_TRUNCATED ? LEAT_OK : status == MYSQL_NO_DATA ? LEAT_EOF : LEAT_RETRY;
}

bool row_values_take(struct row_values *values, const struct leat_schema *schema, struct leat_batch *batch, struct leat_value *cells,
                     uint32_t *column)
{
    for (*column = 0; *column < values->count; ++*column)
        if (!take_cell(values, *column, &schema->fields[*column], batch, &cells[*column]))
            return false;
    return true;
}

struct leat_value row_values_text(struct row_values *values, uint32_t column, struct leat_arena *arena)
{
    enum { ROOM = 16384 }; /* a key has 3072 bytes at most */
    char *text = leat_arena_alloc(arena, ROOM);
    unsigned long len = 0;
    MYSQL_BIND at = {.buffer_type = MYSQL_TYPE_STRING, .buffer = text, .buffer_length = ROOM, .length = &len};
    bool is_good = mysql_stmt_fetch_column(values->stmt, &at, column, 0) == 0 && len <= ROOM;
    return leat_value_text(text, is_good ? len : 0);
}
