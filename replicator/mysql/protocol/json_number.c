/* json_number.c - a DOUBLE inside JSON, as MySQL spells it.
 *
 * The shortest digits that read back equal; in plain form where the first digit stands 15 places before the point to 15
 * behind it, and then always with a point ("1.0"); else as 1.5e16, with neither plus sign nor leading zeros.
 */
#include <mysql_protocol/internal.h>

#include <base/number.h>

#define PLACES 15

struct digits {
    char text[LEAT_NUMBER_MAX]; /* without zeros at either end; "0" for zero */
    int count;
    int point; /* the point stands before the digit of this number */
};

static void take_digits(struct digits *digits, double number)
{
    char text[LEAT_NUMBER_MAX];
    size_t len = leat_print_double(text, number), i = 0;
    int whole = -1;
    digits->count = 0;
    digits->point = 0;
    for (; i < len && text[i] != 'e'; i++) {
        if (text[i] == '.')
            whole = digits->count;
        else if (text[i] >= '0' && text[i] <= '9' && (digits->count > 0 || text[i] != '0'))
            digits->text[digits->count++] = text[i];
        else if (text[i] == '0' && whole >= 0)
            digits->point--; /* behind the point, before the first digit */
    }
    digits->point += whole >= 0 ? whole : digits->count;
    int64_t exponent = 0;
    size_t plus = i + 1 < len && text[i + 1] == '+';
    if (i < len)
        leat_parse_i64(text + i + 1 + plus, len - i - 1 - plus, &exponent);
    digits->point += (int)exponent;
    while (digits->count > 0 && digits->text[digits->count - 1] == '0')
        digits->count--;
    if (digits->count == 0) {
        digits->text[digits->count++] = '0';
        digits->point = 1;
    }
}

static void put_plain(struct leat_bytes *out, const struct digits *digits)
{
    if (digits->point <= 0)
        leat_bytes_text(out, "0.");
    for (int i = digits->point; i < 0; i++)
        leat_bytes_put(out, '0');
    for (int i = 0; i < digits->count; i++) {
        if (i == digits->point && i > 0)
            leat_bytes_put(out, '.');
        leat_bytes_put(out, (uint8_t)digits->text[i]);
    }
    for (int i = digits->count; i < digits->point; i++)
        leat_bytes_put(out, '0');
    if (digits->count <= digits->point)
        leat_bytes_text(out, ".0");
}

static void put_scientific(struct leat_bytes *out, const struct digits *digits)
{
    leat_bytes_put(out, (uint8_t)digits->text[0]);
    if (digits->count > 1) {
        leat_bytes_put(out, '.');
        leat_bytes_add(out, digits->text + 1, (size_t)digits->count - 1);
    }
    leat_bytes_printf(out, "e%d", digits->point - 1);
}

void leat_json_double(struct leat_bytes *out, double number)
{
    struct digits digits;
    take_digits(&digits, number);
    if (__builtin_signbit(number))
        leat_bytes_put(out, '-');
    if (digits.point > PLACES || digits.point <= -PLACES)
        put_scientific(out, &digits);
    else
        put_plain(out, &digits);
}
