#include <mysql_protocol/ddl_token.h>

#include <ctype.h>
#include <strings.h>

/* ---- comments ---- */

static size_t left(const struct leat_tokens *tokens)
{
    return (size_t)(tokens->limit - tokens->at);
}

static bool starts(const struct leat_tokens *tokens, const char *mark)
{
    size_t len = strlen(mark);
    return left(tokens) >= len && memcmp(tokens->at, mark, len) == 0;
}

/* Behind the comment's begin; comments lie in comments that are not executed. */
static void skip_comment(struct leat_tokens *tokens)
{
    for (uint32_t depth = 1; depth > 0; tokens->at++) {
        if (left(tokens) < 2) {
            tokens->is_bad = true;
            tokens->at = tokens->limit;
            return;
        }
        if (starts(tokens, "*/"))
            depth--, tokens->at++;
        else if (starts(tokens, "/*"))
            depth++, tokens->at++;
    }
}

static void skip_plain_comment(struct leat_tokens *tokens)
{
    while (left(tokens) >= 2 && !starts(tokens, "*/"))
        tokens->at++;
    tokens->is_bad = tokens->is_bad || left(tokens) < 2;
    tokens->at = left(tokens) < 2 ? tokens->limit : tokens->at + 2;
}

/* MariaDB leaves out what is marked for MySQL 5.7 to 9: it has other features by these numbers. */
static bool counts(const struct leat_tokens *tokens, uint32_t version, bool is_for_mariadb)
{
    bool is_foreign = tokens->is_mariadb && !is_for_mariadb && version >= 50700 && version <= 99999;
    return version <= tokens->version && !is_foreign;
}

/* At "/" and "*!" or "*M!": a version of five or six digits may follow. */
static void open_executable(struct leat_tokens *tokens, bool is_for_mariadb)
{
    uint32_t version = 0, digits = 0;
    tokens->at += is_for_mariadb ? 4 : 3;
    while (digits < left(tokens) && digits < 6 && isdigit((unsigned char)tokens->at[digits]))
        version = version * 10 + (uint32_t)(tokens->at[digits++] - '0');
    if (digits < 5)
        version = digits = 0;
    tokens->at += digits;
    if (counts(tokens, version, is_for_mariadb))
        tokens->open_comments++;
    else
        skip_comment(tokens);
}

static void skip_line(struct leat_tokens *tokens)
{
    while (left(tokens) > 0 && *tokens->at != '\n')
        tokens->at++;
}

static bool is_dashes(const struct leat_tokens *tokens)
{
    return starts(tokens, "--") && (left(tokens) == 2 || (unsigned char)tokens->at[2] <= ' ');
}

static void skip_blank(struct leat_tokens *tokens)
{
    for (;;) {
        if (left(tokens) > 0 && isspace((unsigned char)*tokens->at)) {
            tokens->at++;
        } else if (starts(tokens, "/*!")) {
            open_executable(tokens, false);
        } else if (tokens->is_mariadb && starts(tokens, "/*M!")) {
            open_executable(tokens, true);
        } else if (starts(tokens, "/*")) {
            tokens->at += 2;
            skip_plain_comment(tokens);
        } else if (tokens->open_comments > 0 && starts(tokens, "*/")) {
            tokens->open_comments--;
            tokens->at += 2;
        } else if (starts(tokens, "#") || is_dashes(tokens)) {
            skip_line(tokens);
        } else {
            return;
        }
    }
}

/* ---- tokens ---- */

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static void cut_quoted(struct leat_tokens *tokens, char quote, bool has_escapes)
{
    for (tokens->at++; left(tokens) > 0; tokens->at++) {
        if (has_escapes && *tokens->at == '\\' && left(tokens) > 1) {
            tokens->at++;
        } else if (*tokens->at == quote) {
            if (left(tokens) < 2 || tokens->at[1] != quote) {
                tokens->at++;
                return;
            }
            tokens->at++;
        }
    }
    tokens->is_bad = true;
}

static enum leat_token cut(struct leat_tokens *tokens)
{
    char c = *tokens->at;
    bool is_ansi = tokens->sql_mode & LEAT_SQL_ANSI_QUOTES;
    if (c == '`' || (c == '"' && is_ansi)) {
        cut_quoted(tokens, c, false);
        return LEAT_TOKEN_NAME;
    }
    if (c == '\'' || c == '"') {
        cut_quoted(tokens, c, !(tokens->sql_mode & LEAT_SQL_NO_BACKSLASH_ESCAPES));
        return LEAT_TOKEN_STRING;
    }
    if (!is_word_char(c)) {
        tokens->at++;
        return LEAT_TOKEN_SIGN;
    }
    while (left(tokens) > 0 && is_word_char(*tokens->at))
        tokens->at++;
    return LEAT_TOKEN_WORD;
}

