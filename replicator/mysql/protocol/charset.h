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
    LEAT_CHARSET_UTF8,   /* utf8mb3, utf8mb4 and ascii: text as it is */
    LEAT_CHARSET_LATIN1, /* MySQL's latin1: Windows-1252, its five holes as U+0081 ... */
    LEAT_CHARSET_OTHER,  /* known by name, converted by iconv: leat_charset_iconv_name() */
};

#define LEAT_COLLATION_BINARY 63

enum leat_charset leat_charset_of(uint16_t collation);

/* The server's name: "latin1", "gbk"; "unknown" for an id that is not in the table. */
const char *leat_charset_name(uint16_t collation);

/* iconv's name of the same charset: "GBK", "UTF-16BE"; NULL where iconv has none (or none is needed). */
const char *leat_charset_iconv_name(uint16_t collation);

/* From the server's names ("latin1", "utf8mb4", "binary"): the id of the charset's default collation, which
 * is what a source without TABLE_MAP metadata knows from information_schema; 0: no such charset. */
uint16_t leat_charset_collation(const char *name, size_t len);

/* How many bytes one character may take: what a CHAR(n)'s length is to be divided by. */
unsigned leat_charset_max_bytes(uint16_t collation);

/* TEXT in UTF-8; points to `bytes` where these are ASCII, else to the arena. */
struct leat_value leat_latin1_text(struct leat_arena *arena, const void *bytes, size_t len);

#endif
