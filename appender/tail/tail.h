/* tail.h - follows text files: each line a record, exactly once over restarts, kills and rotation by rename.
 *
 *   discover.c   patterns -> files that are there; rotated and vanished ones
 *   file.c       one followed file: identity, place, lines into a batch
 *   order.c      which file had a path before which
 *   watch.c      inotify: which files have news
 *   tail.c       the source: the round over files with news
 *
 * Identity of a file is (device, inode) plus a fingerprint: the CRC of its first bytes that were already read, at
 * most 1,024. An inode that was given to another file shows by its fingerprint, and is read from its start.
 *
 * Position, one key for each file, so that a unit carries only the files that moved:
 *
 *   ["file", device, inode] -> {path: "/var/log/a.log.1", offset: 4711, head: 305419896, head_len: 1024,
 *                               origin: "/var/log/a.log"}
 *
 * `origin` is the path that it had before it was rotated; left out where it is `path`. `offset` is the byte behind the last line that became a record. A renamed file is read to its end under its
 * old identity before it is let go; its key goes when it has been quiet for `rotate_wait`. Its follower's lines wait
 * until it has none left, so that lines come in the order in which they were written. copytruncate is seen
 * (the file is shorter than our place, or begins otherwise) and begins anew; what was truncated before it was
 * read is lost by the writer's doing, and said.
 */
#ifndef LEAT_TAIL_H
#define LEAT_TAIL_H

#include <base/hash.h>
#include <base/os.h>
#include <leat/source.h>

extern const struct leat_source_type leat_source_tail;

#define TAIL_HEAD_MAX 1024

struct tail_head { /* fingerprint of what was read */
    uint32_t crc, len;
};

struct tail_file {
    char *path, *origin;
    int fd; /* -1: to be opened when there is news */
    uint64_t device, inode;
    uint64_t stored_device; /* its position stands under this one: after a reboot the number may be another */
    uint64_t offset;
    uint64_t size; /* when last looked at */
    struct tail_head head;
    bool has_news;   /* is in the round */
    bool is_rotated; /* its path belongs to another file now, or to none */
    bool is_moved;   /* place to be stored with the next batch */
    bool is_aside;   /* cannot be read just now: tried again at each refresh, the others go on */
    struct leat_time let_go; /* rotated and quiet until here: closed */
    struct tail_file *before, *after; /* of the files with this origin: order.c */
    struct tail_file *next_news;
};

enum tail_from { TAIL_BEGINNING, TAIL_END };
enum tail_lost { TAIL_GAP, TAIL_STOP };

struct tail {
    /* options */
    struct leat_list paths, exclude;
    int64_t from, lost;
    int64_t refresh_us, rotate_wait_us;
    int64_t max_line;
    const char *path_field;
    /* while open */
    struct leat_task *task;
    const struct leat_schema *schema;
    const struct leat_topic *topic;
    struct leat_table by_identity; /* "device:inode" -> file */
    struct leat_table by_path;     /* the file that has the path now */
    struct leat_table last_at;     /* the newest file that ever had it, and is not let go */
    struct tail_file *first_news, **last_news;
    struct leat_value *removed; /* position keys to remove with the next batch */
    size_t removed_count, removed_cap;
    char **vanished; /* paths for gap records */
    size_t vanished_count, vanished_cap;
    int watch_fd;
    struct leat_table watched; /* directory -> itself */
    char **watch_dirs;         /* by watch descriptor */
    size_t watch_dir_cap;
    struct leat_time next_refresh;
    uint32_t aside; /* how many are */
    bool is_once;
    bool has_moved; /* the batch at hand carries a position */
    bool is_narrow; /* batches are so small that a chunk of the usual size fills one */
};

/* ---- file.c ---- */

struct tail_file *tail_file_new(const char *path, const char *origin, const struct stat *st);
void tail_file_free(struct tail_file *file);

/* Opens it if that can be done, so that a file that is unlinked can still be read to its end. */
void tail_file_hold(struct tail_file *file);

/* SAME: it still begins with the bytes that were read of it. OTHER: it does not, or is shorter than our place: it was
 * truncated or replaced. UNREADABLE: that cannot be told; errno. */
enum tail_likeness { TAIL_SAME, TAIL_OTHER, TAIL_UNREADABLE };
enum tail_likeness tail_file_likeness(struct tail_file *file);

/* Adds lines to `batch` until it is full or the file has no more whole lines. *more: it may have. A rotated file's
 * last line counts without its newline when `is_final`. */
enum leat_status tail_file_read(struct tail *tail, struct tail_file *file, struct leat_batch *batch, bool is_final,
                                bool *more, struct leat_error *err);

/* Adds its position key and value to the batch, if its place has moved. */
void tail_file_store(struct tail_file *file, struct leat_batch *batch);
/* Adds that it has none any more. */
void tail_file_remove(const struct tail_file *file, struct leat_batch *batch);
struct leat_value tail_file_key(uint64_t device, uint64_t inode, struct leat_value items[3]);

/* ---- order.c ---- */

/* The path of which `path` is a rotated name, if that one is followed ("a.log" for "a.log.1" and "a.log-20260102"), or
 * `path` itself. To be freed. */
char *tail_order_origin(const struct tail *tail, const char *path);
/* Among those of its origin: by the time when they were written to last, and the one that has the path is the newest. */
void tail_order_join(struct tail *tail, struct tail_file *file);
void tail_order_leave(struct tail *tail, struct tail_file *file);
/* Reads what is left of the files that had its path before. *more: the batch is full, it is not its turn yet. */
enum leat_status tail_order_read_before(struct tail *tail, struct tail_file *file, struct leat_batch *batch, bool *more,
                                        struct leat_error *err);

/* ---- discover.c ---- */

/* Takes over stored positions, finds the files; call once at open. */
enum leat_status tail_discover_first(struct tail *tail, const struct leat_positions *from, struct leat_error *err);
/* Looks again: new files, rotated ones, vanished ones, sizes. */
enum leat_status tail_discover_again(struct tail *tail, struct leat_error *err);

/* ---- watch.c ---- */

/* inotify on the directories of followed files; where it cannot be had, the refresh alone finds news. */
void tail_watch_open(struct tail *tail);
void tail_watch_path(struct tail *tail, const char *path);
/* Reads events: puts files with news into the round; true when a name came or went. */
bool tail_watch_read(struct tail *tail);
void tail_watch_close(struct tail *tail);

/* ---- tail.c ---- */

void tail_has_news(struct tail *tail, struct tail_file *file);
struct tail_file *tail_find(struct tail *tail, uint64_t device, uint64_t inode);
void tail_add(struct tail *tail, struct tail_file *file);
/* Forgets a file and frees it; its key is the caller's to remove. */
void tail_forget(struct tail *tail, struct tail_file *file);

#endif
