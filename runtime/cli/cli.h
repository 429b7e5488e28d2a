/* cli.h - what the verbs share. Each verb is a file: verb_run.c, verb_check.c ... main.c only dispatches.
 *
 * Results go to stdout, everything else to stderr. Exit statuses: enum leat_exit.
 */
#ifndef LEAT_CLI_CLI_H
#define LEAT_CLI_CLI_H

#include <base/buffer.h>
#include <config/load.h>
#include <control/registry.h>
#include <leat/driver.h>

enum leat_exit {
    EXIT_DONE = 0,
    EXIT_ERROR = 1,
    EXIT_USAGE = 2,
    EXIT_CONFIG = 3,
    /* 4 in use, 5 damaged, 6 fenced, 7 disk: enum leat_cause */
};

struct flag { /* --name, or --name VALUE */
    const char *name, *value_name; /* value_name NULL: a switch */
    const char **value;            /* of one with a value */
    bool *is_set;                  /* of a switch; of one with a value: given more than once (NULL: the last one counts) */
    const char *about;
};

struct verb {
    const char *name, *arguments; /* "FILE..." */
    const char *about;
    int (*run)(const struct verb *verb, int argc, char **argv); /* argv[0]: the first argument */
};
extern const struct verb *const verbs[]; /* ends with NULL */

extern const struct verb verb_run, verb_check, verb_plugins, verb_schema, verb_topics, verb_read, verb_offsets, verb_log,
    verb_status, verb_pause, verb_resume, verb_restart, verb_stop, verb_dead, verb_replay, verb_recover, verb_snapshot, verb_version;

struct arguments { /* what is no flag */
    const char **items;
    size_t count;
};

/* Takes flags out of the arguments; the table ends with a NULL name. False: help or a usage message was printed, *exit says
 * which. `arguments` points into argv. */
bool take_flags(const struct verb *verb, const struct flag *flags, int argc, char **argv, struct arguments *arguments,
                int *exit_status);
int usage_error(const struct verb *verb, const char *fmt, ...) LEAT_PRINTF(2, 3);
/* Prints "leat: text" and gives the exit status that belongs to the cause. */
int fail_with(const struct leat_error *err);

/* A choice among names; -1 and a usage message for another one. */
int take_choice(const struct verb *verb, const char *flag, const char *value, const char *const *choices);

/* Writes to stdout; false: the reader has gone (that is fine: the caller ends with 0). */
bool print_out(const struct leat_bytes *bytes);

/* ---- pipeline files ---- */

struct loaded {
    struct leat_registry *registry;
    struct leat_config *config;
};
/* Loads files with all plug-ins; prints diagnostics to stderr (`as_json`: to stdout). */
int load_files(struct loaded *loaded, const struct arguments *files, bool as_json);
void unload(struct loaded *loaded);

/* ---- topics of a data directory ---- */

#define PLACE_FLAGS(data, file)                                                                           \
    {"data", "DIR", &(data), NULL, "Data directory (default ./leat-data)."},                              \
    {"f", "FILE", &(file), NULL, "Pipeline file that says where the data directory is."}

struct place { /* an open access point */
    char *data;
    char *url;
    const struct leat_driver_type *driver;
    struct leat_access *access;
};
/* Finds the data directory by --data, -f or the default; opens its topics, read-only or for writing. */
int open_place(struct place *place, const char *data, const char *file, bool is_read_only);
void close_place(struct place *place);
/* The data directory alone, absolute; NULL: said why, *exit_status set. */
char *find_data(const char *data, const char *file, char **url, int *exit_status);

/* ---- the running daemon ---- */

/* "GET", "/status": the HTTP status and the body; 0: nobody answers. */
long ask_daemon(const char *data, const char *method, const char *path, struct leat_bytes *out);
void put_query(struct leat_bytes *path, const char *name, const char *value); /* "name=value&", as a URL has it */
int no_daemon(const char *data); /* says so */

#endif
