/* charset.c - collation ids, charsets' names, and latin1. */
#include <mysql_protocol/charset.h>

#include <base/assert.h>
#include <string.h>

/* Charsets, in the order of their names; `collation` is the default one's id. */
struct charset {
    const char *name;
    const char *iconv; /* NULL: not needed, or iconv has none */
    uint16_t collation;
    uint8_t max_bytes;
    uint8_t kind; /* enum leat_charset */
};

enum charset_index {
    NONE = 0,
    ARMSCII8, ASCII, BIG5, BINARY, CP1250, CP1251, CP1256, CP1257, CP850, CP852, CP866, CP932, DEC8,
    EUCJPMS, EUCKR, GB18030, GB2312, GBK, GEOSTD8, GREEK, HEBREW, HP8, KEYBCS2, KOI8R, KOI8U, LATIN1,
    LATIN2, LATIN5, LATIN7, MACCE, MACROMAN, SJIS, SWE7, TIS620, UCS2, UJIS, UTF16, UTF16LE, UTF32,
    UTF8MB3, UTF8MB4,
};

static const struct charset charsets[] = {
    [NONE] = {"unknown", NULL, 0, 1, LEAT_CHARSET_UNKNOWN},
    [ARMSCII8] = {"armscii8", "ARMSCII-8", 32, 1, LEAT_CHARSET_OTHER},
    [ASCII] = {"ascii", NULL, 11, 1, LEAT_CHARSET_UTF8},
    [BIG5] = {"big5", "BIG5", 1, 2, LEAT_CHARSET_OTHER},
    [BINARY] = {"binary", NULL, 63, 1, LEAT_CHARSET_BINARY},
    [CP1250] = {"cp1250", "CP1250", 26, 1, LEAT_CHARSET_OTHER},
    [CP1251] = {"cp1251", "CP1251", 51, 1, LEAT_CHARSET_OTHER},
    [CP1256] = {"cp1256", "CP1256", 57, 1, LEAT_CHARSET_OTHER},
    [CP1257] = {"cp1257", "CP1257", 59, 1, LEAT_CHARSET_OTHER},
    [CP850] = {"cp850", "CP850", 4, 1, LEAT_CHARSET_OTHER},
    [CP852] = {"cp852", "CP852", 40, 1, LEAT_CHARSET_OTHER},
    [CP866] = {"cp866", "CP866", 36, 1, LEAT_CHARSET_OTHER},
    [CP932] = {"cp932", "CP932", 95, 2, LEAT_CHARSET_OTHER},
    [DEC8] = {"dec8", NULL, 3, 1, LEAT_CHARSET_OTHER},
    [EUCJPMS] = {"eucjpms", "EUC-JP-MS", 97, 3, LEAT_CHARSET_OTHER},
    [EUCKR] = {"euckr", "UHC", 19, 2, LEAT_CHARSET_OTHER}, /* the server's euckr is UHC's subset */
    [GB18030] = {"gb18030", "GB18030", 248, 4, LEAT_CHARSET_OTHER},
    [GB2312] = {"gb2312", "GB2312", 24, 2, LEAT_CHARSET_OTHER},
    [GBK] = {"gbk", "GBK", 28, 2, LEAT_CHARSET_OTHER},
    [GEOSTD8] = {"geostd8", "GEORGIAN-PS", 92, 1, LEAT_CHARSET_OTHER},
    [GREEK] = {"greek", "ISO-8859-7", 25, 1, LEAT_CHARSET_OTHER},
    [HEBREW] = {"hebrew", "ISO-8859-8", 16, 1, LEAT_CHARSET_OTHER},
    [HP8] = {"hp8", "HP-ROMAN8", 6, 1, LEAT_CHARSET_OTHER},
    [KEYBCS2] = {"keybcs2", NULL, 37, 1, LEAT_CHARSET_OTHER},
    [KOI8R] = {"koi8r", "KOI8-R", 7, 1, LEAT_CHARSET_OTHER},
    [KOI8U] = {"koi8u", "KOI8-U", 22, 1, LEAT_CHARSET_OTHER},
    [LATIN1] = {"latin1", NULL, 8, 1, LEAT_CHARSET_LATIN1},
    [LATIN2] = {"latin2", "ISO-8859-2", 9, 1, LEAT_CHARSET_OTHER},
    [LATIN5] = {"latin5", "ISO-8859-9", 30, 1, LEAT_CHARSET_OTHER},
    [LATIN7] = {"latin7", "ISO-8859-13", 41, 1, LEAT_CHARSET_OTHER},
    [MACCE] = {"macce", "MAC-CENTRALEUROPE", 38, 1, LEAT_CHARSET_OTHER},
    [MACROMAN] = {"macroman", "MACINTOSH", 39, 1, LEAT_CHARSET_OTHER},
    [SJIS] = {"sjis", "SHIFT_JIS", 13, 2, LEAT_CHARSET_OTHER},
    [SWE7] = {"swe7", NULL, 10, 1, LEAT_CHARSET_OTHER},
    [TIS620] = {"tis620", "TIS-620", 18, 1, LEAT_CHARSET_OTHER},
    [UCS2] = {"ucs2", "UCS-2BE", 35, 2, LEAT_CHARSET_OTHER},
    [UJIS] = {"ujis", "EUC-JP", 12, 3, LEAT_CHARSET_OTHER},
    [UTF16] = {"utf16", "UTF-16BE", 54, 4, LEAT_CHARSET_OTHER},
    [UTF16LE] = {"utf16le", "UTF-16LE", 56, 4, LEAT_CHARSET_OTHER},
    [UTF32] = {"utf32", "UTF-32BE", 60, 4, LEAT_CHARSET_OTHER},
    [UTF8MB3] = {"utf8mb3", NULL, 33, 3, LEAT_CHARSET_UTF8},
    [UTF8MB4] = {"utf8mb4", NULL, 45, 4, LEAT_CHARSET_UTF8},
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

const char *leat_charset_iconv_name(uint16_t collation)
{
    return find(collation)->iconv;
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

/* 0x80 to 0x9f; from 0xa0 on a byte is its own code point. */
static const uint16_t latin1_high[32] = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178,
};

static size_t ascii_prefix(const uint8_t *bytes, size_t len)
{
    size_t i = 0;
    for (uint64_t word; i + 8 <= len; i += 8) {
        memcpy(&word, bytes + i, 8);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < len && bytes[i] < 0x80)
        i++;
    return i;
}

static char *put_utf8(char *out, uint16_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

struct leat_value leat_latin1_text(struct leat_arena *arena, const void *text, size_t len)
{
    const uint8_t *bytes = text;
    size_t plain = ascii_prefix(bytes, len);
    if (plain == len)
        return leat_value_text(text, len);
    size_t max = plain + 3 * (len - plain);
    leat_assert(max <= UINT32_MAX);
    char *start = leat_arena_alloc(arena, max);
    char *out = start + plain;
    memcpy(start, bytes, plain);
    for (size_t i = plain; i < len; i++) {
        uint16_t code = bytes[i] >= 0x80 && bytes[i] < 0xa0 ? latin1_high[bytes[i] - 0x80] : bytes[i];
        out = put_utf8(out, code);
    }
    return leat_value_text(start, (size_t)(out - start));
}
