/* findings.h - what is wrong in the files, gathered so that all of it is said at once.
 *
 * Findings are sorted by place and printed at the end. Places of secrets are remembered, and blotted out of
 * every excerpt.
 */
#ifndef LEAT_CONFIG_FINDINGS_H
#define LEAT_CONFIG_FINDINGS_H

#include <base/arena.h>
#include <config/load.h>

struct leat_text_file {
    const char *path; /* as the user wrote it */
    const char *dir;  /* absolute: what its paths are relative to */
    const char *text; /* terminated, without a byte order mark */
    size_t len;
    uint32_t number; /* order of the files */
};

/* A run of characters in a file. */
struct leat_spot {
    const struct leat_text_file *file;
    uint32_t line, column; /* from 1 */
    uint32_t width;        /* in characters; 0: nothing to underline */
    uint32_t last_line;    /* of the same node, for blotting */
};

#define LEAT_FINDINGS_MAX 200 /* more are counted, not kept */

struct leat_finding {
    struct leat_diagnostic said;
    struct leat_spot spot;
    size_t number; /* order of finding */
};

struct leat_findings {
    struct leat_arena *arena;
    struct leat_finding *items;
    size_t count, errors;
    struct leat_spot *secrets;
    size_t secret_count, secret_cap;
};

void leat_findings_init(struct leat_findings *findings, struct leat_arena *arena);
void leat_findings_fini(struct leat_findings *findings);

/* `hint` is copied and may be NULL. */
void leat_finding_error(struct leat_findings *findings, const struct leat_spot *spot, const char *hint,
                        const char *fmt, ...) LEAT_PRINTF(4, 5);
void leat_finding_warn(struct leat_findings *findings, const struct leat_spot *spot, const char *hint,
                       const char *fmt, ...) LEAT_PRINTF(4, 5);

/* The text at this spot must not be shown. */
void leat_findings_hide(struct leat_findings *findings, const struct leat_spot *spot);

/* Sorts them, fills in the excerpts and hands out all. */
void leat_findings_report(struct leat_findings *findings, leat_diagnostic_f *report, void *arg);

/* `did you mean "tables"?`, or the names that there are, or NULL where there is nothing to say. */
const char *leat_hint_names(struct leat_arena *arena, const char *typed, const char *const *names,
                            size_t count);

#endif
