/* ddl_column.c - a column's definition: name, type, and what follows as far as it matters to rows. */
#include <ctype.h>
#include <mysql_protocol/charset.h>
#include <mysql_protocol/ddl_internal.h>
#include <mysql_protocol/ddl_type.h>

const char *leat_ddl_word(struct leat_ddl_reader *reader)
{
    struct leat_tokens *tokens = &reader->tokens;
    if (tokens->kind != LEAT_TOKEN_WORD && tokens->kind != LEAT_TOKEN_NAME)
        return NULL;
    const char *text = leat_tokens_text(tokens, reader->arena);
    leat_tokens_next(tokens);
    return text;
}

/* ---- character sets ---- */

/* As information_schema spells it. */
static const char *charset_named(struct leat_ddl_reader *reader, char *name)
{
    for (char *at = name; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    if (strcmp(name, "utf8") == 0)
        return "utf8mb3";
    return strcmp(name, "default") == 0 ? "" : leat_arena_strdup(reader->arena, name);
}

/* "latin1_swedish_ci" is latin1's; "uca1400_ai_ci" may be anyone's: NULL. */
static const char *charset_of_collation(struct leat_ddl_reader *reader, char *name)
{
    name[strcspn(name, "_")] = '\0';
    const char *charset = charset_named(reader, name);
    return *charset == '\0' || leat_charset_collation(charset, strlen(charset)) ? charset : NULL;
}

const char *leat_ddl_charset(struct leat_ddl_reader *reader)
{
    struct leat_tokens *tokens = &reader->tokens;
    bool is_collation = leat_tokens_is(tokens, "COLLATE");
    if (!leat_tokens_take(tokens, "CHARSET") && !leat_tokens_take_two(tokens, "CHARACTER", "SET") &&
        !leat_tokens_take_two(tokens, "CHAR", "SET") && !leat_tokens_take(tokens, "COLLATE"))
        return NULL;
    leat_tokens_take_sign(tokens, '=');
    if (tokens->kind == LEAT_TOKEN_END || tokens->kind == LEAT_TOKEN_SIGN)
        return NULL;
    char *name = leat_tokens_text(tokens, reader->arena);
    leat_tokens_next(tokens);
    return is_collation ? charset_of_collation(reader, name) : charset_named(reader, name);
}

/* ---- what follows the type ---- */

static void take_default(struct leat_tokens *tokens)
{
    while (leat_tokens_is_sign(tokens, '-') || leat_tokens_is_sign(tokens, '+'))
        leat_tokens_next(tokens);
    if (leat_tokens_is_sign(tokens, '('))
        leat_tokens_skip(tokens);
    else if (!leat_tokens_is_sign(tokens, ',') && !leat_tokens_is_sign(tokens, ')'))
        leat_tokens_next(tokens);
}

/* ON DELETE SET NULL, ON UPDATE CURRENT_TIMESTAMP. */
static void take_on(struct leat_tokens *tokens)
{
    leat_tokens_next(tokens);
    if (leat_tokens_take(tokens, "SET"))
        leat_tokens_next(tokens);
}

/* CHECK (json_valid(`name`)): what MariaDB knows its JSON by. */
static void take_check(struct leat_ddl_reader *reader, struct leat_ddl_column *column)
{
    struct leat_tokens *tokens = &reader->tokens, inner = *tokens;
    if (leat_tokens_take_sign(&inner, '(') && leat_tokens_take(&inner, "json_valid") && leat_tokens_take_sign(&inner, '(')) {
        const char *name = leat_tokens_text(&inner, reader->arena);
        leat_tokens_next(&inner);
        bool is_alone = leat_tokens_take_sign(&inner, ')') && leat_tokens_is_sign(&inner, ')');
        column->is_json = column->is_json || (tokens->is_mariadb && is_alone && strcmp(name, column->name) == 0);
    }
    if (leat_tokens_is_sign(tokens, '('))
        leat_tokens_skip(tokens);
}

static bool take_type_word(struct leat_ddl_reader *reader, struct leat_ddl_type *type)
{
    struct leat_tokens *tokens = &reader->tokens;
    if (leat_tokens_take(tokens, "UNSIGNED"))
        type->is_unsigned = true;
    else if (leat_tokens_take(tokens, "ZEROFILL"))
        type->is_zerofill = true;
    else if (leat_tokens_take(tokens, "COMPRESSED"))
        type->is_compressed = tokens->is_mariadb;
    else if (leat_tokens_take(tokens, "ASCII"))
        type->charset = "latin1";
    else if (leat_tokens_take(tokens, "UNICODE"))
        type->charset = "ucs2";
    else if (leat_tokens_take(tokens, "BYTE"))
        type->charset = "binary";
    else
        return false;
    return true;
}

/* `charset` of CHARACTER SET wins over that of COLLATE, which is the same or of no known name. */
static bool take_charset(struct leat_ddl_reader *reader, struct leat_ddl_type *type)
{
    struct leat_tokens before = reader->tokens;
    const char *charset = leat_ddl_charset(reader);
    if (charset && *charset)
        type->charset = charset;
    return reader->tokens.text != before.text;
}

static void take_attribute(struct leat_ddl_reader *reader, struct leat_ddl_type *type, struct leat_ddl_column *column)
{
    struct leat_tokens *tokens = &reader->tokens;
    if (take_type_word(reader, type) || take_charset(reader, type))
        return;
    if (leat_tokens_take(tokens, "NOT")) {
        column->is_nullable = !leat_tokens_take(tokens, "NULL");
    } else if (leat_tokens_take(tokens, "NULL")) {
        column->is_nullable = true;
    } else if (leat_tokens_take(tokens, "DEFAULT")) {
        take_default(tokens);
    } else if (leat_tokens_take(tokens, "ON")) {
        take_on(tokens);
    } else if (leat_tokens_take(tokens, "CHECK")) {
        take_check(reader, column);
    } else if (leat_tokens_take(tokens, "PRIMARY")) {
        leat_tokens_take(tokens, "KEY");
        column->is_key = true;
    } else if (leat_tokens_take(tokens, "UNIQUE")) {
        leat_tokens_take(tokens, "KEY");
    } else if (leat_tokens_take(tokens, "KEY")) {
        column->is_key = true;
    } else if (leat_tokens_take(tokens, "COLUMN_FORMAT") || leat_tokens_take(tokens, "STORAGE") ||
               leat_tokens_take(tokens, "REFERENCES") || leat_tokens_take(tokens, "CONSTRAINT")) {
        if (!leat_tokens_is(tokens, "CHECK"))
            leat_tokens_next(tokens);
    } else {
        leat_tokens_skip(tokens);
    }
}

static bool is_end(const struct leat_tokens *tokens)
{
    return tokens->kind == LEAT_TOKEN_END || leat_tokens_is_sign(tokens, ',') || leat_tokens_is_sign(tokens, ')');
}

bool leat_ddl_column(struct leat_ddl_reader *reader, struct leat_ddl_column *column, enum leat_ddl_place *place,
                     const char **after)
{
    struct leat_tokens *tokens = &reader->tokens;
    struct leat_ddl_type type;
    *column = (struct leat_ddl_column){.is_nullable = true};
    *place = LEAT_DDL_LEFT_THERE;
    *after = NULL;
    column->name = leat_ddl_word(reader);
    if (!column->name || (tokens->sql_mode & LEAT_SQL_ORACLE) || !leat_ddl_type_take(&type, tokens, reader->arena))
        return false;
    column->is_nullable = !type.is_not_null;
    while (!is_end(tokens) && *place == LEAT_DDL_LEFT_THERE) {
        if (leat_tokens_take(tokens, "FIRST"))
            *place = LEAT_DDL_FIRST;
        else if (leat_tokens_take(tokens, "AFTER")) {
            *place = LEAT_DDL_AFTER;
            *after = leat_ddl_word(reader);
        } else
            take_attribute(reader, &type, column);
    }
    bool is_json = column->is_json;
    leat_ddl_type_describe(&type, tokens, column, reader->arena);
    column->is_json = column->is_json || is_json;
    column->is_nullable = column->is_nullable && !column->is_key;
    if (column->charset && strcmp(column->charset, "binary") == 0)
        leat_ddl_settle(column, "binary", reader->arena);
    return *place != LEAT_DDL_AFTER || *after;
}

/* ---- types by charset ---- */

static const char *const texts[] = {"tinytext", "text", "mediumtext", "longtext"};
static const char *const blobs[] = {"tinyblob", "blob", "mediumblob", "longblob"};
static const uint64_t most_bytes[] = {UINT8_MAX, UINT16_MAX, (1u << 24) - 1, UINT32_MAX};

static int find(const char *const names[4], const char *name)
{
    for (int i = 0; i < 4; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static int smallest_for(uint64_t bytes)
{
    int i = 0;
    while (i < 3 && most_bytes[i] < bytes)
        i++;
    return i;
}

static void rename_type(struct leat_ddl_column *column, const char *name, struct leat_arena *arena)
{
    const char *rest = column->type + strlen(column->data_type);
    column->type = leat_arena_format(arena, "%s%s", name, rest);
    column->data_type = name;
}

static unsigned max_bytes(const char *charset)
{
    unsigned bytes = leat_charset_max_bytes(leat_charset_collation(charset, strlen(charset)));
    return bytes > 0 ? bytes : 1;
}

void leat_ddl_settle(struct leat_ddl_column *column, const char *charset, struct leat_arena *arena)
{
    if (!column->charset)
        column->charset = charset;
    bool is_binary = strcmp(column->charset, "binary") == 0;
    int text = find(texts, column->data_type);
    if (column->length && text >= 0)
        text = smallest_for(column->length < UINT32_MAX / 4 ? column->length * max_bytes(column->charset) : UINT32_MAX);
    if (text >= 0)
        rename_type(column, is_binary ? blobs[text] : texts[text], arena);
    else if (column->length && find(blobs, column->data_type) >= 0)
        rename_type(column, blobs[smallest_for(column->length)], arena);
    else if (is_binary && strcmp(column->data_type, "char") == 0)
        rename_type(column, "binary", arena);
    else if (is_binary && strcmp(column->data_type, "varchar") == 0)
        rename_type(column, "varbinary", arena);
    column->length = 0;
    if (is_binary && strcmp(column->data_type, "enum") != 0 && strcmp(column->data_type, "set") != 0)
        column->charset = "";
}

void leat_ddl_convert(struct leat_ddl_column *column, const char *charset, struct leat_arena *arena)
{
    int text = find(texts, column->data_type);
    if (column->charset[0] == '\0')
        return;
    if (text >= 0 && most_bytes[text] / max_bytes(column->charset) > 0)
        column->length = most_bytes[text] / max_bytes(column->charset);
    column->charset = NULL;
    leat_ddl_settle(column, charset, arena);
}
