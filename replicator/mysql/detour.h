/* detour.h - the events of a prepared transaction (xa.h) once more, over a connection of their own, while the stream waits. */
#ifndef LEAT_MYSQL_DETOUR_H
#define LEAT_MYSQL_DETOUR_H

#include <mysql/dump.h>
#include <mysql/stream.h>

struct detour {
    struct dump *dump; /* NULL: none is under way */
};

/* The next event from the group's place on, as dump_next(); connects where it is the first. */
enum leat_status detour_next(struct detour *detour, const struct xa_group *group, const struct client_options *options,
                             unsigned timeout_s, int64_t heartbeat_us, struct leat_task *task, const uint8_t **bytes,
                             size_t *len, struct leat_error *err);
/* `otherwise`, where no detour is under way. */
int detour_fd(const struct detour *detour, int otherwise);
/* Also where there is none. */
void detour_close(struct detour *detour);

#endif
