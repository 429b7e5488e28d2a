/* chunk.h - one part of a table is read: by a reader, which is a side thread with a connection of its own.
 *
 *   owner: reader_ask()   ->   ASKED: describes the table, looks for a part's end, or opens a view
 *                              OPEN: a view of `place`; rows are read, parcels come        (CHUNK_READ alone)
 *   reader_take_parcel()  <-   ENDED: nothing more comes; `status` tells whether all was read
 *   chunk_free()
 *
 * A chunk that is ENDED may still have parcels, and its reader may be asked for the next one meanwhile. A reader holds at most its quota of
 * batches, which it fills or which wait in parcels: then it waits, and with it the server.
 *
 * The lock of `struct readers` is held by the functions that look at a chunk's state; what the owner writes before it asks, and the reader before
 * the state changes, needs none.
 */
#ifndef LEAT_MYSQL_CHUNK_H
#define LEAT_MYSQL_CHUNK_H

#include <base/thread.h>
#include <mysql/extent.h>
#include <mysql/view.h>

/* A table as a reader knows it; not changed once it is made. */
struct definition {
    struct table *table;
    struct extent shape; /* of its key; nothing in it is read */
    bool is_binary;      /* its rows come by the binary protocol */
    uint64_t signature;  /* of the columns that its SELECT gave */
    uint64_t about_rows;
    struct definition *next; /* for who keeps them */
};
void definition_free(struct definition *definition);

enum chunk_kind { CHUNK_DESCRIBE, CHUNK_PLAN, CHUNK_READ };
enum chunk_state { CHUNK_ASKED, CHUNK_OPEN, CHUNK_ENDED };
enum chunk_trouble { /* with LEAT_REJECT: nothing is wrong with the connection */
    CHUNK_FINE,
    CHUNK_NO_TABLE,
    CHUNK_OTHER_TABLE, /* another definition: to be described again */
    CHUNK_CONDITION,   /* the server takes no such statement, and there is a condition in it; `err` is its word */
    CHUNK_TOO_OLD,     /* no view shows all that is before `since` yet */
    CHUNK_DISTURBED,   /* by a lock or a statement; to be read again */
};

struct parcel { /* rows on their way to the owner */
    struct leat_batch *batch;
    struct extent_key *last; /* all of the part up to it is in this and the parcels before; NULL: that cannot be told */
    bool is_last;            /* all of the part is */
    uint32_t rows;
    struct parcel *next;
};

#define CHUNK_PLANS 4

struct snapshot_job;
struct touched;

struct chunk {
    /* The owner's order. */
    enum chunk_kind kind;
    const struct table *of;               /* its names and forms alone may be looked at */
    const struct definition *definition;  /* not of CHUNK_DESCRIBE */
    char *where;                          /* in SQL, the chunk's own; NULL: all rows */
    struct extent_key *from, *to;
    uint32_t limit;                       /* rows; of CHUNK_PLAN: of each part */
    struct position since;                /* S: the view shows all that is before it */
    char ended_file[256];                 /* the last transaction before `since` ended there; "": not known */
    uint64_t ended_pos;
    bool needs_lock;                      /* a view of exactly one place, whatever the server */
    /* Under the lock. */
    enum chunk_state state;
    bool is_void; /* the owner wants none of it any more */
    struct parcel *parcels, **last_parcel;
    /* The reader's answer: from OPEN on ... */
    struct view view;
    /* ... from ENDED on. */
    enum leat_status status;
    enum chunk_trouble trouble;
    struct leat_error err;
    struct definition *described;  /* of CHUNK_DESCRIBE: the owner's now */
    struct extent_key *planned[CHUNK_PLANS]; /* of CHUNK_PLAN, ascending; what is behind them is smaller than `limit` where they are fewer */
    uint32_t planned_count;
    struct row_reader *reader;
    /* The owner's own. */
    struct chunk *next, *next_window;
    struct snapshot_job *job;
    struct extent_part *part; /* NULL: it is read */
    uint32_t statements;      /* table->statements when it was asked for */
    bool is_open;             /* its view is, and the owner has seen it */
    bool has_given;           /* rows of it went out */
    bool is_spoiled;          /* by what came within it */
    struct touched *touched;  /* window.c's */
};

struct readers { /* all of a source */
    struct leat_task *task;
    const struct client_options *options;
    unsigned read_timeout_s;
    struct leat_lock lock;
    struct leat_cond changed;
    bool is_closing;
    uint32_t count, running, quota;
    struct row_reader *items;
};

/* As many as there is room for batches, at most `wanted`. */
enum leat_status readers_start(struct readers **readers, uint32_t wanted, const struct client_options *options,
                               unsigned read_timeout_s, struct leat_task *task, struct leat_error *err);
/* The host has shut what the side threads wait for, so this is short. */
void readers_stop(struct readers *readers);
void readers_free(struct readers *readers); /* behind that, and behind the last chunk_free() */

struct chunk *chunk_new(enum chunk_kind kind, const struct table *of);
/* Gives its batches back. */
void chunk_free(struct readers *readers, struct chunk *chunk);

bool readers_have_idle(struct readers *readers);
/* False: every reader has something to do. The chunk stays the owner's. */
bool readers_ask(struct readers *readers, struct chunk *chunk);
enum chunk_state readers_look(struct readers *readers, const struct chunk *chunk, bool *has_parcels);
/* The next one, to be freed by the caller with the batch handed on; NULL: none now. */
struct parcel *readers_take(struct readers *readers, struct chunk *chunk);
void readers_void(struct readers *readers, struct chunk *chunk);

#endif
