/* charset.h - which bytes a collation id stands for, and the turn into UTF-8.
 *
 * A column's charset is told by the id of its collation (information_schema.COLLATIONS.ID; the same ids in
 * TABLE_MAP metadata and in the client protocol). Ids of MySQL and MariaDB agree up to 247; MariaDB's
 * own range from 576 on (NO PAD variants are 1024 + id; UCA 14.0.0 from 2048 on).
 */
#ifndef LEAT_MYSQL_PROTOCOL_CHARSET_H
#define LEAT_MYSQL_PROTOCOL_CHARSET_H

#include <base/arena.h>
#include <leat/value.h>

enum leat_charset {
    LEAT_CHARSET_UNKNOWN = 0, /* collation id 0, or one that this table does not hold */
    LEAT_CHARSET_BINARY,
    LEAT_CHARSET_UTF8,   /* utf8mb3, utf8mb4: text as it is */
    LEAT_CHARSET_OTHER,  /* text that leat_charset_text() converts */
};

#define LEAT_COLLATION_BINARY 63

enum leat_charset leat_charset_of(uint16_t collation);

/* The server's name: "latin1", "gbk"; "unknown" for an id that is not in the table. */
const char *leat_charset_name(uint16_t collation);

/* From the server's names ("latin1", "utf8mb4", "binary"): the id of the charset's default collation, which
 * is what a source without TABLE_MAP metadata knows from information_schema; 0: no such charset. */
uint16_t leat_charset_collation(const char *name, size_t len);

/* How many bytes one character may take: what a CHAR(n)'s length is to be divided by. */
unsigned leat_charset_max_bytes(uint16_t collation);

/* TEXT in UTF-8, as the server's own CONVERT(... USING utf8mb4) gives it: a code without a character becomes '?'. Points to
 * `bytes` where these need no change, else to the arena. BYTES where the charset is binary or not known. */
struct leat_value leat_charset_text(uint16_t collation, struct leat_arena *arena, const void *bytes, size_t len);

#endif
