/* charset.c - collation ids, charsets' names and codings. */
#include <mysql_protocol/charset.h>

#include <mysql_protocol/charset_tables.h>
#include <mysql_protocol/charset_text.h>
#include <string.h>

/* Charsets, in the order of their names; `collation` is the default one's id. */
struct charset {
    const char *name;
    uint16_t collation;
    uint8_t max_bytes;
    uint8_t kind; /* enum leat_charset */
    struct leat_coding coding; /* where OTHER */
};

enum charset_index {
    NONE = 0,
    ARMSCII8, ASCII, BIG5, BINARY, CP1250, CP1251, CP1256, CP1257, CP850, CP852, CP866, CP932, DEC8,
    EUCJPMS, EUCKR, GB18030, GB2312, GBK, GEOSTD8, GREEK, HEBREW, HP8, KEYBCS2, KOI8R, KOI8U, LATIN1,
    LATIN2, LATIN5, LATIN7, MACCE, MACROMAN, SJIS, SWE7, TIS620, UCS2, UJIS, UTF16, UTF16LE, UTF32,
    UTF8MB3, UTF8MB4,
};

#define SINGLE(name) {leat_take_single, leat_charset_single[LEAT_##name], true}
#define PAIRS(name) {leat_take_pair, &(const struct leat_pairs){leat_##name##_low, leat_##name##_high}, true}
#define EUC(name) {leat_take_euc, &(const struct leat_euc){leat_##name, leat_##name##_8f}, true}

static const struct charset charsets[] = {
    [NONE] = {"unknown", 0, 1, LEAT_CHARSET_UNKNOWN, {0}},
    [ARMSCII8] = {"armscii8", 32, 1, LEAT_CHARSET_OTHER, SINGLE(ARMSCII8)},
    [ASCII] = {"ascii", 11, 1, LEAT_CHARSET_OTHER, {leat_take_none, NULL, true}},
    [BIG5] = {"big5", 1, 2, LEAT_CHARSET_OTHER, PAIRS(big5)},
    [BINARY] = {"binary", 63, 1, LEAT_CHARSET_BINARY, {0}},
    [CP1250] = {"cp1250", 26, 1, LEAT_CHARSET_OTHER, SINGLE(CP1250)},
    [CP1251] = {"cp1251", 51, 1, LEAT_CHARSET_OTHER, SINGLE(CP1251)},
    [CP1256] = {"cp1256", 57, 1, LEAT_CHARSET_OTHER, SINGLE(CP1256)},
    [CP1257] = {"cp1257", 59, 1, LEAT_CHARSET_OTHER, SINGLE(CP1257)},
    [CP850] = {"cp850", 4, 1, LEAT_CHARSET_OTHER, SINGLE(CP850)},
    [CP852] = {"cp852", 40, 1, LEAT_CHARSET_OTHER, SINGLE(CP852)},
    [CP866] = {"cp866", 36, 1, LEAT_CHARSET_OTHER, SINGLE(CP866)},
    [CP932] = {"cp932", 95, 2, LEAT_CHARSET_OTHER, {leat_take_sjis, leat_cp932, true}},
    [DEC8] = {"dec8", 3, 1, LEAT_CHARSET_OTHER, SINGLE(DEC8)},
    [EUCJPMS] = {"eucjpms", 97, 3, LEAT_CHARSET_OTHER, EUC(eucjpms)},
    [EUCKR] = {"euckr", 19, 2, LEAT_CHARSET_OTHER, PAIRS(euckr)},
    [GB18030] = {"gb18030", 248, 4, LEAT_CHARSET_OTHER,
                 {leat_take_gb18030, &(const struct leat_pairs){leat_gb18030_low, leat_gb18030_high}, true}},
    [GB2312] = {"gb2312", 24, 2, LEAT_CHARSET_OTHER, PAIRS(gb2312)},
    [GBK] = {"gbk", 28, 2, LEAT_CHARSET_OTHER, PAIRS(gbk)},
    [GEOSTD8] = {"geostd8", 92, 1, LEAT_CHARSET_OTHER, SINGLE(GEOSTD8)},
    [GREEK] = {"greek", 25, 1, LEAT_CHARSET_OTHER, SINGLE(GREEK)},
    [HEBREW] = {"hebrew", 16, 1, LEAT_CHARSET_OTHER, SINGLE(HEBREW)},
    [HP8] = {"hp8", 6, 1, LEAT_CHARSET_OTHER, SINGLE(HP8)},
    [KEYBCS2] = {"keybcs2", 37, 1, LEAT_CHARSET_OTHER, SINGLE(KEYBCS2)},
    [KOI8R] = {"koi8r", 7, 1, LEAT_CHARSET_OTHER, SINGLE(KOI8R)},
    [KOI8U] = {"koi8u", 22, 1, LEAT_CHARSET_OTHER, SINGLE(KOI8U)},
    [LATIN1] = {"latin1", 8, 1, LEAT_CHARSET_OTHER, SINGLE(LATIN1)},
    [LATIN2] = {"latin2", 9, 1, LEAT_CHARSET_OTHER, SINGLE(LATIN2)},
    [LATIN5] = {"latin5", 30, 1, LEAT_CHARSET_OTHER, SINGLE(LATIN5)},
    [LATIN7] = {"latin7", 41, 1, LEAT_CHARSET_OTHER, SINGLE(LATIN7)},
    [MACCE] = {"macce", 38, 1, LEAT_CHARSET_OTHER, SINGLE(MACCE)},
    [MACROMAN] = {"macroman", 39, 1, LEAT_CHARSET_OTHER, SINGLE(MACROMAN)},
    [SJIS] = {"sjis", 13, 2, LEAT_CHARSET_OTHER, {leat_take_sjis, leat_sjis, true}},
    [SWE7] = {"swe7", 10, 1, LEAT_CHARSET_OTHER, {leat_take_swe7, leat_charset_single[LEAT_SWE7], false}},
    [TIS620] = {"tis620", 18, 1, LEAT_CHARSET_OTHER, SINGLE(TIS620)},
    [UCS2] = {"ucs2", 35, 2, LEAT_CHARSET_OTHER, {leat_take_ucs2, NULL, false}},
    [UJIS] = {"ujis", 12, 3, LEAT_CHARSET_OTHER, EUC(ujis)},
    [UTF16] = {"utf16", 54, 4, LEAT_CHARSET_OTHER, {leat_take_utf16, NULL, false}},
    [UTF16LE] = {"utf16le", 56, 4, LEAT_CHARSET_OTHER, {leat_take_utf16le, NULL, false}},
    [UTF32] = {"utf32", 60, 4, LEAT_CHARSET_OTHER, {leat_take_utf32, NULL, false}},
    [UTF8MB3] = {"utf8mb3", 33, 3, LEAT_CHARSET_UTF8, {0}},
    [UTF8MB4] = {"utf8mb4", 45, 4, LEAT_CHARSET_UTF8, {0}},
};

