/* ddl_token.h - the words of an SQL statement, as MySQL and MariaDB cut them.
 *
 *   ALTER TABLE `a``b` ADD x INT INVISIBLE COMMENT 'it''s' -- end
 *   word  word  name   word word word          word  word  string
 *
 * Comments and white space are passed over. Of a comment that a server executes, the content counts where it is meant
 * for a server of this kind and version. The text is UTF-8, or any charset in which bytes below 128 mean ASCII.
 *
 * Thread: any, one at a time. A copy of the struct is a place to come back to.
 */
#ifndef LEAT_MYSQL_PROTOCOL_DDL_TOKEN_H
#define LEAT_MYSQL_PROTOCOL_DDL_TOKEN_H

#include <base/arena.h>
#include <stdbool.h>

enum leat_token {
    LEAT_TOKEN_END,
    LEAT_TOKEN_WORD,   /* a keyword, a name without quotes, a number */
    LEAT_TOKEN_NAME,   /* `quoted`, or "quoted" with ANSI_QUOTES */
    LEAT_TOKEN_STRING, /* 'text', or "text" without ANSI_QUOTES */
    LEAT_TOKEN_SIGN,   /* one character */
};

/* Bits of sql_mode, in both servers. */
#define LEAT_SQL_REAL_AS_FLOAT 1u
#define LEAT_SQL_ANSI_QUOTES 4u
#define LEAT_SQL_ORACLE 512u /* MariaDB */
#define LEAT_SQL_NO_BACKSLASH_ESCAPES (1u << 20)

struct leat_tokens {
    const char *at, *limit; /* behind the token at hand */
    uint64_t sql_mode;
    uint32_t version; /* 101106, 80033: of the server */
    bool is_mariadb;
    bool is_bad; /* a quote or a comment does not end */
    uint32_t open_comments; /* whose content counts */
    /* the token at hand */
    enum leat_token kind;
    const char *text; /* with its quotes */
    size_t len;
};

/* The first token is at hand then. */
void leat_tokens_init(struct leat_tokens *tokens, const char *text, size_t len, uint64_t sql_mode, uint32_t version,
                      bool is_mariadb);
void leat_tokens_next(struct leat_tokens *tokens);

/* The token at hand. */
bool leat_tokens_is(const struct leat_tokens *tokens, const char *word); /* a word without quotes, in any case */
bool leat_tokens_is_sign(const struct leat_tokens *tokens, char sign);
/* True and one token further where it is. */
bool leat_tokens_take(struct leat_tokens *tokens, const char *word);
bool leat_tokens_take_sign(struct leat_tokens *tokens, char sign);
/* Both, or neither. */
bool leat_tokens_take_two(struct leat_tokens *tokens, const char *first, const char *second);

/* From "(" to behind its ")"; at anything else, one token. */
void leat_tokens_skip(struct leat_tokens *tokens);

/* What a quoted token holds, or a word as it is; terminated, `len` without that. */
char *leat_tokens_bytes(const struct leat_tokens *tokens, struct leat_arena *arena, size_t *len);
char *leat_tokens_text(const struct leat_tokens *tokens, struct leat_arena *arena);

/* "10.11.6-MariaDB-log" is 101106. */
uint32_t leat_server_version(const char *text);

#endif
