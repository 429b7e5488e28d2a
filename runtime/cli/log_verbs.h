/* log_verbs.h - what `leat log` can do: each has a file, log_NAME.c. verb_log.c only dispatches. */
#ifndef LEAT_CLI_LOG_VERBS_H
#define LEAT_CLI_LOG_VERBS_H

#include <base/clock.h>
#include <cli/cli.h>

/* As a verb's run(); the name is among the arguments. */
int log_verify(const struct verb *verb, int argc, char **argv);
int log_salvage(const struct verb *verb, int argc, char **argv);
int log_dump(const struct verb *verb, int argc, char **argv);

/* ---- log_which.c ---- */

/* Calls for the directory of a log: `which` is its name in the data directory, or a directory (with a slash in it), or NULL for
 * all there are. The highest exit status of all. */
int each_log(const char *which, const char *data, const char *file, int (*call)(const char *dir, void *arg), void *arg);

/* ---- log_print.c: what they print alike ---- */

/* `, "name": value` of an object that is begun. */
void put_json_text(struct leat_bytes *out, const char *name, const char *text);
void put_json_number(struct leat_bytes *out, const char *name, uint64_t number);
void put_json_time(struct leat_bytes *out, const char *name, int64_t wall_us);

struct log_progress {
    struct leat_time began, said; /* both: when it began */
};
/* A line on stderr, from time to time: how much, how fast, how long still. */
void print_log_progress(struct log_progress *progress, const char *name, const char *what, uint64_t done, uint64_t total);

#endif
