/* slots.h - a few bytes that survive a crash whole: the older version or the newer one, never a mixture.
 *
 *   file:  slot A | slot B           each `slot_bytes` long; a write goes to the slot that is not the newest
 *   slot:  "LEATSLOT" | sequence u64 | length u32 | CRC-32C u32 of sequence, length and payload | payload
 *
 * Integers are little-endian. Thread: one at a time.
 */
#ifndef LEAT_FILE_SLOTS_H
#define LEAT_FILE_SLOTS_H

#include <base/buffer.h>
#include <leat/error.h>

struct slots {
    int fd;
    size_t slot_bytes;
    uint64_t sequence; /* of the newest slot; 0: there is none */
};

#define SLOTS_HEAD 24 /* bytes of a slot that are not payload */

/* Opens or makes the file and locks it; `payload` receives the newest version (empty: a new file), which is durable then.
 * LEAT_FENCED: held by another process; LEAT_STOP: no slot is whole, though the file is not new. */
enum leat_status slots_open(struct slots *slots, const char *path, size_t slot_bytes, struct leat_bytes *payload,
                            struct leat_error *err);
/* The newest version, without the lock and without making anything: `payload` stays empty where there is no such file. */
enum leat_status slots_peek(const char *path, size_t slot_bytes, struct leat_bytes *payload, struct leat_error *err);
/* The version before the newest; payload stays empty where none is whole. */
enum leat_status slots_before(const struct slots *slots, const char *path, struct leat_bytes *payload, struct leat_error *err);
/* Writes the next version. It is safe once slots_sync() has returned OK. */
enum leat_status slots_write(struct slots *slots, const char *path, const void *payload, size_t len,
                             struct leat_error *err);
enum leat_status slots_sync(struct slots *slots, const char *path, struct leat_error *err);
void slots_close(struct slots *slots);

/* False: `path` was deleted or moved since it was opened: what is written there, nobody finds. */
bool file_is_still_there(int fd, const char *path);
/* What a failed call on `path` means: a full disk is tried again, a failing one needs a person. Uses errno. */
enum leat_status file_failed(const char *path, const char *what, struct leat_error *err);

#endif
