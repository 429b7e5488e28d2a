/* target.h - one file that the sink writes, and the mark beside it.
 *
 *   mark  { size, CRC of the last bytes, first offset, opened, closing, per split: cursor of the last record }
 *
 *   freeze    lines and places, as they are now -> what the next settle makes durable
 *   settle    frozen lines -> pwrite -> fdatasync -> mark -> fdatasync   (the two syncs are the sink's to order)
 *   open      cuts what lies beyond `size`: at most what one settle could have written; a shorter file or another
 *             CRC means that somebody else wrote here: LEAT_STOP
 *   rotate    settle with `closing` -> rename to NAME-<first offset>.EXT -> mark of a new, empty file; where that name
 *             is taken (offsets are a topic's, and a path may hold several) NAME-<first offset>_1.EXT, _2, ...
 *
 * A crash between any two steps leaves a mark from which open() goes on. Records at or before their split's cursor
 * were written already: target_wants() says so.
 *
 * Thread: the owner's. From target_freeze() to the end of target_mark_sync(), `frozen`, the descriptor and the mark's
 * file are another thread's, if the owner says so; adding lines touches none of them.
 */
#ifndef LEAT_FILE_TARGET_H
#define LEAT_FILE_TARGET_H

#include <file/slots.h>
#include <leat/sink.h>

#define TARGET_SPLITS_MAX 64

struct target_place { /* how far a split's records are in this file */
    uint64_t split;   /* hash of the split's name */
    struct leat_cursor cursor;
};

struct target_mark { /* as it is stored */
    uint64_t size;
    uint32_t tail_crc;
    bool is_closing;
    uint64_t first_offset; /* of the file's first record; UINT64_MAX: has none yet */
    int64_t opened_us;     /* wall time of its first record, 0: has none */
    uint64_t connector;    /* hash of the owner's name */
    struct target_place places[TARGET_SPLITS_MAX];
    uint32_t place_count;
};

struct target_slice { /* of the bytes that the sink holds for all its files */
    size_t at, len;
};

struct target_lines { /* a file's part of them, in its order */
    struct target_slice *slices;
    uint32_t count, cap;
    size_t bytes;
};

struct target {
    char *path, *mark_path;
    int fd; /* -1: not open */
    struct slots slots;        /* the mark's file */
    struct target_lines lines; /* not frozen yet */
    struct target_mark mark;   /* as it is with `lines`: its size is the file's when they are written */
    bool is_dirty;             /* something is not frozen */
    struct {
        struct target_lines lines;
        struct target_mark mark;
    } frozen;
    uint64_t used; /* for closing the one that was used longest ago */
};

struct target_lost { /* the sink's mark of a log that was lost: what lies behind it comes again, out of the new log */
    uint64_t split;
    struct leat_cursor cursor;
};

struct target *target_new(const char *path);
/* Opens, recovers. `connector` owns the file: another one's mark is refused. A file that is ahead of a lost mark, by the one
 * settle that a crash had cut in two, goes back to the version before. */
enum leat_status target_open(struct target *target, const char *connector, const struct target_lost *lost, uint32_t lost_count,
                             struct leat_error *err);
void target_free(struct target *target);

/* False: this record is in the file already. */
/* The sink was sent back: its records come again, and are new to the file. `was` becomes `split`. */
void target_send_back(struct target *target, uint64_t was, uint64_t split);
bool target_wants(const struct target *target, uint64_t split, const struct leat_cursor *cursor);
enum leat_status target_add(struct target *target, uint64_t split, const struct leat_cursor *cursor,
                            uint64_t offset, struct target_slice line, struct leat_error *err);

/* What was added so far becomes the next settle's. */
void target_freeze(struct target *target, bool is_closing);
/* The four steps of a settle, in this order; a sink takes each for all its targets before the next. `bytes`: what the
 * slices speak of. */
enum leat_status target_write(struct target *target, uint8_t *bytes, struct leat_error *err);
enum leat_status target_sync(struct target *target, struct leat_error *err);
enum leat_status target_mark(struct target *target, struct leat_error *err);
enum leat_status target_mark_sync(struct target *target, struct leat_error *err);

/* Settles, renames, begins a new file. `closed` is the closed file's path, for the caller to free. */
enum leat_status target_rotate(struct target *target, uint8_t *bytes, char **closed, struct leat_error *err);

/* "out/a.ndjson", 17 -> "out/a-00000000000000000017.ndjson", the `further`th of it with "_1", "_2" ...; to be freed. */
char *target_closed_path(const char *path, uint64_t first_offset, unsigned further);

#endif
