/* sim_disk.h - a disk in memory that loses power, after the worst that POSIX allows.
 *
 * Each file has a cache and what is on the platter. fsync and fdatasync bring a file's content and size over; fsync of
 * a directory brings over its names. When the power goes, of what was not synced there stays: any subset of 512-byte
 * sectors, the old size or the new one, any subset of creates, renames and unlinks. A failed sync drops what was dirty
 * and says so once; the cache then shows what the platter lacks, as on Linux.
 *
 * Chance, of the disk and of getrandom(), comes from the seed: the same calls leave the same bytes.
 * The table of calls has no argument, so there is one disk at a time, for one thread.
 */
#ifndef LEAT_KIT_SIM_DISK_H
#define LEAT_KIT_SIM_DISK_H

#include <base/os.h>

struct sim_disk;

struct sim_disk *sim_disk_new(uint64_t seed); /* with an empty directory "/d"; the one in use from now on */
void sim_disk_free(struct sim_disk *disk);
const struct leat_os *sim_disk_os(void);

/* Calls that change something are counted. At the `calls`th from now the power goes: it is half done at most, and
 * every call after it fails. 0: not any more. */
void sim_disk_cut_at(struct sim_disk *disk, uint32_t calls);
/* The `calls`th from now fails with `error` (EIO, ENOSPC), once. ENOSPC strikes only where more room is asked for. */
void sim_disk_fail_at(struct sim_disk *disk, uint32_t calls, int error);
bool sim_disk_is_off(const struct sim_disk *disk);

/* All descriptors and locks are gone. The machine went down: only the platter is left; else just the process. */
void sim_disk_restart(struct sim_disk *disk, bool machine_went_down);

/* The platter rots: flips a bit of byte `at` of a file, in cache too. False: there is no such byte. */
bool sim_disk_rot(struct sim_disk *disk, const char *path, uint64_t at);

/* A checksum of all that the disk holds: names, what is cached, what is on the platter. */
uint32_t sim_disk_digest(const struct sim_disk *disk);

#endif
