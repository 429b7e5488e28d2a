#include <mysql/refusal.h>

#include <string.h>

enum {
    BINLOG_FATAL = 1236, /* of every kind: the text tells */
    MUST_BE_GRANTED = 1227,
    GTID_NOT_FOUND = 1945,
    GTID_DIVERGED = 1950,
    GTID_NOT_IN_LOG = 1955,
    NUMBER_STOLEN = 4052 /* MariaDB's */
};

/* The connection, and not the server, says it. */
static bool is_of_library(unsigned code)
{
    return code == 0 || (code >= 2000 && code < 3000) || (code >= 5000 && code < 6000);
}

static bool says(const struct refusal *refusal, const char *words)
{
    return strstr(refusal->text, words) != NULL;
}

static enum leat_status stolen(const struct refusal *refusal, struct leat_error *err)
{
    if (refusal->is_number_ours)
        return leat_fail(err, LEAT_RETRY, "%s: another reader took our number, and the server threw us out; the next try has a new one",
                         refusal->where);
    return leat_fail(err, LEAT_STOP,
                     "%s: another reader connected with our `server_id`, and the server threw us out: %s (error %u). Each reader needs "
                     "its own (SHOW SLAVE HOSTS names them): choose another, or leave `server_id` out, and one that is free is drawn",
                     refusal->where, refusal->text, refusal->code);
}

static enum leat_status too_large(const struct refusal *refusal, struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP,
                     "%s: an event of its log is larger than it may send: %s (error %u); run there: SET GLOBAL max_allowed_packet = "
                     "1073741824, and: leat restart %s",
                     refusal->where, refusal->text, refusal->code, refusal->connector);
}

static enum leat_status cannot_go_on(const struct refusal *refusal, struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP,
                     "%s: the server cannot go on from where we are: %s (error %u); changes in between are lost to the log, if it was "
                     "purged. `leat offsets reset %s` makes the next start take a new snapshot; a longer binlog_expire_logs_seconds "
                     "avoids it",
                     refusal->where, refusal->text, refusal->code, refusal->connector);
}

bool refusal_is_gap(const struct refusal *refusal)
{
    if (says(refusal, "same server_uuid/server_id") || says(refusal, "max_allowed_packet"))
        return false;
    return refusal->code == BINLOG_FATAL || refusal->code == GTID_NOT_FOUND || refusal->code == GTID_DIVERGED ||
           refusal->code == GTID_NOT_IN_LOG;
}

enum leat_status refusal_status(const struct refusal *refusal, struct leat_error *err)
{
    if (is_of_library(refusal->code))
        return leat_fail(err, LEAT_RETRY, "%s: lost the connection to the binary log: %s", refusal->where,
                         refusal->text[0] ? refusal->text : "no heartbeat");
    if (refusal->code == NUMBER_STOLEN || says(refusal, "same server_uuid/server_id"))
        return stolen(refusal, err);
    if (refusal->code == BINLOG_FATAL && says(refusal, "max_allowed_packet"))
        return too_large(refusal, err);
    if (refusal_is_gap(refusal))
        return cannot_go_on(refusal, err);
    if (refusal->code == MUST_BE_GRANTED)
        return leat_fail(err, LEAT_STOP, "%s: the user may not read the binary log; run: GRANT REPLICATION SLAVE ON *.* TO the user",
                         refusal->where);
    return leat_fail(err, LEAT_RETRY, "%s: the server ended the binary log: %s (error %u)", refusal->where, refusal->text,
                     refusal->code);
}
