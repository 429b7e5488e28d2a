#include <base/number.h>
#include <string.h>

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                  "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                  "8081828384858687888990919293949596979899";

size_t leat_print_u64(char *out, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;
    while (v >= 100) {
        at -= 2;
        memcpy(digits + at, digit_pairs + 2 * (v % 100), 2);
        v /= 100;
    }
    if (v >= 10) {
        at -= 2;
        memcpy(digits + at, digit_pairs + 2 * v, 2);
    } else {
        digits[--at] = (char)('0' + v);
    }
    memcpy(out, digits + at, sizeof digits - at);
    return sizeof digits - at;
}

size_t leat_print_i64(char *out, int64_t v)
{
    if (v >= 0)
        return leat_print_u64(out, (uint64_t)v);
    *out = '-';
    return 1 + leat_print_u64(out + 1, -(uint64_t)v);
}

bool leat_parse_u64(const char *text, size_t len, uint64_t *v)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(sum, 10u, &sum) || __builtin_add_overflow(sum, digit, &sum))
            return false;
    }
    *v = sum;
    return len > 0;
}

bool leat_parse_i64(const char *text, size_t len, int64_t *v)
{
    bool is_negative = len > 0 && text[0] == '-';
    uint64_t most = is_negative ? (uint64_t)1 << 63 : INT64_MAX;
    uint64_t magnitude;
    if (!leat_parse_u64(text + is_negative, len - is_negative, &magnitude) || magnitude > most)
        return false;
    *v = (int64_t)(is_negative ? -magnitude : magnitude);
    return true;
}