void leat_tokens_next(struct leat_tokens *tokens)
{
    skip_blank(tokens);
    tokens->text = tokens->at;
    tokens->kind = left(tokens) > 0 ? cut(tokens) : LEAT_TOKEN_END;
    tokens->len = (size_t)(tokens->at - tokens->text);
}

void leat_tokens_init(struct leat_tokens *tokens, const char *text, size_t len, uint64_t sql_mode, uint32_t version,
                      bool is_mariadb)
{
    *tokens = (struct leat_tokens){
        .at = text, .limit = text + len, .sql_mode = sql_mode, .version = version, .is_mariadb = is_mariadb};
    leat_tokens_next(tokens);
}

bool leat_tokens_is(const struct leat_tokens *tokens, const char *word)
{
    return tokens->kind == LEAT_TOKEN_WORD && strlen(word) == tokens->len &&
           strncasecmp(tokens->text, word, tokens->len) == 0;
}

bool leat_tokens_is_sign(const struct leat_tokens *tokens, char sign)
{
    return tokens->kind == LEAT_TOKEN_SIGN && *tokens->text == sign;
}

bool leat_tokens_take(struct leat_tokens *tokens, const char *word)
{
    bool is_there = leat_tokens_is(tokens, word);
    if (is_there)
        leat_tokens_next(tokens);
    return is_there;
}

bool leat_tokens_take_sign(struct leat_tokens *tokens, char sign)
{
    bool is_there = leat_tokens_is_sign(tokens, sign);
    if (is_there)
        leat_tokens_next(tokens);
    return is_there;
}

bool leat_tokens_take_two(struct leat_tokens *tokens, const char *first, const char *second)
{
    struct leat_tokens before = *tokens;
    if (leat_tokens_take(tokens, first) && leat_tokens_take(tokens, second))
        return true;
    *tokens = before;
    return false;
}

void leat_tokens_skip(struct leat_tokens *tokens)
{
    uint32_t depth = 0;
    do {
        if (leat_tokens_is_sign(tokens, '('))
            depth++;
        else if (leat_tokens_is_sign(tokens, ')') && depth > 0)
            depth--;
        leat_tokens_next(tokens);
    } while (depth > 0 && tokens->kind != LEAT_TOKEN_END);
    tokens->is_bad = tokens->is_bad || depth > 0;
}

static char unescaped(char c)
{
    switch (c) {
    case '0':
        return '\0';
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'b':
        return '\b';
    case 'Z':
        return '\032';
    default:
        return c;
    }
}

char *leat_tokens_bytes(const struct leat_tokens *tokens, struct leat_arena *arena, size_t *len)
{
    bool has_escapes = tokens->kind == LEAT_TOKEN_STRING && !(tokens->sql_mode & LEAT_SQL_NO_BACKSLASH_ESCAPES);
    *len = tokens->len;
    if (tokens->kind != LEAT_TOKEN_NAME && tokens->kind != LEAT_TOKEN_STRING)
        return leat_arena_copy(arena, tokens->text, tokens->len);
    char quote = *tokens->text, *out = leat_arena_alloc(arena, tokens->len + 1), *to = out;
    const char *end = tokens->text + tokens->len;
    for (const char *at = tokens->text + 1; at < end && (*at != quote || at + 1 < end); at++) {
        if (has_escapes && *at == '\\' && at + 1 < end) {
            at++;
            if (*at == '%' || *at == '_') /* stay escaped */
                *to++ = '\\';
            *to++ = unescaped(*at);
        } else {
            at += *at == quote;
            *to++ = *at;
        }
    }
    *to = '\0';
    *len = (size_t)(to - out);
    return out;
}

char *leat_tokens_text(const struct leat_tokens *tokens, struct leat_arena *arena)
{
    size_t len;
    return leat_tokens_bytes(tokens, arena, &len);
}

uint32_t leat_server_version(const char *text)
{
    uint32_t parts[3] = {0};
    for (int i = 0; i < 3 && isdigit((unsigned char)*text); i++) {
        while (isdigit((unsigned char)*text) && parts[i] < 1000)
            parts[i] = parts[i] * 10 + (uint32_t)(*text++ - '0');
        text += *text == '.';
    }
    return parts[0] * 10000 + parts[1] * 100 + parts[2];
}
