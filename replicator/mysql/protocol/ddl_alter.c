/* ddl_alter.c - definitions in brackets, and the items of ALTER TABLE. */
#include <mysql_protocol/ddl_internal.h>

/* ---- keys ---- */

#define KEY_COLUMNS_MAX 64 /* more than either server takes */

/* "USING BTREE (a, b(10) DESC)" */
static void take_key_columns(struct leat_ddl_reader *reader, struct leat_ddl_step *step)
{
    struct leat_tokens *tokens = &reader->tokens;
    while (tokens->kind != LEAT_TOKEN_END && !leat_tokens_is_sign(tokens, '(') && !leat_tokens_is_sign(tokens, ','))
        leat_tokens_next(tokens);
    step->sets_key = true;
    step->key_count = 0;
    step->key = leat_arena_alloc(reader->arena, KEY_COLUMNS_MAX * sizeof *step->key);
    if (!leat_tokens_take_sign(tokens, '('))
        return;
    do {
        const char *name = leat_ddl_word(reader);
        if (name && step->key_count < KEY_COLUMNS_MAX)
            step->key[step->key_count++] = name;
        leat_ddl_skip_item(reader);
    } while (leat_tokens_take_sign(tokens, ','));
    leat_tokens_take_sign(tokens, ')');
}

