#include <control/datadir.h>

#include <base/memory.h>
#include <base/number.h>
#include <base/os.h>
#include <errno.h>
#include <fcntl.h>
#include <leat/logger.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Values of statfs(2), f_type. */
enum { NFS = 0x6969, SMB = 0x517b, NINE_P = 0x01021997, TMPFS = 0x01021994, OVERLAY = 0x794c7630 };
#define CIFS 0xff534d42u
#define SMB2 0xfe534d42u

static enum leat_status judge_filesystem(const char *path, struct leat_error *err)
{
    struct statfs st;
    if (leat_os->statfs(path, &st) != 0)
        return leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "data directory %s: %s", path, strerror(errno));
    uint32_t type = (uint32_t)st.f_type;
    if (type == NFS || type == SMB || type == NINE_P || type == CIFS || type == SMB2)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "data directory %s is on a network file system, whose locks and syncs cannot be trusted; put "
                            "it on a local disk",
                            path);
    if (type == TMPFS || type == OVERLAY)
        leat_say(LEAT_WARNING, NULL, "data directory %s is on %s: it does not outlive %s", path,
                 type == TMPFS ? "tmpfs" : "overlay", type == TMPFS ? "a reboot" : "the container");
    return LEAT_OK;
}

/* The holder's pid, for the message of who comes second. On a full disk it is left out: sinks must be able to drain it. */
static bool write_pid(int fd)
{
    char pid[32];
    int len = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    return (leat_os->ftruncate(fd, 0) == 0 && leat_os_pwrite_all(leat_os, fd, pid, (size_t)len, 0)) ||
           leat_os_is_no_room(errno);
}

static enum leat_status take_lock(int fd, const char *path, struct leat_error *err)
{
    char pid[32] = "";
    if (leat_os->lock(fd, true) == 0)
        return write_pid(fd) ? LEAT_OK : leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", path, strerror(errno));
    if (errno != EAGAIN)
        return leat_fail(err, LEAT_STOP, "%s: cannot lock: %s", path, strerror(errno));
    ssize_t len = leat_os_pread_all(leat_os, fd, pid, sizeof pid - 1, 0);
    pid[len > 0 ? len : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_IN_USE,
                        "the data directory of %s is in use by another leat%s%s; stop it, or give this one a data "
                        "directory of its own",
                        path, pid[0] ? " with pid " : "", pid);
}

enum leat_status leat_datadir_hold(const char *path, int *lock_fd, struct leat_error *err)
{
    *lock_fd = -1;
    if (!leat_os_make_dirs(leat_os, path))
        return leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "cannot make data directory %s: %s", path,
                            strerror(errno));
    enum leat_status status = judge_filesystem(path, err);
    if (status != LEAT_OK)
        return status;
    char *lock = leat_format_dup("%s/lock", path);
    int fd = leat_os->open(lock, O_RDWR | O_CREAT, 0600);
    status = fd < 0 ? leat_fail_as(err, LEAT_STOP, leat_os_cause(errno), "%s: %s", lock, strerror(errno))
                    : take_lock(fd, lock, err);
    free(lock);
    if (status == LEAT_OK)
        *lock_fd = fd;
    else if (fd >= 0)
        leat_os->close(fd);
    return status;
}

void leat_datadir_release(int lock_fd)
{
    if (lock_fd >= 0)
        leat_os->close(lock_fd);
}
