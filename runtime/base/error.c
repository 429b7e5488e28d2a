#include <base/text.h>
#include <stdio.h>

/* Cuts at a character, never inside one. */
static void set_text(struct leat_error *err, const char *text)
{
    size_t len = strlen(text);
    if (len >= LEAT_ERROR_MAX) {
        len = LEAT_ERROR_MAX - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    memmove(err->text, text, len);
    err->text[len] = '\0';
}

static void set_escaped(struct leat_error *err, const char *text)
{
    struct leat_bytes escaped;
    leat_bytes_init(&escaped, 8 * (size_t)LEAT_ERROR_MAX);
    leat_text_escape(&escaped, text, strlen(text));
    leat_bytes_put(&escaped, 0);
    set_text(err, (const char *)escaped.data);
    leat_bytes_fini(&escaped);
}

static void fail(struct leat_error *err, enum leat_cause cause, const char *fmt, va_list args)
{
    char text[2 * LEAT_ERROR_MAX];
    if (!err)
        return;
    vsnprintf(text, sizeof text, fmt, args);
    err->cause = cause;
    set_escaped(err, text);
}

enum leat_status leat_fail(struct leat_error *err, enum leat_status status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fail(err, status == LEAT_FENCED ? LEAT_CAUSE_FENCED : LEAT_CAUSE_OTHER, fmt, args);
    va_end(args);
    return status;
}

enum leat_status leat_fail_as(struct leat_error *err, enum leat_status status, enum leat_cause cause,
                              const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fail(err, cause, fmt, args);
    va_end(args);
    return status;
}

void leat_error_context(struct leat_error *err, const char *fmt, ...)
{
    if (!err)
        return;
    char text[2 * LEAT_ERROR_MAX + 2];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, LEAT_ERROR_MAX, fmt, args);
    va_end(args);
    if (len < 0)
        return;
    size_t at = len < LEAT_ERROR_MAX ? (size_t)len : LEAT_ERROR_MAX - 1;
    snprintf(text + at, sizeof text - at, ": %s", err->text);
    set_text(err, text);
}

const char *leat_status_name(enum leat_status status)
{
    static const char *const names[] = {"OK", "AGAIN", "EOF", "RETRY", "REJECT", "STOP", "FENCED"};
    return (unsigned)status < sizeof names / sizeof *names ? names[status] : "?";
}
