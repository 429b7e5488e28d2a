// float.cc - the floating half of number.h: the standard library's shortest printing and exact reading, which C does
// not have.
extern "C" {
#include <base/number.h>
}
#include <charconv>
#include <cmath>
#include <cstring>

namespace {

// The digits and the decimal exponent of the shortest form: value = 0.DIGITS * 10^exponent.
struct Shortest {
    char digits[24];
    int count;
    int exponent;
};

template <typename Real> Shortest shortest(Real v)
{
    char text[40];
    const char *end = std::to_chars(text, text + sizeof text, v, std::chars_format::scientific).ptr;
    Shortest s = {};
    const char *at = text;
    for (; at < end && *at != 'e'; at++)
        if (*at != '.')
            s.digits[s.count++] = *at;
    int exponent = 0;
    at += at[1] == '+' ? 2 : 1; // from_chars reads '-' but no '+'
    std::from_chars(at, end, exponent);
    s.exponent = exponent + 1;
    return s;
}

size_t put(char *out, const char *text, size_t len)
{
    std::memcpy(out, text, len);
    return len;
}

size_t zeros(char *out, int count)
{
    std::memset(out, '0', static_cast<size_t>(count));
    return static_cast<size_t>(count);
}

size_t print_scientific(char *out, const Shortest &s)
{
    size_t len = put(out, s.digits, 1);
    if (s.count > 1) {
        out[len++] = '.';
        len += put(out + len, s.digits + 1, static_cast<size_t>(s.count - 1));
    }
    out[len++] = 'e';
    out[len++] = s.exponent > 0 ? '+' : '-';
    return len + leat_print_i64(out + len, std::abs(s.exponent - 1));
}

size_t print_plain(char *out, const Shortest &s)
{
    auto count = static_cast<size_t>(s.count);
    if (s.exponent <= 0) { // 0.000DIGITS
        size_t len = put(out, "0.", 2);
        len += zeros(out + len, -s.exponent);
        return len + put(out + len, s.digits, count);
    }
    if (s.exponent >= s.count) { // DIGITS000.0
        size_t len = put(out, s.digits, count);
        len += zeros(out + len, s.exponent - s.count);
        return len + put(out + len, ".0", 2);
    }
    auto whole = static_cast<size_t>(s.exponent);
    size_t len = put(out, s.digits, whole);
    out[len++] = '.';
    return len + put(out + len, s.digits + whole, count - whole);
}

template <typename Real> size_t print_real(char *out, Real v)
{
    if (std::isnan(v))
        return put(out, "NaN", 3);
    size_t sign = 0;
    if (std::signbit(v)) {
        out[sign++] = '-';
        v = -v;
    }
    if (std::isinf(v))
        return sign + put(out + sign, "Infinity", 8);
    if (v == 0)
        return sign + put(out + sign, "0.0", 3);
    Shortest s = shortest(v);
    bool is_plain = s.exponent > -6 && s.exponent <= 21; // 1e-6 <= v < 1e21
    return sign + (is_plain ? print_plain(out + sign, s) : print_scientific(out + sign, s));
}

} // namespace

extern "C" size_t leat_print_double(char *out, double v)
{
    return print_real(out, v);
}

extern "C" size_t leat_print_float(char *out, float v)
{
    return print_real(out, v);
}

extern "C" bool leat_parse_double(const char *text, size_t len, double *v)
{
    if (len == 0 || !(text[len - 1] == '.' || (text[len - 1] >= '0' && text[len - 1] <= '9')))
        return false; // from_chars would read "inf" and "nan"
    std::from_chars_result result = std::from_chars(text, text + len, *v);
    return result.ec == std::errc() && result.ptr == text + len;
}
