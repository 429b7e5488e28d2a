/* literal.h - values as SQL text, exact: what the server stores is what the source had. */
#ifndef LEAT_MYSQL_LITERAL_H
#define LEAT_MYSQL_LITERAL_H

#include <base/buffer.h>
#include <leat/value.h>

/* Appends the value for a session with sql_mode that has backslash escapes and a connection in utf8mb4. ABSENT is NULL.
 * REJECT: SQL has no such value (NaN, an infinity). */
enum leat_status literal_add(struct leat_bytes *sql, const struct leat_value *value, struct leat_error *err);

/* 'text', and _binary'bytes'. */
void literal_text(struct leat_bytes *sql, const char *text, size_t len);
void literal_bytes(struct leat_bytes *sql, const void *bytes, size_t len);
/* `name` */
void literal_name(struct leat_bytes *sql, const char *name);

#endif
