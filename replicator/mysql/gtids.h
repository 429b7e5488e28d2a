/* gtids.h - the transactions before a place, in the words of either server.
 *
 *   MariaDB   a list: per domain the last one       MySQL   a set: every one
 *
 * A set that is not complete would tell another server to send what we have: so a MySQL whose set is not known has none (the
 * next PREVIOUS_GTIDS of its log tells it), and an anonymous transaction takes it away. */
#ifndef LEAT_MYSQL_GTIDS_H
#define LEAT_MYSQL_GTIDS_H

#include <mysql_protocol/gtid.h>

enum gtids_kind { GTIDS_NONE, GTIDS_LIST, GTIDS_SET };

struct gtids {
    enum gtids_kind kind;
    struct leat_gtid_list list;
    struct leat_gtid_set set;
};

void gtids_init(struct gtids *gtids);
void gtids_fini(struct gtids *gtids);
void gtids_copy(struct gtids *to, const struct gtids *from);

/* By the text alone: "" is none, "0-1-77" a list, "uuid:1-5" a set. False: it is neither, and `gtids` has none. */
bool gtids_parse(struct gtids *gtids, const char *text, size_t len);
void gtids_print(const struct gtids *gtids, struct leat_bytes *out);

/* This transaction is behind us. */
void gtids_add(struct gtids *gtids, const struct leat_binlog_gtid *gtid, bool is_mariadb);
/* For certain: a list cannot tell, as the numbers of a domain may come out of order. */
bool gtids_has(const struct gtids *gtids, const struct leat_binlog_gtid *gtid);

/* MySQL's PREVIOUS_GTIDS: all that was before the file. */
bool gtids_read_previous(struct gtids *gtids, const struct leat_binlog_event *ev);

#endif
