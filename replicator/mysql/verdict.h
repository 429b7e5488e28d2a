/* verdict.h - may we go on from here on that server? Sets against sets, without a server.
 *
 *   ours - executed   what we have and it has not: it is behind, or it has another history
 *   purged - ours     what we lack and it can no longer tell
 */
#ifndef LEAT_MYSQL_VERDICT_H
#define LEAT_MYSQL_VERDICT_H

#include <mysql/gtids.h>

enum verdict { VERDICT_GOES_ON, VERDICT_BEHIND, VERDICT_PURGED };

/* BEHIND and PURGED: `missing` becomes the GTIDs in question, as text.
 * MySQL: `executed` and `purged` as the server's variables say them. */
enum verdict verdict_of_sets(const struct leat_gtid_set *ours, const struct leat_gtid_set *executed,
                             const struct leat_gtid_set *purged, struct leat_bytes *missing);
/* MariaDB: `state` is its gtid_binlog_state and gtid_slave_pos, "0-1-7,0-2-9": per domain and server the last one, so that a
 * number that two servers gave out tells them apart; `first` is what lies before its oldest file. False: `state` is no such text. */
bool verdict_of_lists(enum verdict *verdict, const struct leat_gtid_list *ours, const char *state,
                      const struct leat_gtid_list *first, struct leat_bytes *missing);

#endif
