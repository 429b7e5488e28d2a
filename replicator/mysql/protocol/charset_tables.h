/* charset_tables.h - the characters of the servers' charsets, as data (charset_tables.c) for charset_text.c.
 *
 * One byte: what 0x80 .. 0xff are; below that all are ASCII, but swe7, which has a table of its own.
 * Two bytes: a row of characters per lead byte from 0x81 on, in two halves: trail bytes 0x40 .. 0xa0 (`low`) and
 * 0xa1 .. 0xfe (`high`). Charsets name rows by number and share those that are the same in both.
 * Japanese: rows of 94 cells of the `high` kind. EUC's lead bytes and Shift-JIS's pairs are two ways to say row and
 * cell; behind EUC's 0x8f stands a second plane (JIS X 0212).
 *
 * A space is a hole: no charset has a space there.
 */
#ifndef LEAT_MYSQL_PROTOCOL_CHARSET_TABLES_H
#define LEAT_MYSQL_PROTOCOL_CHARSET_TABLES_H

#include <stdint.h>
#include <uchar.h>

enum leat_single_byte {
    LEAT_ARMSCII8, LEAT_CP1250, LEAT_CP1251, LEAT_CP1256, LEAT_CP1257, LEAT_CP850, LEAT_CP852, LEAT_CP866,
    LEAT_DEC8, LEAT_GEOSTD8, LEAT_GREEK, LEAT_HEBREW, LEAT_HP8, LEAT_KEYBCS2, LEAT_KOI8R, LEAT_KOI8U,
    LEAT_LATIN1, LEAT_LATIN2, LEAT_LATIN5, LEAT_LATIN7, LEAT_MACCE, LEAT_MACROMAN, LEAT_SWE7, LEAT_TIS620,
    LEAT_SINGLE_BYTE, /* how many */
};

#define LEAT_CHARSET_HOLE u' '

extern const char16_t leat_charset_single[LEAT_SINGLE_BYTE][129];
extern const char16_t leat_charset_swe7[129]; /* 0x00 .. 0x7f */

extern const char16_t leat_charset_low[][98];
extern const char16_t leat_charset_high[][95];

extern const uint16_t leat_big5_low[126], leat_big5_high[126], leat_euckr_low[126], leat_euckr_high[126],
    leat_gb18030_low[126], leat_gb18030_high[126], leat_gb2312_low[126], leat_gb2312_high[126], leat_gbk_low[126],
    leat_gbk_high[126];
extern const uint16_t leat_cp932[120], leat_sjis[120], leat_eucjpms[94], leat_ujis[94], leat_eucjpms_8f[94],
    leat_ujis_8f[94];

/* Four bytes of gb18030 are a number; numbers first .. last are the characters from `code` on. */
struct leat_charset_run {
    uint32_t first, last, code;
};
#define LEAT_GB18030_RUNS 209
extern const struct leat_charset_run leat_gb18030_runs[LEAT_GB18030_RUNS];

#endif
