/* reader.h - the number that a server knows us by. Two readers with one number throw each other out, and a MariaDB 10.11 may
 * die of it: so we draw one anew for every connection, and the connection that we had before is ended first. */
#ifndef LEAT_MYSQL_READER_H
#define LEAT_MYSQL_READER_H

#include <mysql/client.h>

struct reader { /* what is known of the connection before, over the lives of a task; zeroed at first */
    unsigned long connection;
    char server[48];
};

/* A server_id that no other reader of the server has, as far as it tells; `wanted` if it is not 0. Ends our connection of
 * before. RETRY: another reader has the wanted one; it may be our own of before a crash. STOP: it is the server's own. */
enum leat_status reader_number(struct client *client, struct leat_task *task, int64_t wanted, struct reader *before,
                               uint32_t *server_id, struct leat_error *err);

#endif
