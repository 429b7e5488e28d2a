/* findings.c - gathers what is wrong, and cuts the lines out of the files that show where. */
#include <config/findings.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/text.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX 1024  /* bytes of a finding's text */
#define EXCERPT_MAX 4096 /* bytes of a line that are shown at most */

void leat_findings_init(struct leat_findings *findings, struct leat_arena *arena)
{
    *findings = (struct leat_findings){.arena = arena};
    findings->items = leat_calloc(LEAT_FINDINGS_MAX, sizeof(*findings->items));
}

void leat_findings_fini(struct leat_findings *findings)
{
    free(findings->items);
    free(findings->secrets);
    *findings = (struct leat_findings){0};
}

/* The text is made presentable at once: what a file holds may be anything. */
static const char *format(struct leat_arena *arena, const char *fmt, va_list args)
{
    char text[TEXT_MAX];
    int len = vsnprintf(text, sizeof(text), fmt, args);
    leat_assert(len >= 0);
    struct leat_bytes escaped;
    leat_bytes_init(&escaped, (size_t)TEXT_MAX * 4 + 1);
    leat_text_escape(&escaped, text, strlen(text));
    const char *copy = leat_arena_copy(arena, escaped.data, escaped.len);
    leat_bytes_fini(&escaped);
    return copy;
}

/* Bytes of the line break at `at`, as libyaml counts lines: CR, LF, CRLF, NEL, LS and PS. */
static size_t break_len(const char *text, size_t len, size_t at)
{
    const uint8_t *b = (const uint8_t *)text + at;
    size_t left = len - at;
    if (b[0] == '\r')
        return left > 1 && b[1] == '\n' ? 2 : 1;
    if (b[0] == '\n')
        return 1;
    if (left > 1 && b[0] == 0xC2 && b[1] == 0x85)
        return 2;
    if (left > 2 && b[0] == 0xE2 && b[1] == 0x80 && (b[2] == 0xA8 || b[2] == 0xA9))
        return 3;
    return 0;
}

/* Finds a line, or the last one where there are fewer; returns which. */
static uint32_t find_line(const struct leat_text_file *file, uint32_t line, size_t *from, size_t *to)
{
    size_t at = 0;
    for (uint32_t n = 1;; n++) {
        *from = at;
        size_t broken = 0;
        while (at < file->len && (broken = break_len(file->text, file->len, at)) == 0)
            at++;
        *to = at;
        if (n == line || at >= file->len)
            return n;
        at += broken;
    }
}

static size_t columns(const char *from, const char *to)
{
    size_t n = 0;
    for (; from < to; from++)
        n += ((uint8_t)*from & 0xC0) != 0x80;
    return n;
}

/* libyaml counts one line more where the last one has no end: what it finds there is at that end. */
static void move_inside(struct leat_spot *spot)
{
    size_t from, to;
    if (!spot->file || spot->line == 0)
        return;
    uint32_t last = find_line(spot->file, spot->line, &from, &to);
    if (last == spot->line)
        return;
    spot->line = spot->last_line = last;
    spot->column = (uint32_t)columns(spot->file->text + from, spot->file->text + to) + 1;
    spot->width = 1;
}

/* What each sink has from its pipeline is checked once for each sink, and said once. */
static bool is_said(const struct leat_findings *findings, const struct leat_spot *spot, const char *text)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct leat_finding *old = &findings->items[i];
        if (old->spot.file == spot->file && old->spot.line == spot->line &&
            old->spot.column == spot->column && strcmp(old->said.text, text) == 0)
            return true;
    }
    return false;
}

static void add(struct leat_findings *findings, enum leat_severity severity,
                const struct leat_spot *at, const char *hint, const char *fmt, va_list args)
{
    if (findings->count == LEAT_FINDINGS_MAX) {
        findings->errors += severity == LEAT_IS_ERROR;
        return;
    }
    struct leat_spot moved = *at;
    const struct leat_spot *spot = &moved;
    move_inside(&moved);
    const char *text = format(findings->arena, fmt, args);
    if (is_said(findings, spot, text))
        return;
    findings->errors += severity == LEAT_IS_ERROR;
    struct leat_finding *finding = &findings->items[findings->count];
    *finding = (struct leat_finding){.spot = moved, .number = findings->count};
    findings->count++;
    finding->said.severity = severity;
    finding->said.file = spot->file ? spot->file->path : NULL;
    finding->said.line = spot->line;
    finding->said.column = spot->column;
    finding->said.width = spot->width;
    finding->said.text = text;
    finding->said.hint = hint ? leat_arena_strdup(findings->arena, hint) : NULL;
}

void leat_finding_error(struct leat_findings *findings, const struct leat_spot *spot, const char *hint,
                        const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(findings, LEAT_IS_ERROR, spot, hint, fmt, args);
    va_end(args);
}

void leat_finding_warn(struct leat_findings *findings, const struct leat_spot *spot, const char *hint,
                       const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(findings, LEAT_IS_WARNING, spot, hint, fmt, args);
    va_end(args);
}

void leat_findings_hide(struct leat_findings *findings, const struct leat_spot *spot)
{
    if (findings->secret_count == findings->secret_cap) {
        findings->secret_cap = findings->secret_cap ? 2 * findings->secret_cap : 8;
        findings->secrets =
            leat_realloc(findings->secrets, findings->secret_cap * sizeof(*findings->secrets));
    }
    findings->secrets[findings->secret_count++] = *spot;
}

