/* target.h - one file that the sink writes, and the mark beside it.
 *
 *   mark  { size, CRC of the last bytes, first offset, opened, closing, per split: cursor of the last record }
 *
 *   settle    lines -> pwrite -> fdatasync -> mark -> fdatasync         (the two syncs are the sink's to order)
 *   open      cuts what lies beyond `size`: at most what one settle could have written; a shorter file or another
 *             CRC means that somebody else wrote here: LEAT_STOP
 *   rotate    settle with `closing` -> rename to NAME-<first offset>.EXT -> mark of a new, empty file; where that name
 *             is taken (offsets are a topic's, and a path may hold several) NAME-<first offset>_1.EXT, _2, ...
 *
 * A crash between any two steps leaves a mark from which open() goes on. Records at or before their split's cursor
 * were written already: target_wants() says so.
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

struct target {
    char *path, *mark_path;
    int fd; /* -1: not open */
    struct slots mark;
    struct leat_bytes lines; /* not written yet */
    uint64_t written;        /* bytes in the file, all but `lines` */
    uint64_t settled;        /* of these, safe with their mark */
    uint64_t first_offset;   /* of its first record; UINT64_MAX: has none yet */
    int64_t opened_us;       /* wall time of its first record, 0: has none */
    struct target_place places[TARGET_SPLITS_MAX];
    uint32_t place_count;
    bool is_dirty; /* something is not settled */
    uint64_t used; /* for closing the one that was used longest ago */
};

struct target *target_new(const char *path);
/* Opens, recovers. `connector` owns the file: another one's mark is refused. */
enum leat_status target_open(struct target *target, const char *connector, struct leat_error *err);
void target_free(struct target *target);

/* False: this record is in the file already. */
bool target_wants(const struct target *target, uint64_t split, const struct leat_cursor *cursor);
enum leat_status target_add(struct target *target, uint64_t split, const struct leat_cursor *cursor,
                            uint64_t offset, const void *line, size_t len, struct leat_error *err);

/* The four steps of a settle, in this order; a sink takes each for all its targets before the next. */
enum leat_status target_write(struct target *target, struct leat_error *err);
enum leat_status target_sync(struct target *target, struct leat_error *err);
enum leat_status target_mark(struct target *target, const char *connector, bool is_closing, struct leat_error *err);
enum leat_status target_mark_sync(struct target *target, struct leat_error *err);

/* Settles, renames, begins a new file. `closed` is the closed file's path, for the caller to free. */
enum leat_status target_rotate(struct target *target, const char *connector, char **closed,
                               struct leat_error *err);

static inline uint64_t target_size(const struct target *target)
{
    return target->written + target->lines.len;
}

/* "out/a.ndjson", 17 -> "out/a-00000000000000000017.ndjson", the `further`th of it with "_1", "_2" ...; to be freed. */
char *target_closed_path(const char *path, uint64_t first_offset, unsigned further);

#endif
