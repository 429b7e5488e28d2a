/* sim_disk.h - a disk in memory that loses power, after the worst that POSIX allows, and that lies.
 *
 * Each file has a cache and what is on the platter. fsync and fdatasync bring a file's content and size over; fsync of
 * a directory brings over its names. When the power goes, of what was not synced there stays: any subset of 512-byte
 * sectors, the old size or the new one, any subset of creates, renames and unlinks. A failed sync drops what was dirty
 * and says so once; the cache then shows what the platter lacks, as on Linux, until it is dropped too.
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

/* ---- a disk that fails, and says so. Each strikes at the n-th call from now; 0: not any more. ---- */

/* Calls that change something are counted. At the n-th the power goes: it is half done at most, and every call after it
 * fails. */
void sim_disk_cut_at(struct sim_disk *disk, uint32_t calls);
/* The n-th fails with `error` (EIO, ENOSPC, EDQUOT), once. Want of room strikes only where more is asked for. */
void sim_disk_fail_at(struct sim_disk *disk, uint32_t calls, int error);
/* From the n-th on they fail with `error`, until it is mended or restarted. */
void sim_disk_fail_from(struct sim_disk *disk, uint32_t calls, int error);
/* The n-th read fails with EIO: once, or a sector of it for ever, until it is written anew. */
void sim_disk_unread_at(struct sim_disk *disk, uint32_t reads, bool for_ever);
/* All sectors can be read again. */
void sim_disk_heal(struct sim_disk *disk);
/* So many more bytes fit, beside what there is; then `error` (ENOSPC, EDQUOT), until something goes. 0: no end. */
void sim_disk_room(struct sim_disk *disk, uint64_t bytes, int error);
bool sim_disk_is_off(const struct sim_disk *disk);
/* None of all these strikes from now on; sectors that cannot be read stay so. */
void sim_disk_mend(struct sim_disk *disk);

/* ---- a disk that fails, and says nothing ---- */

/* The n-th write or cut from now is acknowledged, synced, and does not come to the platter. */
void sim_disk_lose_at(struct sim_disk *disk, uint32_t writes);
/* The n-th write from now comes to another place of its file, or to another file, and not to its own. */
void sim_disk_stray_at(struct sim_disk *disk, uint32_t writes);
/* True once such a write made the platter differ from what was synced. */
bool sim_disk_has_lied(const struct sim_disk *disk);
/* The platter rots: flips `bits` of byte `at` of a file, in cache too. False: there is no such byte. */
bool sim_disk_rot(struct sim_disk *disk, const char *path, uint64_t at, uint8_t bits);

/* ---- life ---- */

/* All descriptors and locks are gone. The machine went down: only the platter is left; else just the process. */
void sim_disk_restart(struct sim_disk *disk, bool machine_went_down);
/* What is dirty comes to the platter in its time, as far as anything brings it there. */
void sim_disk_write_back(struct sim_disk *disk);
/* Pages that are clean may go at any time: then the platter shows. */
void sim_disk_drop_pages(struct sim_disk *disk);

/* Every file as it is read now. */
typedef void sim_disk_file_f(void *arg, const char *path, const uint8_t *bytes, uint64_t size);
void sim_disk_each(const struct sim_disk *disk, sim_disk_file_f *each, void *arg);
/* A checksum of all that the disk holds: names, what is cached, what is on the platter. */
uint32_t sim_disk_digest(const struct sim_disk *disk);

#endif
