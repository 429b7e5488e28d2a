/* charset_text.h - how charset.c names a charset's coding: a function that takes one character, and its table. */
#ifndef LEAT_MYSQL_PROTOCOL_CHARSET_TEXT_H
#define LEAT_MYSQL_PROTOCOL_CHARSET_TEXT_H

#include <base/arena.h>
#include <leat/value.h>

/* Takes the character at `at`, which is before `end`, and returns its length; '?' where there is none. */
typedef unsigned leat_charset_take_f(const void *table, const uint8_t *at, const uint8_t *end, uint32_t *code);

struct leat_coding {
    leat_charset_take_f *take; /* is not asked for bytes below 0x80 where `has_ascii` */
    const void *table;
    bool has_ascii;            /* a byte below 0x80 where a character begins is ASCII */
};

/* The tables are of charset_tables.h, or: */
struct leat_pairs {
    const uint16_t *low, *high;
};
struct leat_euc {
    const uint16_t *rows, *second; /* behind 0x8f */
};

leat_charset_take_f leat_take_none, leat_take_single, leat_take_swe7, leat_take_pair, leat_take_gb18030, leat_take_sjis, leat_take_euc,
    leat_take_ucs2, leat_take_utf16, leat_take_utf16le, leat_take_utf32;

/* TEXT in UTF-8; points to `bytes` where these are ASCII, else to the arena. */
struct leat_value leat_coding_text(const struct leat_coding *coding, struct leat_arena *arena, const uint8_t *bytes,
                                   size_t len);

#endif
