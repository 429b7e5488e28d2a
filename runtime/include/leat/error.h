/* error.h - what a call returns, and the text that explains it.
 *
 * A status says what the *host* does next; it never describes the trouble. The description goes into
 * the caller's struct leat_error, gains context on the way up, and is logged once, by the task.
 * An error text names the thing, the value and the next step:
 *
 *     mysql 127.0.0.1:3306: binlog_format is MIXED; run: SET GLOBAL binlog_format = ROW
 *
 * Thread: a leat_error belongs to its caller; nothing here is shared.
 */
#ifndef LEAT_ERROR_H
#define LEAT_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum leat_status {
    LEAT_OK = 0, /* go on */
    LEAT_AGAIN,  /* nothing now: wait for the fd, the deadline or a wake-up, then ask again */
    LEAT_EOF,    /* the source has ended */
    LEAT_RETRY,  /* close, back off, reopen */
    LEAT_REJECT, /* records marked by leat_batch_reject(); nothing of this batch was applied */
    LEAT_STOP,   /* a person must look; no automatic restart */
    LEAT_FENCED, /* another owner holds this; no restart */
};

/* Why a connector stopped, as far as the exit status of `leat run` tells it apart. */
enum leat_cause {
    LEAT_CAUSE_OTHER = 1,   /* exit status 1 */
    LEAT_CAUSE_CONFIG = 3,  /* the configuration is wrong */
    LEAT_CAUSE_IN_USE = 4,  /* the data directory is in use by another process */
    LEAT_CAUSE_DAMAGED = 5, /* acknowledged data in a log is damaged */
    LEAT_CAUSE_FENCED = 6,  /* fenced by another instance */
    LEAT_CAUSE_DISK = 7,    /* the disk refused a write or sync */
    LEAT_CAUSE_BREAKER = 8, /* too many records were refused */
};

#define LEAT_ERROR_MAX 1024 /* bytes of text, terminator included; longer texts are cut at a character */

struct leat_error {
    enum leat_cause cause;
    char text[LEAT_ERROR_MAX];
};

#if defined(__GNUC__)
#define LEAT_PRINTF(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))
#else
#define LEAT_PRINTF(fmt_at, args_at)
#endif

/* Sets text (control bytes escaped) and cause OTHER (FENCED for LEAT_FENCED); returns `status`, so that
 * a caller writes `return leat_fail(err, LEAT_STOP, ...)`. `err` may be NULL. */
enum leat_status leat_fail(struct leat_error *err, enum leat_status status, const char *fmt, ...)
    LEAT_PRINTF(3, 4);

/* The same with a cause. */
enum leat_status leat_fail_as(struct leat_error *err, enum leat_status status, enum leat_cause cause,
                              const char *fmt, ...) LEAT_PRINTF(4, 5);

/* Puts "context: " before the text that is there. */
void leat_error_context(struct leat_error *err, const char *fmt, ...) LEAT_PRINTF(2, 3);

/* "OK", "AGAIN", ... */
const char *leat_status_name(enum leat_status status);

#ifdef __cplusplus
}
#endif
#endif
