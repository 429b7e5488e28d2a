/* xa.h - transactions that were prepared (XA PREPARE) and are not committed yet, nor rolled back.
 *
 *   log: ... | GTID, rows, XA PREPARE | other transactions ... | GTID, XA COMMIT | ...
 *                 the group                                        where its rows become records
 *
 * Both servers log the rows when a transaction is prepared, which may be rolled back long after. So they are not taken there:
 * the group's place is kept, with the position as ["xa", name] -> {file, pos, gtid, own}, and a small group's events in memory.
 * At XA COMMIT its events are taken, from memory or from the server once more (detour.h); at XA ROLLBACK it is forgotten.
 * Names are the server's own: X'61',X'',1.
 */
#ifndef LEAT_MYSQL_XA_H
#define LEAT_MYSQL_XA_H

#include <base/hash.h>
#include <mysql/position.h>

struct xa_group {
    char *name;
    struct position place;        /* before its GTID */
    char own[LEAT_GTID_TEXT_MAX]; /* its GTID; "": none, it is the first group from its place on */
    struct leat_binlog_format format;
    struct leat_bytes events; /* u32 length, event, ... */
    bool is_kept;             /* `events` are all of it */
    bool has_rows;            /* of a captured table, or that is not known */
    bool is_changed;          /* not in the position yet */
};

struct xa {
    struct leat_table groups; /* by name */
    struct leat_table gone;   /* names that the position still has: to themselves */
    struct xa_group *now;     /* the one that the log is within; it has no name yet */
    size_t kept_bytes;        /* of all groups */
};

void xa_init(struct xa *xa);
void xa_fini(struct xa *xa);
/* STOP: an entry that cannot be read. */
enum leat_status xa_load(struct xa *xa, const struct leat_positions *from, struct leat_error *err);
/* What changed since the last call into the batch's position. */
void xa_store(struct xa *xa, struct leat_batch *batch);

/* A group begins behind `place`. */
void xa_begin(struct xa *xa, const struct position *place, const char *own, const struct leat_binlog_format *format);
/* One more event of it. */
void xa_keep(struct xa *xa, const uint8_t *bytes, size_t len);
/* It is prepared under that name. */
struct xa_group *xa_prepare(struct xa *xa, const char *name);
/* It is none after all. */
void xa_forget_now(struct xa *xa);

struct xa_group *xa_find(const struct xa *xa, const char *name);
void xa_forget(struct xa *xa, struct xa_group *group);
/* The log that they lie in is gone. */
void xa_forget_all(struct xa *xa);

/* X'61',X'',1 from an XA_PREPARE event, of any size that a server has. */
#define XA_NAME_MAX 320
bool xa_name(const struct leat_binlog_event *ev, char name[XA_NAME_MAX], bool *is_one_phase);

#endif
