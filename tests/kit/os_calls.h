/* os_calls.h - the table of system calls over another one, which asks before each call whether it
 * may happen.
 *
 * For programs that stop or fail at the n-th call: real files below, or sim_disk. Only calls about
 * files are asked about; sockets go through. One at a time, as the table has no argument.
 */
#ifndef LEAT_KIT_OS_CALLS_H
#define LEAT_KIT_OS_CALLS_H

#include <base/os.h>

enum os_call {
    OS_OPEN,
    OS_CLOSE,
    OS_READ,
    OS_WRITE,
    OS_PREAD,
    OS_PWRITE,
    OS_PWRITEV,
    OS_FDATASYNC,
    OS_FSYNC,
    OS_FTRUNCATE,
    OS_FALLOCATE,
    OS_WRITE_BEHIND,
    OS_FADVISE,
    OS_FSTAT,
    OS_STAT,
    OS_LSTAT,
    OS_STATVFS,
    OS_STATFS,
    OS_RENAME,
    OS_UNLINK,
    OS_CHMOD,
    OS_MKDIR,
    OS_RMDIR,
    OS_LOCK,
    OS_OPENDIR,
    OS_READDIR,
    OS_CLOSEDIR,
    OS_CALLS
};
extern const char *const os_call_names[OS_CALLS];

enum os_order {
    OS_GO_ON = 0, /* above: the errno that the call fails with, and nothing happens */
    OS_ONE_BYTE = -1,
    OS_HALF = -2,
    OS_BUT_ONE = -3, /* a transfer moves that much and no more; another call goes on */
};

struct os_calls {
    const struct leat_os *under;
    /* One of os_order, or an errno. `changes`: it may change what is on the disk. `caller`: its
     * return address. */
    int (*before)(void *arg, enum os_call call, bool changes, const void *caller);
    void (*after)(void *arg,
                  enum os_call call); /* may be NULL; after those that happened. errno is kept. */
    void *arg;
    bool leaves_out_syncs; /* they change nothing for who comes after a process that died, and cost
                              most */
    bool is_dead;          /* the process is: all fail with EIO, descriptors go */
    bool is_full;          /* no room: what asks for some fails with ENOSPC */
    bool has_no_fallocate; /* a file system without */
    int open_count;        /* descriptors and directories that are open now */
};

const struct leat_os *os_calls_use(struct os_calls *calls);

#endif
