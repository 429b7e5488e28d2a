/* ramdisk.h - files in RAM behind an os table: what the memory driver's logs stand on.
 *
 * One file system for the process, a directory of its own for each ramdisk, gone with it. Files take the memory that was
 * written, not what was preallocated; beyond `most_bytes` calls fail with ENOSPC. Thread: any.
 */
#ifndef LEAT_OMS_RAMDISK_H
#define LEAT_OMS_RAMDISK_H

#include <base/os.h>

struct ramdisk;

struct ramdisk *ramdisk_new(uint64_t most_bytes);
void ramdisk_free(struct ramdisk *ramdisk); /* all its files must be closed */
const char *ramdisk_dir(const struct ramdisk *ramdisk);
const struct leat_os *ramdisk_os(void);

#endif
