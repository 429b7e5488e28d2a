/* ddl_type.c - a column's type as it is written, to what information_schema says of it. */
#include <base/buffer.h>
#include <mysql_protocol/charset.h>
#include <mysql_protocol/ddl_type.h>
#include <strings.h>

enum class { INTEGER, NUMBER, REAL, BITS, YEAR, PLAIN, FRACTION, SIZED, TEXT, LIST, BOOLEAN, SERIAL, JSON, VECTOR };

static const struct type {
    const char *written, *name;
    enum class class;
    uint8_t width, width_unsigned; /* how an integer is shown; of SIZED: 1 where (1) may be left out */
    bool is_text, is_national;
} types[] = {
    {"TINYINT", "tinyint", INTEGER, 4, 3, 0, 0},
    {"INT1", "tinyint", INTEGER, 4, 3, 0, 0},
    {"SMALLINT", "smallint", INTEGER, 6, 5, 0, 0},
    {"INT2", "smallint", INTEGER, 6, 5, 0, 0},
    {"MEDIUMINT", "mediumint", INTEGER, 9, 8, 0, 0},
    {"MIDDLEINT", "mediumint", INTEGER, 9, 8, 0, 0},
    {"INT3", "mediumint", INTEGER, 9, 8, 0, 0},
    {"INT", "int", INTEGER, 11, 10, 0, 0},
    {"INTEGER", "int", INTEGER, 11, 10, 0, 0},
    {"INT4", "int", INTEGER, 11, 10, 0, 0},
    {"BIGINT", "bigint", INTEGER, 20, 20, 0, 0},
    {"INT8", "bigint", INTEGER, 20, 20, 0, 0},
    {"SERIAL", "bigint", SERIAL, 20, 20, 0, 0},
    {"BOOL", "tinyint", BOOLEAN, 0, 0, 0, 0},
    {"BOOLEAN", "tinyint", BOOLEAN, 0, 0, 0, 0},
    {"DECIMAL", "decimal", NUMBER, 0, 0, 0, 0},
    {"DEC", "decimal", NUMBER, 0, 0, 0, 0},
    {"NUMERIC", "decimal", NUMBER, 0, 0, 0, 0},
    {"FIXED", "decimal", NUMBER, 0, 0, 0, 0},
    {"FLOAT", "float", REAL, 0, 0, 0, 0},
    {"FLOAT4", "float", REAL, 0, 0, 0, 0},
    {"DOUBLE", "double", REAL, 0, 0, 0, 0},
    {"FLOAT8", "double", REAL, 0, 0, 0, 0},
    {"REAL", "double", REAL, 0, 0, 0, 0},
    {"BIT", "bit", BITS, 0, 0, 0, 0},
    {"YEAR", "year", YEAR, 0, 0, 0, 0},
    {"DATE", "date", PLAIN, 0, 0, 0, 0},
    {"TIME", "time", FRACTION, 0, 0, 0, 0},
    {"DATETIME", "datetime", FRACTION, 0, 0, 0, 0},
    {"TIMESTAMP", "timestamp", FRACTION, 0, 0, 0, 0},
    {"CHAR", "char", SIZED, 1, 0, true, 0},
    {"CHARACTER", "char", SIZED, 1, 0, true, 0},
    {"NCHAR", "char", SIZED, 1, 0, true, true},
    {"VARCHAR", "varchar", SIZED, 0, 0, true, 0},
    {"VARCHARACTER", "varchar", SIZED, 0, 0, true, 0},
    {"NVARCHAR", "varchar", SIZED, 0, 0, true, true},
    {"BINARY", "binary", SIZED, 1, 0, 0, 0},
    {"VARBINARY", "varbinary", SIZED, 0, 0, 0, 0},
    {"TINYTEXT", "tinytext", TEXT, 0, 0, true, 0},
    {"TEXT", "text", TEXT, 0, 0, true, 0},
    {"MEDIUMTEXT", "mediumtext", TEXT, 0, 0, true, 0},
    {"LONGTEXT", "longtext", TEXT, 0, 0, true, 0},
    {"LONG", "mediumtext", TEXT, 0, 0, true, 0},
    {"TINYBLOB", "tinyblob", TEXT, 0, 0, 0, 0},
    {"BLOB", "blob", TEXT, 0, 0, 0, 0},
    {"MEDIUMBLOB", "mediumblob", TEXT, 0, 0, 0, 0},
    {"LONGBLOB", "longblob", TEXT, 0, 0, 0, 0},
    {"ENUM", "enum", LIST, 0, 0, true, 0},
    {"SET", "set", LIST, 0, 0, true, 0},
    {"JSON", "json", JSON, 0, 0, 0, 0},
    {"UUID", "uuid", PLAIN, 0, 0, 0, 0},
    {"INET6", "inet6", PLAIN, 0, 0, 0, 0},
    {"INET4", "inet4", PLAIN, 0, 0, 0, 0},
    {"VECTOR", "vector", VECTOR, 0, 0, 0, 0},
    {"GEOMETRY", "geometry", PLAIN, 0, 0, 0, 0},
    {"POINT", "point", PLAIN, 0, 0, 0, 0},
    {"LINESTRING", "linestring", PLAIN, 0, 0, 0, 0},
    {"POLYGON", "polygon", PLAIN, 0, 0, 0, 0},
    {"MULTIPOINT", "multipoint", PLAIN, 0, 0, 0, 0},
    {"MULTILINESTRING", "multilinestring", PLAIN, 0, 0, 0, 0},
    {"MULTIPOLYGON", "multipolygon", PLAIN, 0, 0, 0, 0},
    {"GEOMETRYCOLLECTION", "geometrycollection", PLAIN, 0, 0, 0, 0},
    {"GEOMCOLLECTION", "geometrycollection", PLAIN, 0, 0, 0, 0},
};

