/* ddl.c - statements: which tables they create, drop, rename, and what they hand on to ddl_alter.c. */
#include <mysql_protocol/ddl.h>

#include <mysql_protocol/ddl_internal.h>

struct leat_ddl_step *leat_ddl_add_step(struct leat_ddl_reader *reader, enum leat_ddl_kind kind)
{
    struct leat_ddl_step *step = leat_arena_zeroed(reader->arena, sizeof *step);
    step->kind = kind;
    *reader->last = step;
    reader->last = &step->next;
    reader->change_room = 0;
    return step;
}

struct leat_ddl_change *leat_ddl_add_change(struct leat_ddl_reader *reader, struct leat_ddl_step *step,
                                            enum leat_ddl_change_kind kind)
{
    if (step->change_count == reader->change_room) {
        reader->change_room = reader->change_room ? 2 * reader->change_room : 16;
        struct leat_ddl_change *room = leat_arena_alloc(reader->arena, reader->change_room * sizeof *room);
        if (step->change_count > 0)
            memcpy(room, step->changes, step->change_count * sizeof *room);
        step->changes = room;
    }
    struct leat_ddl_change *change = &step->changes[step->change_count++];
    *change = (struct leat_ddl_change){.kind = kind};
    return change;
}

bool leat_ddl_name(struct leat_ddl_reader *reader, struct leat_ddl_name *name)
{
    leat_tokens_take_sign(&reader->tokens, '.'); /* ".t" is a table of the session's database */
    *name = (struct leat_ddl_name){.table = leat_ddl_word(reader)};
    if (name->table && leat_tokens_take_sign(&reader->tokens, '.')) {
        name->database = name->table;
        name->table = leat_ddl_word(reader);
    }
    return name->table != NULL;
}

void leat_ddl_skip_item(struct leat_ddl_reader *reader)
{
    struct leat_tokens *tokens = &reader->tokens;
    while (tokens->kind != LEAT_TOKEN_END && !leat_tokens_is_sign(tokens, ',') && !leat_tokens_is_sign(tokens, ')'))
        leat_tokens_skip(tokens);
}

static bool take_if_exists(struct leat_tokens *tokens)
{
    if (!leat_tokens_take(tokens, "IF"))
        return false;
    leat_tokens_take(tokens, "NOT");
    leat_tokens_take(tokens, "EXISTS");
    return true;
}

/* MariaDB: how long to wait for a lock. */
static void take_wait(struct leat_tokens *tokens)
{
    if (leat_tokens_take(tokens, "WAIT"))
        leat_tokens_next(tokens);
    else
        leat_tokens_take(tokens, "NOWAIT");
}

/* ---- CREATE ---- */

