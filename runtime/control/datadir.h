/* datadir.h - the data directory: made 0700, refused where it cannot be trusted, held by one daemon. */
#ifndef LEAT_CONTROL_DATADIR_H
#define LEAT_CONTROL_DATADIR_H

#include <leat/error.h>

/* Makes `path`, looks at its file system (NFS, CIFS and 9p are refused; overlay and tmpfs get a warning), takes the lock
 * DATA/lock. *lock_fd is held until leat_datadir_release(). LEAT_STOP with cause IN_USE names the holder's pid. */
enum leat_status leat_datadir_hold(const char *path, int *lock_fd, struct leat_error *err);
void leat_datadir_release(int lock_fd);

#endif
