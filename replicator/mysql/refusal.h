/* refusal.h - what a server says when it ends the binary log, and what is to be done about it. */
#ifndef LEAT_MYSQL_REFUSAL_H
#define LEAT_MYSQL_REFUSAL_H

#include <leat/error.h>

struct refusal {
    unsigned code; /* of the server or of the client library; 0: the connection broke */
    const char *text, *where, *connector;
    bool is_number_ours; /* we have drawn the server_id */
};

/* RETRY: connecting again mends it. STOP: a person must look. */
/* What comes next is lost to its log. */
bool refusal_is_gap(const struct refusal *refusal);
enum leat_status refusal_status(const struct refusal *refusal, struct leat_error *err);

#endif
