/* print.c - a diagnostic for people, and for machines. */
#include <config/load.h>

#include <model/json.h>
#include <string.h>

#define SHOWN_MAX 100 /* columns of a line that are shown around what is underlined */

static size_t columns(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

/* The text from column `skip` on. */
static const char *skip_columns(const char *text, size_t skip)
{
    while (*text && skip > 0) {
        text++;
        while (((unsigned char)*text & 0xC0) == 0x80)
            text++;
        skip--;
    }
    return text;
}

static void repeat(struct leat_bytes *out, uint8_t byte, size_t count)
{
    while (count-- > 0)
        leat_bytes_put(out, byte);
}

static void print_head(struct leat_bytes *out, const struct leat_diagnostic *d, bool colours)
{
    bool is_error = d->severity == LEAT_IS_ERROR;
    const char *bold = colours ? "\x1b[1m" : "", *end = colours ? "\x1b[0m" : "";
    const char *tint = !colours ? "" : is_error ? "\x1b[1;31m" : "\x1b[1;35m";
    leat_bytes_text(out, bold);
    if (d->file && d->line)
        leat_bytes_printf(out, "%s:%u:%u: ", d->file, d->line, d->column);
    else if (d->file)
        leat_bytes_printf(out, "%s: ", d->file);
    leat_bytes_printf(out, "%s%s%s:%s ", end, tint, is_error ? "error" : "warning", end);
    leat_bytes_printf(out, "%s%s%s\n", bold, d->text, end);
}

/* The line, and below it what is meant; long lines are cut around it. */
static void print_excerpt(struct leat_bytes *out, const struct leat_diagnostic *d, bool colours)
{
    size_t column = d->column ? d->column : 1, width = d->width;
    size_t all = columns(d->excerpt);
    size_t skip = column > SHOWN_MAX * 2 / 3 && all > SHOWN_MAX ? column - SHOWN_MAX / 2 : 0;
    const char *from = skip_columns(d->excerpt, skip);
    const char *to = skip_columns(from, SHOWN_MAX);
    column -= skip;
    if (width > SHOWN_MAX - column + 1)
        width = column <= SHOWN_MAX ? SHOWN_MAX - column + 1 : 1;
    leat_bytes_printf(out, "%5u | %.*s\n", d->line, (int)(to - from), from);
    leat_bytes_text(out, "      | ");
    repeat(out, ' ', column - 1);
    leat_bytes_text(out, colours ? "\x1b[1;32m" : "");
    repeat(out, '^', width > 0);
    repeat(out, '~', width > 1 ? width - 1 : 0);
    leat_bytes_text(out, colours ? "\x1b[0m" : "");
    if (d->hint)
        leat_bytes_printf(out, "%s%s", width ? " " : "", d->hint);
    leat_bytes_put(out, '\n');
}

void leat_diagnostic_print(struct leat_bytes *out, const struct leat_diagnostic *diagnostic, bool colours)
{
    print_head(out, diagnostic, colours);
    if (diagnostic->excerpt)
        print_excerpt(out, diagnostic, colours);
    else if (diagnostic->hint)
        leat_bytes_printf(out, "      | %s\n", diagnostic->hint);
}

static void print_string(struct leat_bytes *out, const char *name, const char *text)
{
    leat_bytes_printf(out, ",\"%s\":", name);
    if (text)
        leat_json_string(out, text, strlen(text));
    else
        leat_bytes_text(out, "null");
}

void leat_diagnostic_json(struct leat_bytes *out, const struct leat_diagnostic *diagnostic)
{
    bool is_error = diagnostic->severity == LEAT_IS_ERROR;
    leat_bytes_printf(out, "{\"severity\":\"%s\"", is_error ? "error" : "warning");
    print_string(out, "file", diagnostic->file);
    leat_bytes_printf(out, ",\"line\":%u,\"column\":%u,\"width\":%u", diagnostic->line, diagnostic->column,
                      diagnostic->width);
    print_string(out, "text", diagnostic->text);
    print_string(out, "hint", diagnostic->hint);
    print_string(out, "excerpt", diagnostic->excerpt);
    leat_bytes_text(out, "}");
}
