#include <mysql/schema_file.h>

#include <base/os.h>
#include <errno.h>
#include <mysql/follow.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)256 << 20)

struct schema_file {
    const char *path, *text;
    struct tables *tables;
    uint32_t version;
    struct leat_arena arena; /* of one statement */
    char database[260];      /* USE */
};

static size_t line_of(const struct schema_file *file, const char *at)
{
    size_t line = 1;
    for (const char *c = file->text; c < at; c++)
        line += *c == '\n';
    return line;
}

static enum leat_status take_step(struct schema_file *file, const struct leat_ddl_step *step,
                                  const char *at, struct leat_error *err)
{
    struct followed followed;
    if (!step->name.database && !file->database[0] && step->name.table)
        return leat_fail(
            err, LEAT_STOP,
            "%s: line %zu: of which database is `%s`? A line `USE name;` before it says so",
            file->path, line_of(file, at), step->name.table);
    enum leat_status status = tables_follow(file->tables, step, file->database, &followed, err);
    const struct table *table = followed.table;
    if (status == LEAT_OK && table && step->kind != LEAT_DDL_DROP_TABLE &&
        step->kind != LEAT_DDL_RENAME && !table->is_known)
        status = leat_fail(err, LEAT_STOP,
                           "%s: line %zu: what %s looks like cannot be told from this statement "
                           "and those before it; does it say "
                           "its CHARSET?",
                           file->path, line_of(file, at), table->full);
    return status;
}

static enum leat_status take_statement(struct schema_file *file, const char *text, size_t len,
                                       struct leat_error *err)
{
    struct leat_ddl ddl;
    enum leat_status status = LEAT_OK;
    leat_ddl_read(&ddl, text, len, 0, file->version, file->tables->is_mariadb, &file->arena);
    for (const struct leat_ddl_step *step = ddl.steps; step && status == LEAT_OK; step = step->next)
        status = take_step(file, step, text, err);
    return status;
}

/* Of a client, not of a server: behind it a routine or trigger follows, up to the line that takes
 * it back. */
static const char *behind_delimiter(const char *at, const char *end)
{
    static const char back[] = "\nDELIMITER ;";
    const char *found = memmem(at, (size_t)(end - at), back, sizeof back - 1);
    return found ? found + sizeof back - 1 : end;
}

static void use(struct schema_file *file, struct leat_tokens *tokens)
{
    snprintf(file->database, sizeof file->database, "%s", leat_tokens_text(tokens, &file->arena));
}

/* Takes one statement; returns where the next one begins. */
static const char *next_statement(struct schema_file *file, const char *begin, const char *end,
                                  enum leat_status *status, struct leat_error *err)
{
    struct leat_tokens tokens;
    leat_tokens_init(&tokens, begin, (size_t)(end - begin), 0, file->version,
                     file->tables->is_mariadb);
    if (leat_tokens_is(&tokens, "DELIMITER"))
        return behind_delimiter(tokens.text, end);
    const char *first = tokens.kind == LEAT_TOKEN_END ? end : tokens.text;
    if (leat_tokens_take(&tokens, "USE") && tokens.kind != LEAT_TOKEN_END)
        use(file, &tokens);
    while (tokens.kind != LEAT_TOKEN_END && !leat_tokens_is_sign(&tokens, ';'))
        leat_tokens_next(&tokens);
    const char *limit = tokens.kind == LEAT_TOKEN_END ? end : tokens.text;
    if (tokens.is_bad)
        *status = leat_fail(err, LEAT_STOP, "%s: line %zu: a quote or a comment does not end",
                            file->path, line_of(file, first));
    else if (first < limit)
        *status = take_statement(file, begin, (size_t)(limit - begin), err);
    return limit < end ? limit + 1 : end;
}

enum leat_status schema_file_read(const char *path, struct tables *tables, uint32_t version,
                                  struct leat_error *err)
{
    struct schema_file file = {.path = path, .tables = tables, .version = version};
    enum leat_status status = LEAT_OK;
    char *text;
    size_t len;
    if (!leat_os_read_file(leat_os, path, FILE_MAX, &text, &len))
        return leat_fail(err, LEAT_STOP, "schema_file %s cannot be read: %s", path,
                         strerror(errno));
    file.text = text;
    for (const char *at = text; at < text + len && status == LEAT_OK;) {
        leat_arena_init(&file.arena, 0);
        at = next_statement(&file, at, text + len, &status, err);
        leat_arena_fini(&file.arena);
    }
    free(text);
    return status;
}
