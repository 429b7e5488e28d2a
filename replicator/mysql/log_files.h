/* log_files.h - recorded binary log files, read as one log: by number, each event with its place.
 *
 *   "/backup/bin.*" --> bin.000007 bin.000008 ... --> log_files_next(): one event after the other
 *
 * Names that a pattern matches and that do not end in a number (bin.index, bin.000007.idx) are no log files. A number that is
 * missing between two files stops the reader: what it held would be lost without a word; so does a file that ends within
 * an event while a newer one is there. The newest file may still grow, and newer ones may come.
 */
#ifndef LEAT_MYSQL_LOG_FILES_H
#define LEAT_MYSQL_LOG_FILES_H

#include <leat/error.h>
#include <leat/option.h>
#include <mysql_protocol/event.h>

struct log_files;

struct log_event {
    const uint8_t *bytes; /* good until the next call */
    size_t len;
    const char *file; /* its name, without directories */
    uint64_t at;      /* where it begins */
    bool is_moved;    /* it does not follow the event before: another file, or another place */
};

/* Starts with the FORMAT event of `file`, then goes on at `pos`; "": with the oldest file's first event. STOP: no such file. */
enum leat_status log_files_open(struct log_files **files, const struct leat_list *patterns, const char *file, uint64_t pos,
                                struct leat_error *err);
void log_files_close(struct log_files *files);

/* AGAIN: the newest file has no more whole event. STOP, naming file and offset: what is there is no event. */
enum leat_status log_files_next(struct log_files *files, struct log_event *event, struct leat_error *err);

/* Where we are: the next event's place; and how many bytes of one that is cut short are there. */
const char *log_files_name(const struct log_files *files);
uint64_t log_files_pos(const struct log_files *files);
uint64_t log_files_torn(const struct log_files *files);

#endif
