/* logger.h - what the daemon says about itself, one event a line, on stderr.
 *
 * Plain:  shop.archive: file out/{topic}.ndjson, exactly-once (readers of closed files)
 * JSON:   {"time":"2026-01-02T03:04:05.678Z","level":"info","name":"shop.archive","text":"..."}
 *
 * The same line said again by the same name within a minute is counted, not printed, and the count is
 * printed with the next one. Control bytes are escaped. Values of records are never said here.
 *
 * Thread: any. A line is written with one write().
 */
#ifndef LEAT_LOGGER_H
#define LEAT_LOGGER_H

#include <leat/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum leat_level { LEAT_DEBUG, LEAT_INFO, LEAT_WARNING, LEAT_ERROR };

/* Says `fmt` at `level` on behalf of `name` ("shop.archive"; NULL: the daemon itself). */
void leat_say(enum leat_level level, const char *name, const char *fmt, ...) LEAT_PRINTF(3, 4);

/* True where a line of this level would be printed: spares the caller costly arguments. */
bool leat_says(enum leat_level level);

#ifdef __cplusplus
}
#endif
#endif