/* Below 100 there is no order. */
static const uint8_t low_ids[100] = {
    NONE,     BIG5,    LATIN2,   DEC8,     CP850,   LATIN1,  HP8,     KOI8R,   LATIN1,  LATIN2,   /* 0 */
    SWE7,     ASCII,   UJIS,     SJIS,     CP1251,  LATIN1,  HEBREW,  NONE,    TIS620,  EUCKR,    /* 10 */
    LATIN7,   LATIN2,  KOI8U,    CP1251,   GB2312,  GREEK,   CP1250,  LATIN2,  GBK,     CP1257,   /* 20 */
    LATIN5,   LATIN1,  ARMSCII8, UTF8MB3,  CP1250,  UCS2,    CP866,   KEYBCS2, MACCE,   MACROMAN, /* 30 */
    CP852,    LATIN7,  LATIN7,   MACCE,    CP1250,  UTF8MB4, UTF8MB4, LATIN1,  LATIN1,  LATIN1,   /* 40 */
    CP1251,   CP1251,  CP1251,   MACROMAN, UTF16,   UTF16,   UTF16LE, CP1256,  CP1257,  CP1257,   /* 50 */
    UTF32,    UTF32,   UTF16LE,  BINARY,   ARMSCII8, ASCII,  CP1250,  CP1256,  CP866,   DEC8,     /* 60 */
    GREEK,    HEBREW,  HP8,      KEYBCS2,  KOI8R,   KOI8U,   UTF8MB3, LATIN2,  LATIN5,  LATIN7,   /* 70 */
    CP850,    CP852,   SWE7,     UTF8MB3,  BIG5,    EUCKR,   GB2312,  GBK,     SJIS,    TIS620,   /* 80 */
    UCS2,     UJIS,    GEOSTD8,  GEOSTD8,  LATIN1,  CP932,   CP932,   EUCJPMS, EUCJPMS, CP1250,   /* 90 */
};

static const struct {
    uint16_t first, last;
    uint8_t charset;
} ranges[] = {
    {101, 124, UTF16},   {128, 151, UCS2},    {159, 159, UCS2},    {160, 183, UTF32},
    {192, 215, UTF8MB3}, {223, 223, UTF8MB3}, {224, 247, UTF8MB4}, {248, 250, GB18030},
    {255, 323, UTF8MB4}, /* MySQL 8 */
    {576, 607, UTF8MB3}, {608, 639, UTF8MB4}, {640, 671, UCS2},    {672, 703, UTF16},
    {736, 767, UTF32}, /* MariaDB */
    {2048, 2303, UTF8MB3}, {2304, 2559, UTF8MB4}, {2560, 2815, UCS2}, {2816, 3071, UTF16},
    {3072, 3327, UTF32}, /* MariaDB, UCA 14.0.0 */
};

static const struct charset *find(uint16_t collation)
{
    uint16_t id = collation >= 1024 && collation < 2048 ? (uint16_t)(collation - 1024) : collation;
    if (id < sizeof low_ids)
        return &charsets[low_ids[id]];
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (id >= ranges[i].first && id <= ranges[i].last)
            return &charsets[ranges[i].charset];
    return &charsets[NONE];
}

enum leat_charset leat_charset_of(uint16_t collation)
{
    return (enum leat_charset)find(collation)->kind;
}

const char *leat_charset_name(uint16_t collation)
{
    return find(collation)->name;
}

unsigned leat_charset_max_bytes(uint16_t collation)
{
    return find(collation)->max_bytes;
}

uint16_t leat_charset_collation(const char *name, size_t len)
{
    for (size_t i = 1; i < sizeof charsets / sizeof *charsets; i++)
        if (strlen(charsets[i].name) == len && memcmp(charsets[i].name, name, len) == 0)
            return charsets[i].collation;
    bool is_old_name = len == 4 && memcmp(name, "utf8", 4) == 0;
    return is_old_name ? charsets[UTF8MB3].collation : 0;
}

struct leat_value leat_charset_text(uint16_t collation, struct leat_arena *arena, const void *bytes, size_t len)
{
    const struct charset *charset = find(collation);
    switch (charset->kind) {
    case LEAT_CHARSET_OTHER:
        return leat_coding_text(&charset->coding, arena, bytes, len);
    case LEAT_CHARSET_UTF8:
        return leat_value_text(bytes, len);
    default:
        return leat_value_bytes(bytes, len);
    }
}
