/* snapshot_job.h - one table that is being read, for the files of snapshots: what is known of it, kept in the positions, and what of
 * its events goes out meanwhile. */
#ifndef LEAT_MYSQL_SNAPSHOT_JOB_H
#define LEAT_MYSQL_SNAPSHOT_JOB_H

#include <mysql/chunk.h>
#include <mysql/snapshots.h>

struct snapshot_job {
    struct table *table;
    char *where;  /* NULL: all rows */
    bool is_where_ordered;  /* it is an order's, and not the option's */
    uint32_t refused;       /* definitions in a row by which the server did not take it */
    bool is_anew; /* a truncate record is to go out first */
    bool is_merge;
    bool is_done, is_gone; /* gone: there is no such table */
    bool is_describing, is_planning;
    uint32_t spoiled; /* windows in a row */
    bool is_changed;  /* and is not in the positions yet */
    bool is_stored;   /* that it is done, or gone */
    bool is_stopped;  /* by an order */
    bool begins_anew; /* something came that makes what was read worthless */
    const struct definition *definition; /* NULL: to be described */
    uint32_t described_at;               /* table->statements then */
    struct extent extent;
    bool has_extent;
    const struct leat_value *stored; /* what the positions told; lives until close() */
    uint32_t active;                 /* chunks on their way */
    struct chunk *windows;           /* those that the stream is within */
    uint32_t rows_of_batch;          /* in a full one; 0: not known */
    uint64_t rows, about_rows;
    struct leat_time began, again_at;
    struct snapshot_job *next;
};

struct snapshot_job *job_new(struct table *table, enum snapshot_how how, const char *where);
void job_free(struct snapshot_job *job);

/* From a position's value that is not {done: true}; of a source that goes on. */
void job_load(struct snapshot_job *job, const struct leat_value *value);
void job_store(struct snapshot_job *job, struct leat_batch *batch);

/* Takes over what a reader has found; what was read before stays, where the key is the same. */
void job_describe(struct snapshot_job *job, const struct definition *definition);
/* Nothing of it is read. */
void job_begin_anew(struct snapshot_job *job);
/* Events cannot be judged before it is described: what was read is told by a key that is not known yet. */
bool job_holds_stream(const struct snapshot_job *job);

#endif
