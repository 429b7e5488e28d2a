/* listen.h - listening sockets for the admin server. */
#ifndef LEAT_ADMIN_LISTEN_H
#define LEAT_ADMIN_LISTEN_H

#include <leat/error.h>

/* DATA/admin.sock, 0660; a stale one is removed (the data directory's lock says that it is stale). Paths beyond the 107
 * bytes of a sockaddr_un go through /proc/self/fd. -1 with err. */
int leat_listen_unix(const char *data_dir, struct leat_error *err);
/* "127.0.0.1:8083", "[::1]:8083". */
int leat_listen_tcp(const char *where, struct leat_error *err);

#endif
