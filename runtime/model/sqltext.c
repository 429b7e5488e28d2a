#include <model/sqltext.h>

size_t leat_sql_time(char out[LEAT_ISO_MAX], const struct leat_value *value, const struct leat_field *field)
{
    struct leat_value shown = *value;
    if (field->type == value->type && value->type != LEAT_DATE)
        shown.aux = field->scale;
    size_t len = leat_iso_print(out, &shown);
    char *t = memchr(out, 'T', len);
    if (t)
        *t = ' ';
    return len > 0 && out[len - 1] == 'Z' ? len - 1 : len;
}

uint32_t leat_sql_binary_len(const struct leat_value *value, const struct leat_field *field)
{
    uint32_t len = value->len;
    if (strncmp(field->native, "binary(", 7) != 0)
        return len;
    while (len > 0 && value->as.bytes[len - 1] == 0)
        len--;
    return len;
}

/* ---- labels: each followed by a line feed ---- */

/* The place of the label, from 0, or -1. */
static int find_label(const char *labels, const char *label, size_t len)
{
    for (int place = 0; *labels; place++) {
        size_t its = strcspn(labels, "\n");
        if (its == len && memcmp(labels, label, len) == 0)
            return place;
        labels += its + (labels[its] == '\n');
    }
    return -1;
}

uint64_t leat_sql_enum_index(const struct leat_value *value, const struct leat_field *field)
{
    return (uint64_t)(find_label(field->labels, value->as.text, value->len) + 1);
}

uint64_t leat_sql_set_bits(const struct leat_value *value, const struct leat_field *field)
{
    uint64_t bits = 0;
    for (const char *at = value->as.text, *end = at + value->len; at < end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t len = (size_t)((comma ? comma : end) - at);
        int place = find_label(field->labels, at, len);
        if (place >= 0 && place < 64)
            bits |= (uint64_t)1 << place;
        at += len + 1;
    }
    return bits;
}
