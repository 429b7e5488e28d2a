/* hosts.h - which of several servers: the one that answered last, else the first of the list that answers and can go on from
 * where we are. One server is a list of one. */
#ifndef LEAT_MYSQL_HOSTS_H
#define LEAT_MYSQL_HOSTS_H

#include <mysql/client.h>

struct hosts {
    const struct client_options *options; /* of all of them; host and port where `list` is empty */
    const struct leat_list *list;         /* host_name.h; without a port: that of `options` */
    char name[256];                       /* of the chosen one */
    struct client_options chosen;         /* for every further connection */
    uint32_t at;                          /* which one that is */
};

/* At least one. */
uint32_t hosts_count(const struct leat_list *list);
void hosts_choose(struct hosts *hosts, uint32_t at);

/* What else a server must be; OK: it is taken. */
typedef enum leat_status hosts_judge_f(void *arg, struct client *client, struct leat_error *err);

/* Connects as client_open() does, and sets `chosen`. RETRY: one of them may do later, STOP: none; `err` tells of each. */
enum leat_status hosts_open(struct hosts *hosts, struct client *client, unsigned read_timeout_s, struct leat_task *task,
                            hosts_judge_f *judge, void *arg, struct leat_error *err);

#endif