/* `${env:...}` and `${file:...}` alone tell nothing, and seeing them helps. */
static bool is_reference(const char *text, size_t len)
{
    if (len > 2 && (*text == '"' || *text == '\'')) {
        text++;
        len -= 2;
    }
    return len > 3 && strncmp(text, "${", 2) == 0 && memchr(text, '}', len) == text + len - 1;
}

/* Writes stars over the characters of `spot` that stand in this line. */
static void blot(char *line, size_t *len, uint32_t number, const struct leat_spot *spot)
{
    if (number < spot->line || number > spot->last_line)
        return;
    uint32_t first = number == spot->line ? spot->column : 1;
    uint32_t last = spot->last_line > spot->line ? UINT32_MAX : spot->column + spot->width;
    uint32_t column = 0;
    size_t kept = 0, from = 0, to = 0;
    for (size_t i = 0; i < *len; i++) {
        column += ((uint8_t)line[i] & 0xC0) != 0x80;
        from += column < first;
        to += column < last;
    }
    if (is_reference(line + from, to - from))
        return;
    column = 0;
    for (size_t i = 0; i < *len; i++) {
        bool is_start = ((uint8_t)line[i] & 0xC0) != 0x80;
        column += is_start;
        if (column < first || column >= last)
            line[kept++] = line[i];
        else if (is_start)
            line[kept++] = '*';
    }
    *len = kept;
}

/* A line of a file that could not be parsed: what stands behind a key that reads like a secret's. */
static void blot_by_name(char *line, size_t *len, uint32_t number)
{
    static const char *const smells[] = {"passw", "pwd", "secret", "token", "credential"};
    for (size_t i = 0; i < sizeof(smells) / sizeof(*smells); i++) {
        for (char *at = line; (at = strcasestr(at, smells[i])) != NULL;) {
            at += strcspn(at, ": ,{}[]");
            if (*at != ':')
                continue;
            char *from = at + 1 + strspn(at + 1, " \t");
            bool is_quoted = *from == '"' || *from == '\'';
            char *to = is_quoted ? strchr(from + 1, *from) : from + strcspn(from, ",}");
            to = to ? to + is_quoted : line + *len;
            struct leat_spot spot = {.line = number, .last_line = number};
            spot.column = (uint32_t)columns(line, from) + 1;
            spot.width = (uint32_t)columns(from, to);
            if (strncmp(from + is_quoted, "${", 2) != 0)
                blot(line, len, number, &spot);
            line[*len] = 0;
            at++;
        }
    }
}

static const char *excerpt(const struct leat_findings *findings, const struct leat_spot *spot)
{
    size_t from, to;
    if (!spot->file || spot->line == 0)
        return NULL;
    find_line(spot->file, spot->line, &from, &to);
    size_t len = to - from < EXCERPT_MAX ? to - from : EXCERPT_MAX;
    char *line = leat_arena_copy(findings->arena, spot->file->text + from, len);
    for (size_t i = 0; i < findings->secret_count; i++)
        if (findings->secrets[i].file == spot->file)
            blot(line, &len, spot->line, &findings->secrets[i]);
    line[len] = 0;
    blot_by_name(line, &len, spot->line);
    struct leat_bytes shown;
    leat_bytes_init(&shown, (size_t)EXCERPT_MAX * 3 + 1);
    leat_text_utf8(&shown, line, len);
    for (size_t i = 0; i < shown.len; i++) /* one column for each control byte, tabs too */
        if (shown.data[i] < 0x20 || shown.data[i] == 0x7F)
            shown.data[i] = shown.data[i] == '\t' ? ' ' : '?';
    const char *copy = leat_arena_copy(findings->arena, shown.data, shown.len);
    leat_bytes_fini(&shown);
    return copy;
}

static int by_place(const void *a, const void *b)
{
    const struct leat_finding *x = a, *y = b;
    uint32_t file_x = x->spot.file ? x->spot.file->number : 0;
    uint32_t file_y = y->spot.file ? y->spot.file->number : 0;
    if (file_x != file_y)
        return file_x < file_y ? -1 : 1;
    if (x->spot.line != y->spot.line)
        return x->spot.line < y->spot.line ? -1 : 1;
    if (x->spot.column != y->spot.column)
        return x->spot.column < y->spot.column ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

void leat_findings_report(struct leat_findings *findings, leat_diagnostic_f *report, void *arg)
{
    qsort(findings->items, findings->count, sizeof(*findings->items), by_place);
    for (size_t i = 0; i < findings->count; i++) {
        struct leat_finding *finding = &findings->items[i];
        finding->said.excerpt = excerpt(findings, &finding->spot);
        if (report)
            report(arg, &finding->said);
    }
}

const char *leat_hint_names(struct leat_arena *arena, const char *typed, const char *const *names,
                            size_t count)
{
    if (count == 0)
        return NULL;
    const char *meant = leat_did_you_mean(typed, names, count);
    if (meant)
        return leat_arena_format(arena, "did you mean \"%s\"?", meant);
    struct leat_bytes list;
    leat_bytes_init(&list, 600);
    leat_bytes_text(&list, count == 1 ? "there is: " : "there are: ");
    for (size_t i = 0; i < count; i++)
        leat_bytes_printf(&list, "%s%s", i ? ", " : "", names[i]);
    const char *text = list.is_over ? NULL : leat_arena_copy(arena, list.data, list.len);
    leat_bytes_fini(&list);
    return text;
}
