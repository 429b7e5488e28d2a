#include <mysql/statement.h>

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct cursor {
    const char *at, *end;
};

static void skip_to(struct cursor *cursor, const char *mark)
{
    size_t len = strlen(mark);
    while (cursor->at < cursor->end &&
           ((size_t)(cursor->end - cursor->at) < len || memcmp(cursor->at, mark, len) != 0))
        cursor->at++;
    cursor->at = (size_t)(cursor->end - cursor->at) >= len ? cursor->at + len : cursor->end;
}

/* White space and comments; of the executable ones, the marks alone. */
static void skip_blank(struct cursor *cursor)
{
    for (;;) {
        size_t left = (size_t)(cursor->end - cursor->at);
        if (left > 0 && isspace((unsigned char)*cursor->at)) {
            cursor->at++;
        } else if ((left > 2 && memcmp(cursor->at, "/*!", 3) == 0) || (left > 3 && memcmp(cursor->at, "/*M!", 4) == 0)) {
            cursor->at += cursor->at[2] == 'M' ? 4 : 3;
            while (cursor->at < cursor->end && isdigit((unsigned char)*cursor->at))
                cursor->at++;
        } else if (left > 1 && memcmp(cursor->at, "/*", 2) == 0) {
            skip_to(cursor, "*/");
        } else if (left > 1 && memcmp(cursor->at, "*/", 2) == 0) {
            cursor->at += 2;
        } else if (left > 0 && (*cursor->at == '#' || (left > 2 && memcmp(cursor->at, "-- ", 3) == 0))) {
            skip_to(cursor, "\n");
        } else {
            return;
        }
    }
}

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* True while the word goes on at the cursor; a doubled quote stands for one, of which the cursor is at the second then. */
static bool is_within_word(struct cursor *cursor, char quote)
{
    if (cursor->at == cursor->end)
        return false;
    if (!quote)
        return is_word_char(*cursor->at);
    if (*cursor->at != quote)
        return true;
    if (cursor->at + 1 == cursor->end || cursor->at[1] != quote)
        return false;
    cursor->at++;
    return true;
}

/* A word or a quoted name, with ANSI_QUOTES in double quotes; "" at anything else. */
static void take_word(struct cursor *cursor, char *word, size_t size)
{
    size_t len = 0;
    char quote = '\0';
    skip_blank(cursor);
    if (cursor->at < cursor->end && (*cursor->at == '`' || *cursor->at == '"'))
        quote = *cursor->at++;
    for (; is_within_word(cursor, quote); cursor->at++)
        if (len + 1 < size)
            word[len++] = *cursor->at;
    if (quote && cursor->at < cursor->end)
        cursor->at++;
    word[len] = '\0';
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcasecmp(word, *words) == 0)
            return true;
    return false;
}

/* MariaDB: SET STATEMENT max_statement_time = 0 FOR ALTER TABLE ... */
static void skip_set_statement(struct cursor *cursor)
{
    struct cursor ahead = *cursor;
    char word[64];
    take_word(&ahead, word, sizeof word);
    if (strcasecmp(word, "SET") != 0)
        return;
    take_word(&ahead, word, sizeof word);
    if (strcasecmp(word, "STATEMENT") != 0)
        return;
    do {
        take_word(&ahead, word, sizeof word);
        if (!word[0] && ahead.at < ahead.end)
            ahead.at++;
    } while (ahead.at < ahead.end && strcasecmp(word, "FOR") != 0);
    *cursor = ahead;
}

/* ANALYZE FORMAT = JSON UPDATE ...: the word of the statement. */
static const char *skip_format(struct cursor *cursor, char *word, size_t size)
{
    if (strcasecmp(word, "FORMAT") != 0)
        return word;
    skip_blank(cursor);
    if (cursor->at < cursor->end && *cursor->at == '=')
        cursor->at++;
    take_word(cursor, word, size);
    take_word(cursor, word, size);
    return word;
}

enum statement_kind statement_read(const char *text, size_t len)
{
    static const char *const ends[] = {"COMMIT", "ROLLBACK", NULL};
    static const char *const within[] = {"SAVEPOINT", "RELEASE", "SET", "FLUSH", "ANALYZE", "OPTIMIZE", "REPAIR", "GRANT",
                                         "REVOKE", "USE", "XA", NULL};
    static const char *const changes[] = {"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "CALL",
                                          "WITH",   "SELECT", "DO", /* of functions that write */ NULL};
    struct cursor cursor = {text, text + len};
    char word[64], next[64];
    skip_set_statement(&cursor);
    take_word(&cursor, word, sizeof word);
    struct cursor behind = cursor;
    take_word(&behind, next, sizeof next);
    if (!word[0] && cursor.at == cursor.end)
        return STATEMENT_WITHIN; /* a comment: what a server puts in the place of an event that it keeps back */
    if (strcasecmp(word, "BEGIN") == 0 || strcasecmp(word, "START") == 0)
        return STATEMENT_BEGIN;
    if (is_one_of(word, ends))
        return strcasecmp(next, "TO") == 0 ? STATEMENT_WITHIN : STATEMENT_COMMIT; /* ROLLBACK TO savepoint */
    if (strcasecmp(word, "ANALYZE") == 0 && is_one_of(skip_format(&behind, next, sizeof next), changes))
        return STATEMENT_CHANGE; /* MariaDB's ANALYZE runs the statement */
    if (is_one_of(word, within))
        return STATEMENT_WITHIN;
    return is_one_of(word, changes) ? STATEMENT_CHANGE : STATEMENT_DDL;
}
