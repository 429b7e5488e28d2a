#include <mysql/bulk.h>

#include <base/assert.h>
#include <math.h>
#include <model/iso.h>
#include <stdio.h>

#define EXECUTE_BYTES ((size_t)1 << 20) /* of one execute */
#define EXECUTE_ROWS 8192

enum bound { ANY, SIGNED, UNSIGNED, DOUBLE, TEXT, BINARY, UNBINDABLE };

static enum bound bound_of(const struct leat_value *value)
{
    switch ((enum leat_type)value->type) {
    case LEAT_NULL:
        return ANY;
    case LEAT_BOOL:
    case LEAT_INT64:
        return SIGNED;
    case LEAT_UINT64:
        return UNSIGNED;
    case LEAT_FLOAT64:
        return isfinite(value->as.f) ? DOUBLE : UNBINDABLE;
    case LEAT_DECIMAL:
    case LEAT_TEXT:
    case LEAT_JSON:
    case LEAT_DATE:
    case LEAT_TIME:
    case LEAT_DATETIME:
    case LEAT_TIMESTAMP:
        return TEXT;
    case LEAT_BYTES:
        return BINARY;
    default:
        return UNBINDABLE;
    }
}

static bool has_bytes(const struct leat_value *value)
{
    return value->type == LEAT_TEXT || value->type == LEAT_JSON || value->type == LEAT_DECIMAL || value->type == LEAT_BYTES;
}

/* Room in a packet, generously. */
static size_t row_bytes(const struct bulk_rows *rows, uint32_t at)
{
    size_t bytes = 0;
    for (uint32_t c = 0; c < rows->columns; c++) {
        const struct leat_value *value = rows->rows[at][c];
        if (value)
            bytes += LEAT_ISO_MAX + (has_bytes(value) ? value->len : 0);
    }
    return bytes;
}

/* The kind of a column's values; ANY where all are NULL. */
static enum bound column_bound(const struct bulk_rows *rows, uint32_t column)
{
    enum bound bound = ANY;
    for (uint32_t i = 0; i < rows->count; i++) {
        enum bound one = bound_of(rows->rows[i][column]);
        if (one == ANY)
            continue;
        if (one == UNBINDABLE || (bound != ANY && bound != one))
            return UNBINDABLE;
        bound = one;
    }
    return bound;
}

bool bulk_can(const struct bulk_rows *rows, size_t packet_max)
{
    for (uint32_t c = 0; c < rows->columns; c++)
        if (rows->rows[0][c] && column_bound(rows, c) == UNBINDABLE)
            return false;
    for (uint32_t i = 0; i < rows->count; i++)
        if (row_bytes(rows, i) > packet_max / 2)
            return false;
    return true;
}

/* ---- binding ---- */

static const char *print_time(const struct leat_value *value, struct leat_arena *arena, unsigned long *len)
{
    char *text = leat_arena_alloc(arena, LEAT_ISO_MAX);
    *len = (unsigned long)leat_iso_print(text, value);
    char *between = memchr(text, 'T', *len);
    if (between)
        *between = ' ';
    if (value->type == LEAT_TIMESTAMP && *len > 0 && text[*len - 1] == 'Z')
        --*len;
    return text;
}

static void bind_numbers(const struct bulk_rows *rows, uint32_t first, uint32_t count, uint32_t column,
                         struct leat_arena *arena, MYSQL_BIND *bind)
{
    uint64_t *numbers = leat_arena_alloc(arena, count * sizeof *numbers);
    for (uint32_t i = 0; i < count; i++) {
        const struct leat_value *value = rows->rows[first + i][column];
        numbers[i] = value->type == LEAT_BOOL ? value->as.b : value->as.u;
    }
    bind->buffer = numbers;
}

