/* remains.h - a log's directory as it is found, whatever is wrong with it: for dump and salvage. Read-only. */
#ifndef LEAT_COMMITLOG_REMAINS_H
#define LEAT_COMMITLOG_REMAINS_H

#include <commitlog/inside.h>

typedef void remains_note_f(void *arg, const char *text);

/* Whose IDENTITY or headers of segments are damaged is told by what is whole; `note` hears of it. Every file of
 * `segments/` is there then, the newest one up to its size. LEAT_STOP: a newer version, or nothing says which log it is. */
enum leat_status remains_open(struct leat_log **log, const char *dir, const struct leat_os *os, remains_note_f *note, void *arg,
                              struct leat_error *err);

/* scan_next(), from a disk that cannot give some block: it is asked for the frame alone then, and not for what follows. */
enum scan_result remains_next(struct scan *scan, struct frame_head *head, const uint8_t **body, struct leat_error *err);

/* The next header of a frame in [from, to) of the segment that `scan` is in, steps over what cannot be read. */
bool remains_find(struct scan *scan, uint64_t from, uint64_t to, struct frame_head *head);

#endif
