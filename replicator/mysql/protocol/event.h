/* event.h - events of a binary log, as a server sends them and as its files hold them: header, checksum,
 * and the bodies of all events that are not rows.
 *
 *   header (19 bytes, little-endian)          body                        checksum
 *   time u32, type u8, server_id u32,         post-header of the type,    CRC-32 (zlib) of all bytes
 *   length u32, log_pos u32, flags u16        then the rest               before it; u32, if the format says so
 *
 * Source: MySQL's "Binary Log Event" pages and MariaDB's replication protocol pages; checked against
 * recorded logs of MySQL 5.1 to 8.0, and against MariaDB 10.11. Everything here is pure: bytes in, structs
 * out, no allocation. What a struct points to lives in the caller's bytes.
 */
#ifndef LEAT_MYSQL_PROTOCOL_EVENT_H
#define LEAT_MYSQL_PROTOCOL_EVENT_H

#include <base/wire.h>
#include <leat/error.h>

enum leat_binlog_type {
    LEAT_BINLOG_START_V3 = 1,
    LEAT_BINLOG_QUERY = 2,
    LEAT_BINLOG_STOP = 3,
    LEAT_BINLOG_ROTATE = 4,
    LEAT_BINLOG_INTVAR = 5,
    LEAT_BINLOG_LOAD = 6,
    LEAT_BINLOG_SLAVE = 7,
    LEAT_BINLOG_CREATE_FILE = 8,
    LEAT_BINLOG_APPEND_BLOCK = 9,
    LEAT_BINLOG_EXEC_LOAD = 10,
    LEAT_BINLOG_DELETE_FILE = 11,
    LEAT_BINLOG_NEW_LOAD = 12,
    LEAT_BINLOG_RAND = 13,
    LEAT_BINLOG_USER_VAR = 14,
    LEAT_BINLOG_FORMAT = 15,
    LEAT_BINLOG_XID = 16,
    LEAT_BINLOG_BEGIN_LOAD = 17,
    LEAT_BINLOG_EXECUTE_LOAD = 18,
    LEAT_BINLOG_TABLE_MAP = 19,
    LEAT_BINLOG_PRE_GA_WRITE = 20,
    LEAT_BINLOG_PRE_GA_UPDATE = 21,
    LEAT_BINLOG_PRE_GA_DELETE = 22,
    LEAT_BINLOG_WRITE_V1 = 23,
    LEAT_BINLOG_UPDATE_V1 = 24,
    LEAT_BINLOG_DELETE_V1 = 25,
    LEAT_BINLOG_INCIDENT = 26,
    LEAT_BINLOG_HEARTBEAT = 27,
    LEAT_BINLOG_IGNORABLE = 28,
    LEAT_BINLOG_ROWS_QUERY = 29,
    LEAT_BINLOG_WRITE_V2 = 30,
    LEAT_BINLOG_UPDATE_V2 = 31,
    LEAT_BINLOG_DELETE_V2 = 32,
    LEAT_BINLOG_GTID = 33,
    LEAT_BINLOG_ANONYMOUS_GTID = 34,
    LEAT_BINLOG_PREVIOUS_GTIDS = 35,
    LEAT_BINLOG_TRANSACTION_CONTEXT = 36,
    LEAT_BINLOG_VIEW_CHANGE = 37,
    LEAT_BINLOG_XA_PREPARE = 38,
    LEAT_BINLOG_PARTIAL_UPDATE = 39,
    LEAT_BINLOG_PAYLOAD = 40,
    LEAT_BINLOG_HEARTBEAT_V2 = 41,
    LEAT_BINLOG_GTID_TAGGED = 42,
    LEAT_BINLOG_AURORA_PADDING = 100,
    /* MariaDB */
    LEAT_BINLOG_ANNOTATE = 160,
    LEAT_BINLOG_CHECKPOINT = 161,
    LEAT_BINLOG_MARIA_GTID = 162,
    LEAT_BINLOG_GTID_LIST = 163,
    LEAT_BINLOG_START_ENCRYPTION = 164,
    LEAT_BINLOG_QUERY_COMPRESSED = 165,
    LEAT_BINLOG_WRITE_COMPRESSED_V1 = 166,
    LEAT_BINLOG_UPDATE_COMPRESSED_V1 = 167,
    LEAT_BINLOG_DELETE_COMPRESSED_V1 = 168,
    LEAT_BINLOG_WRITE_COMPRESSED = 169,
    LEAT_BINLOG_UPDATE_COMPRESSED = 170,
    LEAT_BINLOG_DELETE_COMPRESSED = 171,
    LEAT_BINLOG_PARTIAL_ROW_DATA = 172,
};

#define LEAT_BINLOG_HEADER 19
#define LEAT_BINLOG_MAX_EVENT (1u << 30)

enum leat_binlog_flag {
    LEAT_BINLOG_ARTIFICIAL = 0x20, /* made by the dump thread; not in the file */
    LEAT_BINLOG_MAY_IGNORE = 0x80, /* who does not know the type may skip it */
};