static void bind_texts(const struct bulk_rows *rows, uint32_t first, uint32_t count, uint32_t column,
                       struct leat_arena *arena, MYSQL_BIND *bind)
{
    const char **texts = leat_arena_alloc(arena, count * sizeof *texts);
    bind->length = leat_arena_zeroed(arena, count * sizeof *bind->length);
    for (uint32_t i = 0; i < count; i++) {
        const struct leat_value *value = rows->rows[first + i][column];
        texts[i] = "";
        if (value->type == LEAT_NULL)
            continue;
        if (!has_bytes(value)) {
            texts[i] = print_time(value, arena, &bind->length[i]);
        } else if (value->len > 0) {
            texts[i] = value->as.text;
            bind->length[i] = value->len;
        }
    }
    bind->buffer = texts;
}

static void bind_column(const struct bulk_rows *rows, uint32_t first, uint32_t count, uint32_t column,
                        struct leat_arena *arena, MYSQL_BIND *bind)
{
    enum bound bound = column_bound(rows, column);
    static const enum enum_field_types types[] = {
        [ANY] = MYSQL_TYPE_STRING,     [SIGNED] = MYSQL_TYPE_LONGLONG, [UNSIGNED] = MYSQL_TYPE_LONGLONG,
        [DOUBLE] = MYSQL_TYPE_DOUBLE, [TEXT] = MYSQL_TYPE_STRING,     [BINARY] = MYSQL_TYPE_BLOB};
    leat_assert(bound != UNBINDABLE);
    *bind = (MYSQL_BIND){.buffer_type = types[bound], .is_unsigned = bound == UNSIGNED};
    bind->u.indicator = leat_arena_alloc(arena, count);
    for (uint32_t i = 0; i < count; i++)
        bind->u.indicator[i] =
            rows->rows[first + i][column]->type == LEAT_NULL ? STMT_INDICATOR_NULL : STMT_INDICATOR_NONE;
    if (bound == SIGNED || bound == UNSIGNED || bound == DOUBLE)
        bind_numbers(rows, first, count, column, arena, bind);
    else
        bind_texts(rows, first, count, column, arena, bind);
}

/* ---- running ---- */

static uint32_t fitting(const struct bulk_rows *rows, uint32_t first, size_t packet_max)
{
    size_t most = packet_max / 2 < EXECUTE_BYTES ? packet_max / 2 : EXECUTE_BYTES, bytes = row_bytes(rows, first);
    uint32_t count = 1;
    while (first + count < rows->count && count < EXECUTE_ROWS) {
        bytes += row_bytes(rows, first + count);
        if (bytes > most)
            break;
        count++;
    }
    return count;
}

static bool execute(const struct bulk_rows *rows, MYSQL_STMT *stmt, uint32_t first, uint32_t count, struct leat_arena *arena)
{
    unsigned array = count, bound = 0;
    MYSQL_BIND *binds = leat_arena_alloc(arena, rows->columns * sizeof *binds);
    for (uint32_t c = 0; c < rows->columns; c++)
        if (rows->rows[0][c])
            bind_column(rows, first, count, c, arena, &binds[bound++]);
    leat_assert(bound == mysql_stmt_param_count(stmt));
    return mysql_stmt_attr_set(stmt, STMT_ATTR_ARRAY_SIZE, &array) == 0 && mysql_stmt_bind_param(stmt, binds) == 0 &&
           mysql_stmt_execute(stmt) == 0;
}

bool bulk_run(const struct bulk_rows *rows, struct client *client, const char *sql, size_t len, size_t packet_max,
              struct leat_arena *arena)
{
    MYSQL_STMT *stmt = mysql_stmt_init(client->mysql);
    leat_assert(stmt);
    bool is_fine = mysql_stmt_prepare(stmt, sql, (unsigned long)len) == 0;
    for (uint32_t first = 0, count; is_fine && first < rows->count; first += count) {
        count = fitting(rows, first, packet_max);
        is_fine = execute(rows, stmt, first, count, arena);
    }
    if (is_fine) {
        mysql_stmt_close(stmt);
        return true;
    }
    client->refused = mysql_stmt_errno(stmt); /* closing the statement clears what the connection says */
    snprintf(client->refused_text, sizeof client->refused_text, "%s", mysql_stmt_error(stmt));
    mysql_stmt_close(stmt);
    return false;
}