static bool is_index(const struct leat_tokens *tokens)
{
    static const char *const words[] = {"INDEX", "KEY", "UNIQUE", "FULLTEXT", "SPATIAL", "FOREIGN", "CHECK"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (leat_tokens_is(tokens, words[i]))
            return true;
    return false;
}

/* Words that are no keywords by themselves: a column may be called so. */
static bool takes_index_of_two_words(struct leat_tokens *tokens)
{
    return leat_tokens_take_two(tokens, "VECTOR", "INDEX") || leat_tokens_take_two(tokens, "VECTOR", "KEY") ||
           leat_tokens_take_two(tokens, "PERIOD", "FOR");
}

bool leat_ddl_key(struct leat_ddl_reader *reader, struct leat_ddl_step *step)
{
    struct leat_tokens *tokens = &reader->tokens;
    bool is_constraint = leat_tokens_take(tokens, "CONSTRAINT");
    if (is_constraint) {
        if (leat_tokens_take(tokens, "IF"))
            leat_tokens_take_two(tokens, "NOT", "EXISTS");
        if (!leat_tokens_is(tokens, "PRIMARY") && !is_index(tokens))
            leat_tokens_next(tokens); /* its name */
    }
    if (leat_tokens_take(tokens, "PRIMARY"))
        take_key_columns(reader, step);
    else if (!is_constraint && !is_index(tokens) && !takes_index_of_two_words(tokens))
        return false;
    leat_ddl_skip_item(reader);
    return true;
}

/* ---- columns ---- */

static void read_column(struct leat_ddl_reader *reader, struct leat_ddl_step *step, bool is_conditional)
{
    struct leat_ddl_change *change = leat_ddl_add_change(reader, step, LEAT_DDL_ADD);
    change->is_conditional = is_conditional;
    if (!leat_ddl_column(reader, &change->column, &change->place, &change->after)) {
        step->is_unclear = true;
        leat_ddl_skip_item(reader);
    }
}

void leat_ddl_definitions(struct leat_ddl_reader *reader, struct leat_ddl_step *step)
{
    struct leat_tokens *tokens = &reader->tokens;
    do {
        if (!leat_ddl_key(reader, step))
            read_column(reader, step, false);
        leat_ddl_skip_item(reader);
    } while (leat_tokens_take_sign(tokens, ','));
    if (!leat_tokens_take_sign(tokens, ')'))
        step->is_unclear = true;
}

static bool take_if_exists(struct leat_tokens *tokens)
{
    if (!leat_tokens_take(tokens, "IF"))
        return false;
    leat_tokens_take(tokens, "NOT");
    leat_tokens_take(tokens, "EXISTS");
    return true;
}

/* ADD, DROP, REORGANIZE ... PARTITION stand alone, and their commas part partitions. */
static void skip_rest(struct leat_ddl_reader *reader)
{
    while (reader->tokens.kind != LEAT_TOKEN_END)
        leat_tokens_next(&reader->tokens);
}

static void read_add(struct leat_ddl_reader *reader, struct leat_ddl_step *step)
{
    struct leat_tokens *tokens = &reader->tokens;
    if (leat_tokens_take(tokens, "PARTITION")) {
        skip_rest(reader);
        return;
    }
    if (leat_tokens_take_two(tokens, "SYSTEM", "VERSIONING"))
        return;
    bool is_column = leat_tokens_take(tokens, "COLUMN");
    bool is_conditional = take_if_exists(tokens);
    if (leat_tokens_take_sign(tokens, '('))
        leat_ddl_definitions(reader, step);
    else if (is_column || !leat_ddl_key(reader, step))
        read_column(reader, step, is_conditional);
}

static void read_change(struct leat_ddl_reader *reader, struct leat_ddl_step *step, bool is_modify)
{
    struct leat_tokens *tokens = &reader->tokens;
    leat_tokens_take(tokens, "COLUMN");
    bool is_conditional = take_if_exists(tokens);
    struct leat_ddl_change *change = leat_ddl_add_change(reader, step, LEAT_DDL_CHANGE);
    change->is_conditional = is_conditional;
    if (!is_modify)
        change->old = leat_ddl_word(reader);
    if (!leat_ddl_column(reader, &change->column, &change->place, &change->after)) {
        step->is_unclear = true;
        leat_ddl_skip_item(reader);
    }
    if (is_modify)
        change->old = change->column.name;
    step->is_unclear = step->is_unclear || !change->old;
}

/* ---- DROP ---- */

static bool is_primary(struct leat_ddl_reader *reader)
{
    const char *name = leat_ddl_word(reader);
    return name && strcmp(name, "PRIMARY") == 0;
}

static void read_drop(struct leat_ddl_reader *reader, struct leat_ddl_step *step)
{
    struct leat_tokens *tokens = &reader->tokens;
    if (leat_tokens_take(tokens, "PARTITION")) {
        step->loses_rows = true;
        skip_rest(reader);
    } else if (leat_tokens_take(tokens, "PRIMARY")) {
        leat_tokens_take(tokens, "KEY");
        step->drops_key = true;
    } else if (leat_tokens_take(tokens, "INDEX") || leat_tokens_take(tokens, "KEY") || leat_tokens_take(tokens, "CONSTRAINT")) {
        take_if_exists(tokens);
        step->drops_key = step->drops_key || is_primary(reader);
    } else if (leat_tokens_take(tokens, "FOREIGN") || leat_tokens_take(tokens, "CHECK") ||
               leat_tokens_take_two(tokens, "SYSTEM", "VERSIONING") || leat_tokens_take_two(tokens, "PERIOD", "FOR")) {
        leat_ddl_skip_item(reader);
    } else {
        leat_tokens_take(tokens, "COLUMN");
        bool is_conditional = take_if_exists(tokens);
        struct leat_ddl_change *change = leat_ddl_add_change(reader, step, LEAT_DDL_DROP);
        change->is_conditional = is_conditional;
        change->old = leat_ddl_word(reader);
        step->is_unclear = step->is_unclear || !change->old;
    }
    leat_ddl_skip_item(reader);
}

/* ---- RENAME, CONVERT ---- */

static void read_rename(struct leat_ddl_reader *reader, struct leat_ddl_step *step, struct leat_ddl_name *renamed)
{
    struct leat_tokens *tokens = &reader->tokens;
    if (leat_tokens_take(tokens, "COLUMN")) {
        bool is_conditional = take_if_exists(tokens);
        struct leat_ddl_change *change = leat_ddl_add_change(reader, step, LEAT_DDL_RENAME_COLUMN);
        change->is_conditional = is_conditional;
        change->old = leat_ddl_word(reader);
        leat_tokens_take(tokens, "TO");
        change->column.name = leat_ddl_word(reader);
        step->is_unclear = step->is_unclear || !change->old || !change->column.name;
    } else if (!leat_tokens_take(tokens, "INDEX") && !leat_tokens_take(tokens, "KEY")) {
        if (!leat_tokens_take(tokens, "TO") && !leat_tokens_take(tokens, "AS"))
            leat_tokens_take_sign(tokens, '=');
        leat_ddl_name(reader, renamed);
    }
    leat_ddl_skip_item(reader);
}

static void add_like(struct leat_ddl_reader *reader, const struct leat_ddl_step *like, const struct leat_ddl_name *name)
{
    struct leat_ddl_step *step = leat_ddl_add_step(reader, LEAT_DDL_CREATE);
    step->name = *name;
    step->other = like->name;
}

/* CONVERT TO CHARACTER SET x. MariaDB: CONVERT PARTITION p TO TABLE t, CONVERT TABLE t TO PARTITION p. */
static void read_convert(struct leat_ddl_reader *reader, struct leat_ddl_step *step)
{
    struct leat_tokens *tokens = &reader->tokens;
    struct leat_ddl_name name;
    if (leat_tokens_take(tokens, "TO")) {
        const char *charset = leat_ddl_charset(reader);
        step->convert_to = charset;
        step->charset = charset;
        step->is_unclear = step->is_unclear || !charset;
        leat_ddl_charset(reader); /* COLLATE */
    } else if (leat_tokens_take(tokens, "PARTITION")) {
        step->loses_rows = true;
        while (tokens->kind != LEAT_TOKEN_END && !leat_tokens_take(tokens, "TABLE"))
            leat_tokens_next(tokens);
        if (leat_ddl_name(reader, &name))
            add_like(reader, step, &name);
        skip_rest(reader);
    } else if (leat_tokens_take(tokens, "TABLE")) {
        step->loses_rows = true;
        if (leat_ddl_name(reader, &name))
            leat_ddl_add_step(reader, LEAT_DDL_DROP_TABLE)->name = name;
        skip_rest(reader);
    }
    leat_ddl_skip_item(reader);
}

/* ---- all else ---- */

/* Table options have commas between them, or none; ORDER BY has columns. */
static void read_option(struct leat_ddl_reader *reader, struct leat_ddl_step *step)
{
    struct leat_tokens *tokens = &reader->tokens;
    while (tokens->kind != LEAT_TOKEN_END && !leat_tokens_is_sign(tokens, ',')) {
        struct leat_tokens before = *tokens;
        const char *charset = leat_ddl_charset(reader);
        if (charset && *charset)
            step->charset = charset;
        if (tokens->text == before.text)
            leat_tokens_skip(tokens);
    }
}

/* TRUNCATE, EXCHANGE, REORGANIZE ... PARTITION, PARTITION BY: they end the statement. */
static bool take_partitions(struct leat_ddl_reader *reader, struct leat_ddl_step *step)
{
    struct leat_tokens *tokens = &reader->tokens;
    bool loses_rows = leat_tokens_is(tokens, "TRUNCATE") || leat_tokens_is(tokens, "EXCHANGE") ||
                      leat_tokens_is(tokens, "DISCARD") || leat_tokens_is(tokens, "IMPORT");
    struct leat_tokens next = *tokens;
    leat_tokens_next(&next);
    bool is_it = leat_tokens_is(tokens, "PARTITION") || leat_tokens_is(&next, "PARTITION");
    if (!is_it)
        return false;
    step->loses_rows = step->loses_rows || loses_rows;
    skip_rest(reader);
    return true;
}

/* What changes no column. */
static bool is_harmless(const struct leat_tokens *tokens)
{
    static const char *const words[] = {"ALTER", "ENGINE", "AUTO_INCREMENT", "COMMENT", "ROW_FORMAT", "ALGORITHM", "LOCK",
                                        "FORCE", "ENABLE", "DISABLE", "ORDER", "DEFAULT", "CHARACTER", "CHARSET", "COLLATE",
                                        "REMOVE", "UPGRADE", "WITH", "WITHOUT", "TABLESPACE", "UNION", "SECONDARY_LOAD",
                                        "SECONDARY_UNLOAD", "DISCARD", "IMPORT", "NOWAIT", "WAIT"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (leat_tokens_is(tokens, words[i]))
            return true;
    struct leat_tokens next = *tokens;
    leat_tokens_next(&next);
    return leat_tokens_is_sign(&next, '=') || tokens->kind == LEAT_TOKEN_END || leat_tokens_is_sign(tokens, ';');
}

static void read_item(struct leat_ddl_reader *reader, struct leat_ddl_step *step, struct leat_ddl_name *renamed)
{
    struct leat_tokens *tokens = &reader->tokens;
    if (leat_tokens_take(tokens, "ADD"))
        read_add(reader, step);
    else if (leat_tokens_take(tokens, "DROP"))
        read_drop(reader, step);
    else if (leat_tokens_take(tokens, "MODIFY"))
        read_change(reader, step, true);
    else if (leat_tokens_take(tokens, "CHANGE"))
        read_change(reader, step, false);
    else if (leat_tokens_take(tokens, "RENAME"))
        read_rename(reader, step, renamed);
    else if (leat_tokens_take(tokens, "CONVERT"))
        read_convert(reader, step);
    else if (!take_partitions(reader, step)) {
        step->is_unclear = step->is_unclear || !is_harmless(tokens);
        read_option(reader, step);
    }
    leat_ddl_skip_item(reader);
}

void leat_ddl_alter(struct leat_ddl_reader *reader, struct leat_ddl_step *step)
{
    struct leat_ddl_name renamed = {0};
    do
        read_item(reader, step, &renamed);
    while (leat_tokens_take_sign(&reader->tokens, ','));
    step->is_unclear = step->is_unclear || reader->tokens.kind != LEAT_TOKEN_END;
    if (!renamed.table)
        return;
    struct leat_ddl_step *rename = leat_ddl_add_step(reader, LEAT_DDL_RENAME);
    rename->name = step->name;
    rename->other = renamed;
}