struct leat_binlog_event {
    uint32_t time_s; /* seconds since 1970 */
    uint32_t server_id;
    uint32_t length;  /* header and checksum included */
    uint32_t log_pos; /* end of the event in its file, modulo 2^32; 0 where the server does not say */
    uint16_t flags;
    uint8_t type; /* enum leat_binlog_type, or one that we do not know */
    const uint8_t *bytes; /* the whole event */
    struct leat_cut body; /* after the header, without the checksum */
};

/* What the FORMAT_DESCRIPTION event says about those after it. */
struct leat_binlog_format {
    uint16_t version; /* 4; 0: none seen yet */
    bool has_checksum;
    bool is_mariadb;
    uint8_t post_count;
    char server_version[51];
    uint8_t post_header[256]; /* length of each type's post-header, by type */
};

/* Takes one event from `bytes`. Until a FORMAT event was seen (version 0) no checksum is expected, but
 * FORMAT itself is understood, and the ROTATE that a dump begins with, which has one where the session asked for them. `verify`: compute the checksum; a wrong one is RETRY (the network, or a
 * damaged file: the server would say). Anything that does not fit is STOP. */
enum leat_status leat_binlog_event(struct leat_binlog_event *ev, const struct leat_binlog_format *format,
                                   const void *bytes, size_t len, bool verify, struct leat_error *err);

enum leat_status leat_binlog_format(struct leat_binlog_format *format,
                                    const struct leat_binlog_event *ev, struct leat_error *err);

/* "TABLE_MAP"; a type that we do not know is "unknown". */
const char *leat_binlog_type_name(uint8_t type);

/* True for the events that carry rows, whatever their version, readable or not (rows.h says). */
bool leat_binlog_has_rows(uint8_t type);

/* True where a reader that wants rows, transactions, DDL and positions loses nothing by skipping the event:
 * INTVAR, CHECKPOINT, padding, unknown ones marked MAY_IGNORE. An event that is neither skippable nor
 * handled must stop the reader: "unsupported: START_ENCRYPTION". A TRANSACTION_PAYLOAD holds events: payload.h. */
bool leat_binlog_may_skip(const struct leat_binlog_event *ev);

struct leat_binlog_rotate {
    uint64_t pos;
    const char *file;
    size_t file_len;
};
bool leat_binlog_rotate(const struct leat_binlog_event *ev, struct leat_binlog_rotate *rotate);

/* The transaction's number in XID; the transaction ends with this event. */
bool leat_binlog_xid(const struct leat_binlog_event *ev, uint64_t *xid);

/* INCIDENT: the server lost events (kind 1) and says why; a reader must stop. */
bool leat_binlog_incident(const struct leat_binlog_event *ev, uint16_t *kind, const char **text,
                          size_t *len);

struct leat_binlog_query {
    uint32_t thread;
    uint32_t seconds; /* the statement took */
    uint16_t error;
    const char *database;
    size_t database_len;
    const char *text;
    size_t text_len;
    uint16_t charset; /* collation id of the text (character_set_client); 0: not said */
    uint64_t sql_mode;
    bool has_sql_mode;
};
/* For QUERY and QUERY_COMPRESSED; the latter inflates into `room` (cleared first). */
bool leat_binlog_query(const struct leat_binlog_event *ev, const struct leat_binlog_format *format,
                       struct leat_bytes *room, struct leat_binlog_query *query);

/* A transaction begins. */
struct leat_binlog_gtid {
    uint32_t domain, server; /* MariaDB */
    uint64_t seq;
    uint8_t uuid[16]; /* MySQL */
    char tag[33];     /* MySQL 8.3 and later; else "" */
    bool is_anonymous;
    bool is_standalone; /* MariaDB: one statement, no COMMIT or XID follows */
    bool is_ddl;        /* MariaDB */
    bool is_xa_prepare; /* MariaDB */
    bool is_xa_commit;  /* MariaDB: or rollback: the QUERY that follows says */
    bool is_undecided;  /* MariaDB: an ALTER that begins or was rolled back: its text comes once more if it takes effect */
    int64_t commit_us;  /* MySQL 8: when the origin committed, microseconds since 1970; else 0 */
    uint64_t length;    /* MySQL 8: bytes of the whole transaction, this event included; else 0 */
};
bool leat_binlog_gtid(const struct leat_binlog_event *ev, struct leat_binlog_gtid *gtid);

/* HEARTBEAT and HEARTBEAT_V2: where the server's reader stands. */
bool leat_binlog_heartbeat(const struct leat_binlog_event *ev, struct leat_binlog_rotate *at);

/* The statement of ANNOTATE (MariaDB) or ROWS_QUERY (MySQL). */
bool leat_binlog_statement(const struct leat_binlog_event *ev, const char **text, size_t *len);

/* MariaDB's GTID_LIST: count of `{domain u32, server u32, seq u64}` at *list. */
bool leat_binlog_gtid_list(const struct leat_binlog_event *ev, const uint8_t **list, uint32_t *count);

/* MySQL's length-encoded integer. */
uint64_t leat_cut_lenenc(struct leat_cut *cut);

/* MariaDB's compressed part: header byte, big-endian length, zlib stream. Appends to `out`. */
bool leat_binlog_inflate(struct leat_cut *cut, struct leat_bytes *out);

#endif
