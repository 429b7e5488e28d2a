/* marks.h - the sink's own mark: for each split, the place up to which all its files are settled. One two-slot file,
 * which is also the lock that keeps a second daemon out. */
#ifndef LEAT_FILE_MARKS_H
#define LEAT_FILE_MARKS_H

#include <file/slots.h>
#include <leat/sink.h>

struct marks {
    char *path;
    struct slots slots;
    struct leat_splits claim;
    struct leat_mark *items; /* one for each claimed split */
    struct leat_bytes others; /* encoded marks of splits that are not claimed now: kept as they are */
    char owner[LEAT_OWNER_MAX]; /* who this is, for a second daemon's message */
    char was[LEAT_OWNER_MAX]; /* who wrote the marks that were found */
    struct leat_bytes frozen; /* what marks_write() stores */
};

/* Locks, reads, claims: each mark's owner_epoch is raised and stored. `dir` ends with a slash, or is empty. */
enum leat_status marks_open(struct marks *marks, const char *dir, struct leat_task *task,
                            const struct leat_splits *claim, struct leat_error *err);
/* What marks_open() would find, without lock and claim. */
enum leat_status marks_peek(const char *dir, const char *connector, const struct leat_splits *claim, struct leat_marks *found,
                            struct leat_error *err);
/* `leat recover`: the split's mark is of a log that was lost, and gives way to one of the new log. What it said is kept beside the
 * marks, for files that are opened later. */
void marks_keep_lost(struct marks *marks, uint32_t split);
/* The marks that were kept so, one by one, from *at = 0 on. */
bool marks_next_lost(const struct marks *marks, size_t *at, char split[LEAT_OWNER_MAX], struct leat_mark *mark);
/* Takes a copy of the marks as they are now, and makes that copy durable: two steps, so that one thread may go on with
 * the marks while another one waits for the disk. */
enum leat_status marks_freeze(struct marks *marks, struct leat_error *err);
enum leat_status marks_write(struct marks *marks, struct leat_error *err);
void marks_close(struct marks *marks);

#endif
