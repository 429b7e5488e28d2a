/* start.h - the position that a new source without a snapshot begins with. */
#ifndef LEAT_MYSQL_START_H
#define LEAT_MYSQL_START_H

#include <mysql/client.h>
#include <mysql/position.h>

/* `text` as in start_read.h. STOP: the server has no such place, or no longer. */
enum leat_status start_position(struct client *client, const struct client_options *options, const char *text,
                                struct position *position, struct leat_error *err);

#endif
