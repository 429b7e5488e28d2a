#include <model/reasons.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void make_key(const char *text, char *key, size_t size)
{
    size_t len = 0;
    char quote = 0, before = ' ';
    for (; *text && len + 1 < size; before = *text++) {
        if (quote) {
            quote = *text == quote ? 0 : quote;
        } else if (strchr("'\"`", *text) && !isalnum((unsigned char)before)) { /* no apostrophe */
            quote = *text;
        } else if (!isdigit((unsigned char)*text)) {
            key[len++] = *text;
        }
    }
    key[len] = '\0';
}

void leat_reasons_add(struct leat_reasons *reasons, const char *text, uint64_t count)
{
    struct leat_reason *item;
    char key[sizeof item->key];
    make_key(text, key, sizeof key);
    for (uint32_t i = 0; i < reasons->kinds; i++)
        if (strcmp(reasons->items[i].key, key) == 0) {
            reasons->items[i].count += count;
            return;
        }
    if (reasons->kinds == LEAT_REASONS) {
        reasons->others += count;
        return;
    }
    item = &reasons->items[reasons->kinds++];
    memcpy(item->key, key, sizeof key);
    snprintf(item->example, sizeof item->example, "%s", text);
    item->count = count;
}

void leat_reasons_sort(struct leat_reasons *reasons)
{
    for (uint32_t i = 1; i < reasons->kinds; i++)
        for (uint32_t k = i; k > 0 && reasons->items[k].count > reasons->items[k - 1].count; k--) {
            struct leat_reason swap = reasons->items[k];
            reasons->items[k] = reasons->items[k - 1];
            reasons->items[k - 1] = swap;
        }
}

void leat_reasons_text(const struct leat_reasons *reasons, uint32_t most, char *out, size_t size)
{
    uint64_t others = reasons->others;
    size_t len = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < reasons->kinds; i++) {
        if (i >= most) {
            others += reasons->items[i].count;
            continue;
        }
        int added = snprintf(out + len, size - len, "%s%llu x %s", i ? "; " : "",
                             (unsigned long long)reasons->items[i].count, reasons->items[i].example);
        len = added < 0 || (size_t)added >= size - len ? size - 1 : len + (size_t)added;
    }
    if (others > 0)
        snprintf(out + len, size - len, "; %llu others", (unsigned long long)others);
}