static bool is_query(const struct leat_tokens *tokens)
{
    static const char *const words[] = {"SELECT", "WITH", "VALUES", "TABLE"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (leat_tokens_is(tokens, words[i]))
            return true;
    return false;
}

static bool take_like(struct leat_ddl_reader *reader, struct leat_ddl_step *step)
{
    struct leat_tokens before = reader->tokens;
    leat_tokens_take_sign(&reader->tokens, '(');
    if (leat_tokens_take(&reader->tokens, "LIKE") && leat_ddl_name(reader, &step->other))
        return true;
    reader->tokens = before;
    return false;
}

/* Behind the columns: options, partitions, SELECT. WITH may be SYSTEM VERSIONING, which adds columns. */
static void read_table_options(struct leat_ddl_reader *reader, struct leat_ddl_step *step)
{
    struct leat_tokens *tokens = &reader->tokens;
    while (tokens->kind != LEAT_TOKEN_END) {
        struct leat_tokens before = *tokens;
        const char *charset = leat_ddl_charset(reader);
        if (charset && *charset)
            step->charset = charset;
        if (tokens->text != before.text)
            continue;
        bool is_open = leat_tokens_take_sign(tokens, '(');
        if (is_query(tokens))
            step->is_unclear = true;
        if (is_open)
            *tokens = before;
        leat_tokens_skip(tokens);
    }
}

static void read_create_table(struct leat_ddl_reader *reader, bool replaces, bool is_temporary)
{
    struct leat_tokens *tokens = &reader->tokens;
    bool is_conditional = take_if_exists(tokens);
    struct leat_ddl_name name;
    if (!leat_ddl_name(reader, &name) || is_temporary)
        return;
    struct leat_ddl_step *step = leat_ddl_add_step(reader, LEAT_DDL_CREATE);
    step->name = name;
    step->replaces = replaces;
    step->is_conditional = is_conditional;
    if (take_like(reader, step))
        return;
    struct leat_tokens before = *tokens;
    bool has_columns = leat_tokens_take_sign(tokens, '(') && !is_query(tokens) && !leat_tokens_is_sign(tokens, '(');
    if (has_columns)
        leat_ddl_definitions(reader, step);
    else
        *tokens = before;
    read_table_options(reader, step);
    step->is_unclear = step->is_unclear || step->change_count == 0;
}

static void read_database(struct leat_ddl_reader *reader)
{
    struct leat_tokens *tokens = &reader->tokens;
    bool is_conditional = take_if_exists(tokens);
    struct leat_ddl_step *step = leat_ddl_add_step(reader, LEAT_DDL_DATABASE);
    step->is_conditional = is_conditional;
    if (!leat_tokens_is(tokens, "CHARACTER") && !leat_tokens_is(tokens, "CHARSET") && !leat_tokens_is(tokens, "COLLATE") &&
        !leat_tokens_is(tokens, "DEFAULT"))
        step->name.database = leat_ddl_word(reader);
    read_table_options(reader, step);
}

static void read_create(struct leat_ddl_reader *reader)
{
    struct leat_tokens *tokens = &reader->tokens;
    bool replaces = leat_tokens_take_two(tokens, "OR", "REPLACE");
    bool is_temporary = leat_tokens_take(tokens, "TEMPORARY");
    if (leat_tokens_take(tokens, "TABLE")) {
        read_create_table(reader, replaces, is_temporary);
    } else if (leat_tokens_take(tokens, "SEQUENCE")) { /* MariaDB: a table of one row */
        read_create_table(reader, replaces, is_temporary);
    } else if (leat_tokens_take(tokens, "DATABASE") || leat_tokens_take(tokens, "SCHEMA")) {
        struct leat_ddl_step *dropped = replaces ? leat_ddl_add_step(reader, LEAT_DDL_DROP_DATABASE) : NULL;
        read_database(reader);
        if (dropped)
            dropped->name.database = dropped->next->name.database;
    }
}

/* ---- DROP, RENAME, TRUNCATE ---- */

/* DROP INDEX `PRIMARY` ON t */
static void read_drop_index(struct leat_ddl_reader *reader)
{
    struct leat_tokens *tokens = &reader->tokens;
    struct leat_ddl_name index, name;
    take_if_exists(tokens);
    if (!leat_ddl_name(reader, &index) || strcmp(index.table, "PRIMARY") != 0 || !leat_tokens_take(tokens, "ON") ||
        !leat_ddl_name(reader, &name))
        return;
    struct leat_ddl_step *step = leat_ddl_add_step(reader, LEAT_DDL_ALTER);
    step->name = name;
    step->drops_key = true;
}

static void read_drop_tables(struct leat_ddl_reader *reader)
{
    struct leat_tokens *tokens = &reader->tokens;
    bool is_conditional = take_if_exists(tokens);
    struct leat_ddl_name name;
    while (leat_ddl_name(reader, &name)) {
        struct leat_ddl_step *step = leat_ddl_add_step(reader, LEAT_DDL_DROP_TABLE);
        step->name = name;
        step->is_conditional = is_conditional;
        if (!leat_tokens_take_sign(tokens, ','))
            return;
    }
}

static void read_drop(struct leat_ddl_reader *reader)
{
    struct leat_tokens *tokens = &reader->tokens;
    if (leat_tokens_take(tokens, "TABLE") || leat_tokens_take(tokens, "TABLES") || leat_tokens_take(tokens, "SEQUENCE")) {
        read_drop_tables(reader);
    } else if (leat_tokens_take(tokens, "DATABASE") || leat_tokens_take(tokens, "SCHEMA")) {
        take_if_exists(tokens);
        const char *database = leat_ddl_word(reader);
        if (database)
            leat_ddl_add_step(reader, LEAT_DDL_DROP_DATABASE)->name.database = database;
    } else if (leat_tokens_take(tokens, "INDEX")) {
        read_drop_index(reader);
    }
}

static void read_rename(struct leat_ddl_reader *reader)
{
    struct leat_tokens *tokens = &reader->tokens;
    struct leat_ddl_name from, to;
    if (!leat_tokens_take(tokens, "TABLE") && !leat_tokens_take(tokens, "TABLES"))
        return;
    bool is_conditional = take_if_exists(tokens);
    while (leat_ddl_name(reader, &from)) {
        take_wait(tokens);
        if (!leat_tokens_take(tokens, "TO") || !leat_ddl_name(reader, &to))
            return;
        struct leat_ddl_step *step = leat_ddl_add_step(reader, LEAT_DDL_RENAME);
        step->name = from;
        step->other = to;
        step->is_conditional = is_conditional;
        if (!leat_tokens_take_sign(tokens, ','))
            return;
    }
}

static void read_truncate(struct leat_ddl_reader *reader)
{
    struct leat_ddl_name name;
    leat_tokens_take(&reader->tokens, "TABLE");
    if (leat_ddl_name(reader, &name))
        leat_ddl_add_step(reader, LEAT_DDL_TRUNCATE)->name = name;
}

/* ---- ALTER ---- */

static void read_alter(struct leat_ddl_reader *reader)
{
    struct leat_tokens *tokens = &reader->tokens;
    while (leat_tokens_take(tokens, "ONLINE") || leat_tokens_take(tokens, "OFFLINE") || leat_tokens_take(tokens, "IGNORE"))
        ;
    if (leat_tokens_take(tokens, "DATABASE") || leat_tokens_take(tokens, "SCHEMA")) {
        read_database(reader);
        return;
    }
    if (!leat_tokens_take(tokens, "TABLE"))
        return;
    bool is_conditional = take_if_exists(tokens);
    struct leat_ddl_name name;
    if (!leat_ddl_name(reader, &name))
        return;
    struct leat_ddl_step *step = leat_ddl_add_step(reader, LEAT_DDL_ALTER);
    step->name = name;
    step->is_conditional = is_conditional;
    take_wait(tokens);
    leat_ddl_alter(reader, step);
}

/* MariaDB: SET STATEMENT max_statement_time = 0 FOR ALTER TABLE ... */
static void skip_set_statement(struct leat_tokens *tokens)
{
    if (!leat_tokens_take_two(tokens, "SET", "STATEMENT"))
        return;
    while (tokens->kind != LEAT_TOKEN_END && !leat_tokens_take(tokens, "FOR"))
        leat_tokens_skip(tokens);
}

void leat_ddl_read(struct leat_ddl *ddl, const char *text, size_t len, uint64_t sql_mode, uint32_t version,
                   bool is_mariadb, struct leat_arena *arena)
{
    struct leat_ddl_reader reader = {.arena = arena, .last = &ddl->steps};
    *ddl = (struct leat_ddl){0};
    leat_tokens_init(&reader.tokens, text, len, sql_mode, version, is_mariadb);
    skip_set_statement(&reader.tokens);
    if (leat_tokens_take(&reader.tokens, "CREATE"))
        read_create(&reader);
    else if (leat_tokens_take(&reader.tokens, "ALTER"))
        read_alter(&reader);
    else if (leat_tokens_take(&reader.tokens, "DROP"))
        read_drop(&reader);
    else if (leat_tokens_take(&reader.tokens, "RENAME"))
        read_rename(&reader);
    else if (leat_tokens_take(&reader.tokens, "TRUNCATE"))
        read_truncate(&reader);
    ddl->is_bad = reader.tokens.is_bad;
    for (struct leat_ddl_step *step = ddl->steps; ddl->is_bad && step; step = step->next)
        step->is_unclear = true;
}
