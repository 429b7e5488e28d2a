/* ddl_mask.c - a statement without the values that it may hold. */
#include <mysql_protocol/ddl.h>

#include <ctype.h>

#define MASK "'***'"

/* Between two tokens: white space as it is; comments, and the marks of those that count, are left out. */
static void put_gap(struct leat_bytes *out, const char *from, const char *to)
{
    const char *at = from;
    while (at < to && isspace((unsigned char)*at))
        at++;
    if (at == to)
        leat_bytes_add(out, from, (size_t)(to - from));
    else
        leat_bytes_text(out, " ");
}

static bool is_literal(const struct leat_tokens *tokens)
{
    return tokens->kind == LEAT_TOKEN_STRING || (tokens->kind == LEAT_TOKEN_WORD && isdigit((unsigned char)*tokens->text));
}

void leat_ddl_mask(struct leat_bytes *out, const char *text, size_t len, uint64_t sql_mode, uint32_t version, bool is_mariadb)
{
    struct leat_tokens tokens;
    const char *end = text;
    leat_bytes_clear(out);
    for (leat_tokens_init(&tokens, text, len, sql_mode, version, is_mariadb); tokens.kind != LEAT_TOKEN_END; leat_tokens_next(&tokens)) {
        put_gap(out, end, tokens.text);
        if (is_literal(&tokens))
            leat_bytes_text(out, MASK);
        else
            leat_bytes_add(out, tokens.text, tokens.len);
        end = tokens.text + tokens.len;
    }
    if (!tokens.is_bad)
        return;
    leat_bytes_clear(out); /* where a literal begins or ends is not certain */
    leat_bytes_text(out, MASK);
}