static const struct type *type_named(const struct leat_tokens *tokens)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (leat_tokens_is(tokens, types[i].written))
            return &types[i];
    return NULL;
}

static const struct type *type_written(const char *written)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].written, written) == 0)
            return &types[i];
    return NULL;
}

/* ---- the words of a type ---- */

/* LONG, LONG VARCHAR, LONG VARBINARY, LONG CHAR VARYING. */
static const struct type *take_long(struct leat_tokens *tokens)
{
    leat_tokens_next(tokens);
    if (leat_tokens_take(tokens, "VARBINARY"))
        return type_written("MEDIUMBLOB");
    if (leat_tokens_take(tokens, "CHAR") || leat_tokens_take(tokens, "CHARACTER"))
        leat_tokens_take(tokens, "VARYING");
    else if (!leat_tokens_take(tokens, "VARCHAR"))
        leat_tokens_take(tokens, "VARCHARACTER");
    return type_written("LONG");
}

/* CHARACTER VARYING, NATIONAL CHAR VARYING, DOUBLE PRECISION ... */
static const struct type *take_type(struct leat_tokens *tokens, bool *is_national)
{
    if (leat_tokens_is(tokens, "LONG"))
        return take_long(tokens);
    if (leat_tokens_take(tokens, "mariadb_schema") && !leat_tokens_take_sign(tokens, '.'))
        return NULL;
    *is_national = leat_tokens_take(tokens, "NATIONAL");
    const struct type *type = type_named(tokens);
    if (!type)
        return NULL;
    leat_tokens_next(tokens);
    *is_national = *is_national || type->is_national;
    if (strcmp(type->name, "double") == 0) {
        leat_tokens_take(tokens, "PRECISION");
    } else if (strcmp(type->name, "char") == 0) {
        bool is_varying = leat_tokens_take(tokens, "VARYING");
        is_varying = is_varying || (*is_national && (leat_tokens_take(tokens, "VARCHAR") || leat_tokens_take(tokens, "VARCHARACTER")));
        if (is_varying)
            return type_written("VARCHAR");
    }
    return type;
}

/* ---- what stands in brackets ---- */

