/* snapshots_parts.h - what the files of snapshots share: snapshots.c takes what readers have read and hands it out, snapshots_open.c which
 * tables are to be read, snapshots_order.c who reads what next, snapshot_job.c one table, window.c rows that a view shows too late or too soon. */
#ifndef LEAT_MYSQL_SNAPSHOTS_PARTS_H
#define LEAT_MYSQL_SNAPSHOTS_PARTS_H

#include <mysql/snapshot_job.h>
#include <mysql/window.h>

struct snapshots {
    struct leat_task *task;
    struct tables *tables;
    const struct snapshots_options *options;
    struct readers *readers;  /* NULL: nothing was to be read yet */
    struct snapshot_job *jobs, **last_job; /* in the order of the tables */
    struct chunk *chunks;     /* on their way */
    struct definition *definitions; /* all of this life */
    bool has_news;            /* jobs that are changed, or `left` */
    char **left;              /* tables that left the config: their keys go */
    size_t left_count;
    bool is_paused;           /* by a signal */
    bool has_patterns;        /* the patterns are to be stored */
    struct leat_time next_at; /* the throttle's */
    struct leat_time said;
};

/* The option's condition for the table; NULL: all rows. */
const char *snapshots_where(const struct snapshots *snapshots, const struct table *table);

/* Gives idle readers something to do. `may_read`: the stream may be made to stand here. OK: a truncate record goes out first. */
enum leat_status snapshots_order(struct snapshots *snapshots, struct stream *stream, bool may_read, struct leat_batch **out,
                                 struct leat_error *err);

/* Progress, for people; not more often than they can read, but at the end. */
void snapshots_say(struct snapshots *snapshots, struct snapshot_job *job);

#endif