static bool take_number(struct leat_tokens *tokens, uint64_t *number)
{
    bool is_number = tokens->kind == LEAT_TOKEN_WORD && tokens->len > 0 && tokens->len < 19;
    *number = 0;
    for (size_t i = 0; is_number && i < tokens->len; i++) {
        is_number = tokens->text[i] >= '0' && tokens->text[i] <= '9';
        *number = *number * 10 + (uint64_t)(tokens->text[i] - '0');
    }
    if (is_number)
        leat_tokens_next(tokens);
    return is_number;
}

static bool take_numbers(struct leat_tokens *tokens, struct leat_ddl_type *type)
{
    if (!leat_tokens_take_sign(tokens, '('))
        return true;
    type->number_count = 1;
    if (!take_number(tokens, &type->numbers[0]))
        return false;
    if (leat_tokens_take_sign(tokens, ',')) {
        type->number_count = 2;
        if (!take_number(tokens, &type->numbers[1]))
            return false;
    }
    return leat_tokens_take_sign(tokens, ')');
}

/* As SHOW CREATE TABLE writes it, without the spaces at its end, which a server drops. */
static void put_label(struct leat_bytes *out, const char *label, size_t len)
{
    while (len > 0 && label[len - 1] == ' ')
        len--;
    leat_bytes_put(out, '\'');
    for (size_t i = 0; i < len; i++) {
        char c = label[i];
        if (c == '\'' || c == '\\')
            leat_bytes_printf(out, "%c%c", c, c);
        else if (c == '\n' || c == '\r' || c == '\0')
            leat_bytes_text(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\0");
        else
            leat_bytes_put(out, (uint8_t)c);
    }
    leat_bytes_put(out, '\'');
}

static bool take_labels(struct leat_tokens *tokens, struct leat_ddl_type *type, struct leat_arena *arena)
{
    struct leat_bytes out;
    leat_bytes_init(&out, 16 << 20);
    bool is_good = leat_tokens_take_sign(tokens, '(');
    leat_bytes_put(&out, '(');
    while (is_good && tokens->kind == LEAT_TOKEN_STRING) {
        size_t len;
        const char *label = leat_tokens_bytes(tokens, arena, &len);
        put_label(&out, label, len);
        leat_tokens_next(tokens);
        if (!leat_tokens_take_sign(tokens, ','))
            break;
        leat_bytes_put(&out, ',');
    }
    is_good = is_good && leat_tokens_take_sign(tokens, ')') && out.len > 1 && !out.is_over;
    leat_bytes_put(&out, ')');
    type->labels = leat_arena_copy(arena, out.data, out.len);
    leat_bytes_fini(&out);
    return is_good;
}

bool leat_ddl_type_take(struct leat_ddl_type *type, struct leat_tokens *tokens, struct leat_arena *arena)
{
    *type = (struct leat_ddl_type){0};
    type->is_real = leat_tokens_is(tokens, "REAL");
    const struct type *found = take_type(tokens, &type->is_national);
    if (!found)
        return false;
    type->row = (size_t)(found - types);
    type->is_text = found->is_text;
    type->is_not_null = found->class == SERIAL;
    return found->class == LIST ? take_labels(tokens, type, arena) : take_numbers(tokens, type);
}

/* ---- the text ---- */

/* MySQL shows widths no more from 8.0.19 on, but that of TINYINT(1) and those with ZEROFILL. */
static void put_integer(struct leat_bytes *out, const struct type *found, const struct leat_ddl_type *type,
                        const struct leat_tokens *tokens)
{
    bool is_unsigned = type->is_unsigned || type->is_zerofill || found->class == SERIAL;
    uint64_t width = type->number_count ? type->numbers[0] : is_unsigned ? found->width_unsigned : found->width;
    bool is_flag = strcmp(found->name, "tinyint") == 0 && width == 1 && !is_unsigned;
    leat_bytes_text(out, found->name);
    if (tokens->is_mariadb || tokens->version < 80019 || is_flag || type->is_zerofill)
        leat_bytes_printf(out, "(%llu)", (unsigned long long)width);
}

static void put_real(struct leat_bytes *out, const struct type *found, const struct leat_ddl_type *type,
                     const struct leat_tokens *tokens)
{
    bool is_float = strcmp(found->name, "float") == 0 || (type->is_real && (tokens->sql_mode & LEAT_SQL_REAL_AS_FLOAT));
    if (is_float && type->number_count == 1 && type->numbers[0] > 24)
        is_float = false;
    leat_bytes_text(out, is_float ? "float" : "double");
    if (type->number_count == 2)
        leat_bytes_printf(out, "(%llu,%llu)", (unsigned long long)type->numbers[0], (unsigned long long)type->numbers[1]);
}

static void put_year(struct leat_bytes *out, const struct leat_ddl_type *type, const struct leat_tokens *tokens)
{
    leat_bytes_text(out, "year");
    if (tokens->is_mariadb || tokens->version < 80019)
        leat_bytes_text(out, tokens->is_mariadb && type->number_count && type->numbers[0] == 2 ? "(2)" : "(4)");
}

static void put_numbered(struct leat_bytes *out, const char *name, uint64_t number)
{
    leat_bytes_printf(out, "%s(%llu)", name, (unsigned long long)number);
}

static const char *plain_name(const struct type *found, const struct leat_tokens *tokens)
{
    bool is_collection = strcmp(found->name, "geometrycollection") == 0;
    return is_collection && !tokens->is_mariadb && tokens->version >= 80000 ? "geomcollection" : found->name;
}

static void put_type(struct leat_bytes *out, const struct type *found, const struct leat_ddl_type *type,
                     const struct leat_tokens *tokens)
{
    uint64_t number = type->number_count ? type->numbers[0] : 0;
    switch (found->class) {
    case INTEGER:
    case SERIAL:
        put_integer(out, found, type, tokens);
        break;
    case BOOLEAN:
        put_numbered(out, "tinyint", 1);
        break;
    case NUMBER:
        leat_bytes_printf(out, "decimal(%llu,%llu)", (unsigned long long)(number ? number : 10),
                          (unsigned long long)(type->number_count == 2 ? type->numbers[1] : 0));
        break;
    case REAL:
        put_real(out, found, type, tokens);
        break;
    case BITS:
        put_numbered(out, "bit", number ? number : 1);
        break;
    case YEAR:
        put_year(out, type, tokens);
        break;
    case FRACTION:
        if (number)
            put_numbered(out, found->name, number);
        else
            leat_bytes_text(out, found->name);
        break;
    case SIZED:
        put_numbered(out, found->name, type->number_count ? number : found->width);
        break;
    case VECTOR:
        put_numbered(out, "vector", type->number_count ? number : 2048);
        break;
    case LIST:
        leat_bytes_printf(out, "%s%s", found->name, type->labels);
        break;
    case JSON:
        leat_bytes_text(out, tokens->is_mariadb ? "longtext" : "json");
        break;
    case TEXT:
    case PLAIN:
        leat_bytes_text(out, plain_name(found, tokens));
        break;
    }
    if (type->is_unsigned || type->is_zerofill || found->class == SERIAL)
        leat_bytes_text(out, " unsigned");
    if (type->is_zerofill)
        leat_bytes_text(out, " zerofill");
    if (type->is_compressed)
        leat_bytes_text(out, " /*M!100301 COMPRESSED*/");
}

void leat_ddl_type_describe(const struct leat_ddl_type *type, const struct leat_tokens *tokens,
                            struct leat_ddl_column *column, struct leat_arena *arena)
{
    const struct type *found = &types[type->row];
    struct leat_bytes out;
    leat_bytes_init(&out, 17 << 20);
    put_type(&out, found, type, tokens);
    column->type = leat_arena_copy(arena, out.data, out.len);
    size_t name_len = strcspn(column->type, "( ");
    column->data_type = leat_arena_copy(arena, column->type, name_len);
    leat_bytes_fini(&out);
    bool has_length = found->class == TEXT && type->number_count == 1 && (strcmp(found->name, "text") == 0 || strcmp(found->name, "blob") == 0);
    column->length = has_length ? type->numbers[0] : 0;
    column->is_json = found->class == JSON && tokens->is_mariadb;
    if (column->is_json)
        column->charset = "utf8mb4";
    else if (!found->is_text)
        column->charset = "";
    else
        column->charset = type->is_national ? "utf8mb3" : type->charset;
}
