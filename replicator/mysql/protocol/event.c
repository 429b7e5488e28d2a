/* event.c - the header of an event, its checksum, and every body without rows. */
#include <mysql_protocol/internal.h>

#include <base/assert.h>
#include <stdio.h>
#include <zlib.h>

#define FORMAT_POST_MIN 56 /* version u16, server version 50, created u32 */
#define CHECKSUM_BYTES 4

uint64_t leat_cut_lenenc(struct leat_cut *cut)
{
    uint8_t first = leat_cut_u8(cut);
    switch (first) {
    case 0xfc:
        return leat_cut_u16(cut);
    case 0xfd:
        return leat_cut_le(cut, 3);
    case 0xfe:
        return leat_cut_u64(cut);
    case 0xfb: /* NULL in a text row */
    case 0xff:
        cut->is_bad = true;
        return 0;
    default:
        return first;
    }
}

static const char *const type_names[] = {
    [LEAT_BINLOG_START_V3] = "START_V3",
    [LEAT_BINLOG_QUERY] = "QUERY",
    [LEAT_BINLOG_STOP] = "STOP",
    [LEAT_BINLOG_ROTATE] = "ROTATE",
    [LEAT_BINLOG_INTVAR] = "INTVAR",
    [LEAT_BINLOG_LOAD] = "LOAD",
    [LEAT_BINLOG_SLAVE] = "SLAVE",
    [LEAT_BINLOG_CREATE_FILE] = "CREATE_FILE",
    [LEAT_BINLOG_APPEND_BLOCK] = "APPEND_BLOCK",
    [LEAT_BINLOG_EXEC_LOAD] = "EXEC_LOAD",
    [LEAT_BINLOG_DELETE_FILE] = "DELETE_FILE",
    [LEAT_BINLOG_NEW_LOAD] = "NEW_LOAD",
    [LEAT_BINLOG_RAND] = "RAND",
    [LEAT_BINLOG_USER_VAR] = "USER_VAR",
    [LEAT_BINLOG_FORMAT] = "FORMAT_DESCRIPTION",
    [LEAT_BINLOG_XID] = "XID",
    [LEAT_BINLOG_BEGIN_LOAD] = "BEGIN_LOAD_QUERY",
    [LEAT_BINLOG_EXECUTE_LOAD] = "EXECUTE_LOAD_QUERY",
    [LEAT_BINLOG_TABLE_MAP] = "TABLE_MAP",
    [LEAT_BINLOG_PRE_GA_WRITE] = "PRE_GA_WRITE_ROWS",
    [LEAT_BINLOG_PRE_GA_UPDATE] = "PRE_GA_UPDATE_ROWS",
    [LEAT_BINLOG_PRE_GA_DELETE] = "PRE_GA_DELETE_ROWS",
    [LEAT_BINLOG_WRITE_V1] = "WRITE_ROWS_V1",
    [LEAT_BINLOG_UPDATE_V1] = "UPDATE_ROWS_V1",
    [LEAT_BINLOG_DELETE_V1] = "DELETE_ROWS_V1",
    [LEAT_BINLOG_INCIDENT] = "INCIDENT",
    [LEAT_BINLOG_HEARTBEAT] = "HEARTBEAT",
    [LEAT_BINLOG_IGNORABLE] = "IGNORABLE",
    [LEAT_BINLOG_ROWS_QUERY] = "ROWS_QUERY",
    [LEAT_BINLOG_WRITE_V2] = "WRITE_ROWS",
    [LEAT_BINLOG_UPDATE_V2] = "UPDATE_ROWS",
    [LEAT_BINLOG_DELETE_V2] = "DELETE_ROWS",
    [LEAT_BINLOG_GTID] = "GTID",
    [LEAT_BINLOG_ANONYMOUS_GTID] = "ANONYMOUS_GTID",
    [LEAT_BINLOG_PREVIOUS_GTIDS] = "PREVIOUS_GTIDS",
    [LEAT_BINLOG_TRANSACTION_CONTEXT] = "TRANSACTION_CONTEXT",
    [LEAT_BINLOG_VIEW_CHANGE] = "VIEW_CHANGE",
    [LEAT_BINLOG_XA_PREPARE] = "XA_PREPARE",
    [LEAT_BINLOG_PARTIAL_UPDATE] = "PARTIAL_UPDATE_ROWS",
    [LEAT_BINLOG_PAYLOAD] = "TRANSACTION_PAYLOAD",
    [LEAT_BINLOG_HEARTBEAT_V2] = "HEARTBEAT_V2",
    [LEAT_BINLOG_GTID_TAGGED] = "GTID_TAGGED",
    [LEAT_BINLOG_AURORA_PADDING] = "AURORA_PADDING",
    [LEAT_BINLOG_ANNOTATE] = "ANNOTATE_ROWS",
    [LEAT_BINLOG_CHECKPOINT] = "BINLOG_CHECKPOINT",
    [LEAT_BINLOG_MARIA_GTID] = "MARIADB_GTID",
    [LEAT_BINLOG_GTID_LIST] = "GTID_LIST",
    [LEAT_BINLOG_START_ENCRYPTION] = "START_ENCRYPTION",
    [LEAT_BINLOG_QUERY_COMPRESSED] = "QUERY_COMPRESSED",
    [LEAT_BINLOG_WRITE_COMPRESSED_V1] = "WRITE_ROWS_COMPRESSED_V1",
    [LEAT_BINLOG_UPDATE_COMPRESSED_V1] = "UPDATE_ROWS_COMPRESSED_V1",
    [LEAT_BINLOG_DELETE_COMPRESSED_V1] = "DELETE_ROWS_COMPRESSED_V1",
    [LEAT_BINLOG_WRITE_COMPRESSED] = "WRITE_ROWS_COMPRESSED",
    [LEAT_BINLOG_UPDATE_COMPRESSED] = "UPDATE_ROWS_COMPRESSED",
    [LEAT_BINLOG_DELETE_COMPRESSED] = "DELETE_ROWS_COMPRESSED",
    [LEAT_BINLOG_PARTIAL_ROW_DATA] = "PARTIAL_ROW_DATA",
};

const char *leat_binlog_type_name(uint8_t type)
{
    const char *name = type < sizeof type_names / sizeof *type_names ? type_names[type] : NULL;
    return name ? name : "unknown";
}

bool leat_binlog_has_rows(uint8_t type)
{
    return (type >= LEAT_BINLOG_PRE_GA_WRITE && type <= LEAT_BINLOG_DELETE_V1) ||
           (type >= LEAT_BINLOG_WRITE_V2 && type <= LEAT_BINLOG_DELETE_V2) ||
           type == LEAT_BINLOG_PARTIAL_UPDATE ||
           (type >= LEAT_BINLOG_WRITE_COMPRESSED_V1 && type <= LEAT_BINLOG_PARTIAL_ROW_DATA);
}

bool leat_binlog_may_skip(const struct leat_binlog_event *ev)
{
    switch (ev->type) {
    case LEAT_BINLOG_STOP: /* the server was shut down in good order */
    case LEAT_BINLOG_INTVAR:
    case LEAT_BINLOG_RAND:
    case LEAT_BINLOG_USER_VAR:
    case LEAT_BINLOG_IGNORABLE:
    case LEAT_BINLOG_ROWS_QUERY:
    case LEAT_BINLOG_PREVIOUS_GTIDS:
    case LEAT_BINLOG_TRANSACTION_CONTEXT:
    case LEAT_BINLOG_VIEW_CHANGE:
    case LEAT_BINLOG_HEARTBEAT:
    case LEAT_BINLOG_HEARTBEAT_V2:
    case LEAT_BINLOG_AURORA_PADDING:
    case LEAT_BINLOG_ANNOTATE:
    case LEAT_BINLOG_CHECKPOINT:
    case LEAT_BINLOG_GTID_LIST:
        return true;
    default:
        return (ev->flags & LEAT_BINLOG_MAY_IGNORE) && !leat_binlog_has_rows(ev->type);
    }
}

/* "10.11.6-MariaDB-log", "5.6.17-log": where a version starts with numbers, checksums came with 5.6.1. */
static bool knows_checksums(const char *version)
{
    unsigned major = 0, minor = 0, patch = 0;
    if (sscanf(version, "%u.%u.%u", &major, &minor, &patch) < 2)
        return false;
    if (strstr(version, "MariaDB") && major == 5)
        return minor >= 3;
    return major > 5 || (major == 5 && (minor > 6 || (minor == 6 && patch >= 1)));
}

/* The checksum algorithm that a FORMAT event announces (it always carries four checksum bytes itself when
 * its server knows checksums): 0 none, 1 CRC32; -1: the event has neither. */
static int format_algorithm(const uint8_t *bytes, size_t len)
{
    char version[51] = {0};
    memcpy(version, bytes + LEAT_BINLOG_HEADER + 2, 50);
    if (!knows_checksums(version))
        return -1;
    return bytes[len - CHECKSUM_BYTES - 1];
}

static bool is_checksum_right(const uint8_t *bytes, size_t len)
{
    uint32_t crc = 0;
    size_t covered = len - CHECKSUM_BYTES;
    /* The server writes FORMAT with the in-use flag cleared in the sum, and sets it in an open file. */
    if (bytes[4] == LEAT_BINLOG_FORMAT && (bytes[17] & 1)) {
        uint8_t flags = (uint8_t)(bytes[17] & ~1u);
        crc = leat_binlog_crc32(crc, bytes, 17);
        crc = leat_binlog_crc32(crc, &flags, 1);
        crc = leat_binlog_crc32(crc, bytes + 18, covered - 18);
    } else {
        crc = leat_binlog_crc32(crc, bytes, covered);
    }
    return crc == leat_get_u32(bytes + covered);
}

static bool carries_checksum(const struct leat_binlog_event *ev, const struct leat_binlog_format *format)
{
    /* The ROTATE that a dump begins with comes before the FORMAT that would say it: its last bytes tell. */
    if (format->version == 0 && ev->type == LEAT_BINLOG_ROTATE)
        return ev->length > LEAT_BINLOG_HEADER + 8 + CHECKSUM_BYTES && is_checksum_right(ev->bytes, ev->length);
    if (ev->type != LEAT_BINLOG_FORMAT)
        return format->has_checksum;
    return ev->length > LEAT_BINLOG_HEADER + FORMAT_POST_MIN + CHECKSUM_BYTES + 1 &&
           format_algorithm(ev->bytes, ev->length) >= 0;
}

enum leat_status leat_binlog_event(struct leat_binlog_event *ev, const struct leat_binlog_format *format,
                                   const void *bytes, size_t len, bool verify, struct leat_error *err)
{
    struct leat_cut cut = leat_cut(bytes, len);
    *ev = (struct leat_binlog_event){.bytes = bytes};
    ev->time_s = leat_cut_u32(&cut);
    ev->type = leat_cut_u8(&cut);
    ev->server_id = leat_cut_u32(&cut);
    ev->length = leat_cut_u32(&cut);
    ev->log_pos = leat_cut_u32(&cut);
    ev->flags = leat_cut_u16(&cut);
    if (cut.is_bad || ev->length != len || len > LEAT_BINLOG_MAX_EVENT)
        return leat_fail(err, LEAT_STOP, "binlog event of %zu bytes says that it has %u", len, ev->length);
    ev->body = cut;
    if (!carries_checksum(ev, format))
        return LEAT_OK;
    if (leat_cut_left(&cut) < CHECKSUM_BYTES)
        return leat_fail(err, LEAT_STOP, "binlog event %s of %zu bytes has no room for its checksum",
                         leat_binlog_type_name(ev->type), len);
    ev->body.end -= CHECKSUM_BYTES;
    bool is_summed = ev->type != LEAT_BINLOG_FORMAT || format_algorithm(bytes, len) == 1;
    if (verify && is_summed && !is_checksum_right(bytes, len))
        return leat_fail(err, LEAT_RETRY,
                         "binlog event %s ending at %u: its checksum is wrong, bytes were damaged on the "
                         "way or in the server's file", leat_binlog_type_name(ev->type), ev->log_pos);
    return LEAT_OK;
}

enum leat_status leat_binlog_format(struct leat_binlog_format *format,
                                    const struct leat_binlog_event *ev, struct leat_error *err)
{
    struct leat_cut cut = ev->body;
    *format = (struct leat_binlog_format){0};
    uint16_t version = leat_cut_u16(&cut);
    const uint8_t *server = leat_cut_bytes(&cut, 50);
    leat_cut_u32(&cut); /* created */
    uint8_t header = leat_cut_u8(&cut);
    if (cut.is_bad || version != 4 || header != LEAT_BINLOG_HEADER)
        return leat_fail(err, LEAT_STOP, "binlog format %u with event headers of %u bytes is not known: "
                         "servers before 5.0 cannot be read", version, header);
    format->version = version;
    memcpy(format->server_version, server, 50);
    format->is_mariadb = strstr(format->server_version, "MariaDB") != NULL;
    size_t lengths = leat_cut_left(&cut);
    if (knows_checksums(format->server_version)) {
        if (lengths == 0)
            return leat_fail(err, LEAT_STOP, "binlog FORMAT_DESCRIPTION event is cut short");
        uint8_t algorithm = cut.end[-1];
        if (algorithm > 1)
            return leat_fail(err, LEAT_STOP, "binlog checksum algorithm %u is not known", algorithm);
        format->has_checksum = algorithm == 1;
        lengths--;
    }
    format->post_count = (uint8_t)(lengths < 255 ? lengths : 255);
    memcpy(format->post_header + 1, cut.at, format->post_count); /* types count from 1 */
    return LEAT_OK;
}

bool leat_binlog_rotate(const struct leat_binlog_event *ev, struct leat_binlog_rotate *rotate)
{
    struct leat_cut cut = ev->body;
    rotate->pos = leat_cut_u64(&cut);
    rotate->file_len = leat_cut_left(&cut);
    rotate->file = (const char *)leat_cut_bytes(&cut, rotate->file_len);
    return !cut.is_bad && rotate->file_len > 0;
}

bool leat_binlog_heartbeat(const struct leat_binlog_event *ev, struct leat_binlog_rotate *at)
{
    struct leat_cut cut = ev->body;
    *at = (struct leat_binlog_rotate){.pos = ev->log_pos};
    if (ev->type == LEAT_BINLOG_HEARTBEAT) {
        at->file_len = leat_cut_left(&cut);
        at->file = (const char *)leat_cut_bytes(&cut, at->file_len);
        return !cut.is_bad;
    }
    while (leat_cut_left(&cut) > 0) {
        uint8_t field = leat_cut_u8(&cut);
        if (field == 0)
            break;
        uint64_t len = leat_cut_lenenc(&cut);
        const uint8_t *value = leat_cut_bytes(&cut, len);
        if (cut.is_bad)
            return false;
        if (field == 1) {
            at->file = (const char *)value;
            at->file_len = len;
        } else if (field == 2) {
            struct leat_cut inner = leat_cut(value, len);
            at->pos = leat_cut_lenenc(&inner);
        }
    }
    return !cut.is_bad;
}

bool leat_binlog_xid(const struct leat_binlog_event *ev, uint64_t *xid)
{
    struct leat_cut cut = ev->body;
    *xid = leat_cut_u64(&cut);
    return !cut.is_bad;
}

bool leat_binlog_incident(const struct leat_binlog_event *ev, uint16_t *kind, const char **text, size_t *len)
{
    struct leat_cut cut = ev->body;
    *kind = leat_cut_u16(&cut);
    *len = leat_cut_u8(&cut);
    *text = (const char *)leat_cut_bytes(&cut, *len);
    return !cut.is_bad;
}

bool leat_binlog_statement(const struct leat_binlog_event *ev, const char **text, size_t *len)
{
    struct leat_cut cut = ev->body;
    if (ev->type == LEAT_BINLOG_ROWS_QUERY)
        leat_cut_u8(&cut); /* a length that stops at 255: the rest of the event is the truth */
    *len = leat_cut_left(&cut);
    *text = (const char *)leat_cut_bytes(&cut, *len);
    return !cut.is_bad;
}

bool leat_binlog_gtid_list(const struct leat_binlog_event *ev, const uint8_t **list, uint32_t *count)
{
    struct leat_cut cut = ev->body;
    *count = leat_cut_u32(&cut) & 0x0fffffff; /* the rest are flags */
    *list = leat_cut_bytes(&cut, (uint64_t)*count * 16);
    return !cut.is_bad;
}

bool leat_binlog_inflate(struct leat_cut *cut, struct leat_bytes *out)
{
    uint8_t head = leat_cut_u8(cut);
    unsigned bytes = head & 7, algorithm = head >> 4 & 7;
    if (cut->is_bad || (head & 0xe0) != 0x80 || algorithm != 0 || bytes < 1 || bytes > 4)
        return false;
    uLongf len = (uLongf)leat_cut_be(cut, bytes);
    /* Deflate never does better than 1032 to 1: more is damage, for which no memory is taken. */
    bool is_likely = len / 1032 <= leat_cut_left(cut);
    if (cut->is_bad || !is_likely || len > LEAT_BINLOG_MAX_EVENT || !leat_bytes_reserve(out, len))
        return false;
    uLongf got = len;
    if (uncompress(out->data + out->len, &got, cut->at, (uLong)leat_cut_left(cut)) != Z_OK || got != len)
        return false;
    out->len += len;
    cut->at = cut->end;
    return true;
}

/* Status variables of a QUERY: of use are its character set and sql_mode. An unknown one ends the walk, for
 * each kind has a length of its own. The server writes them in this order, as far as code 6. */
static void query_variables(struct leat_cut vars, struct leat_binlog_query *query)
{
    while (leat_cut_left(&vars) > 0 && !vars.is_bad) {
        switch (leat_cut_u8(&vars)) {
        case 0: /* flags2 */
        case 3: /* auto_increment */
            leat_cut_bytes(&vars, 4);
            break;
        case 1:
            query->sql_mode = leat_cut_u64(&vars);
            query->has_sql_mode = !vars.is_bad;
            break;
        case 2: /* catalog, with a terminator */
            leat_cut_bytes(&vars, (uint64_t)leat_cut_u8(&vars) + 1);
            break;
        case 5: /* time zone */
        case 6: /* catalog */
            leat_cut_bytes(&vars, leat_cut_u8(&vars));
            break;
        case 4: /* character_set_client, collation_connection, collation_server */
            query->charset = leat_cut_u16(&vars);
            leat_cut_bytes(&vars, 4);
            break;
        default:
            return;
        }
    }
}

bool leat_binlog_query(const struct leat_binlog_event *ev, const struct leat_binlog_format *format,
                       struct leat_bytes *room, struct leat_binlog_query *query)
{
    struct leat_cut cut = ev->body;
    *query = (struct leat_binlog_query){0};
    query->thread = leat_cut_u32(&cut);
    query->seconds = leat_cut_u32(&cut);
    uint8_t database_len = leat_cut_u8(&cut);
    query->error = leat_cut_u16(&cut);
    uint16_t vars_len = leat_cut_u16(&cut);
    uint8_t post = format->post_header[LEAT_BINLOG_QUERY];
    if (post > 13)
        leat_cut_bytes(&cut, post - 13u);
    const uint8_t *vars = leat_cut_bytes(&cut, vars_len);
    query->database_len = database_len;
    query->database = (const char *)leat_cut_bytes(&cut, database_len);
    leat_cut_u8(&cut); /* terminator */
    if (cut.is_bad)
        return false;
    query_variables(leat_cut(vars, vars_len), query);
    if (ev->type == LEAT_BINLOG_QUERY_COMPRESSED) {
        leat_bytes_clear(room);
        if (!leat_binlog_inflate(&cut, room))
            return false;
        cut = leat_cut(room->data, room->len);
    }
    query->text_len = leat_cut_left(&cut);
    query->text = (const char *)cut.at;
    return true;
}

/* With binlog_alter_two_phase (10.8) an ALTER is logged when it begins and when it ends, each time with its whole text; what
 * is logged says the byte behind the commit's id and the XID. Older servers have zeros there, or end before. */
static bool is_undecided(struct leat_cut cut, uint8_t flags)
{
    enum { HAS_COMMIT_ID = 0x02, HAS_XID = 0xc0, START_ALTER = 0x02, ROLLBACK_ALTER = 0x08 };
    if (flags & HAS_COMMIT_ID)
        leat_cut_bytes(&cut, 8);
    if (flags & HAS_XID) {
        leat_cut_bytes(&cut, 4); /* format */
        size_t global = leat_cut_u8(&cut);
        leat_cut_bytes(&cut, global + leat_cut_u8(&cut));
    }
    uint8_t extra = leat_cut_u8(&cut);
    return !cut.is_bad && extra & (START_ALTER | ROLLBACK_ALTER);
}

static bool maria_gtid(const struct leat_binlog_event *ev, struct leat_binlog_gtid *gtid)
{
    struct leat_cut cut = ev->body;
    gtid->seq = leat_cut_u64(&cut);
    gtid->domain = leat_cut_u32(&cut);
    gtid->server = ev->server_id;
    uint8_t flags = leat_cut_u8(&cut);
    gtid->is_standalone = flags & 1;
    gtid->is_ddl = flags & 0x20;
    gtid->is_xa_prepare = flags & 0x40;
    gtid->is_xa_commit = flags & 0x80;
    gtid->is_undecided = is_undecided(cut, flags);
    return !cut.is_bad;
}

/* Commit time in 7 bytes of microseconds; the top bit says that the origin's own time follows. */
static uint64_t cut_commit_time(struct leat_cut *cut)
{
    uint64_t here = leat_cut_le(cut, 7);
    return here >> 55 ? leat_cut_le(cut, 7) : here;
}

/* The optional tail of MySQL's GTID event since 8.0: logical clock, commit time, length of the transaction. */
static void mysql_gtid_tail(struct leat_cut *cut, struct leat_binlog_gtid *gtid)
{
    if (leat_cut_left(cut) < 1 + 16 + 7 || leat_cut_u8(cut) != 2)
        return;
    leat_cut_bytes(cut, 16);
    uint64_t commit_us = cut_commit_time(cut);
    uint64_t length = leat_cut_lenenc(cut);
    if (cut->is_bad)
        return;
    gtid->commit_us = (int64_t)commit_us;
    gtid->length = length;
}

/* GTID_TAGGED is in MySQL's own serialization: version, size, last field id (varlen each), then fields by
 * id: 0 flags, 1 uuid (16 varlen bytes), 2 gno, 3 tag, 4 last_committed, 5 sequence, 6 commit times ...
 * A varlen integer has as many trailing ones in its first byte as bytes follow. */
static uint64_t varlen(struct leat_cut *cut)
{
    uint8_t first = leat_cut_u8(cut);
    unsigned more = first == 0xff ? 8 : (unsigned)__builtin_ctz(~(unsigned)first);
    if (more == 8)
        return leat_cut_u64(cut);
    uint64_t rest = more ? leat_cut_le(cut, more) : 0;
    return (uint64_t)(first >> (more + 1)) | rest << (7 - more);
}

static bool tagged_gtid(const struct leat_binlog_event *ev, struct leat_binlog_gtid *gtid)
{
    struct leat_cut cut = ev->body;
    varlen(&cut); /* version */
    varlen(&cut); /* size */
    varlen(&cut); /* last field that a reader must know */
    while (!cut.is_bad && leat_cut_left(&cut) > 0) {
        uint64_t id = varlen(&cut);
        if (id == 0) {
            varlen(&cut);
        } else if (id == 1) {
            for (int i = 0; i < 16; i++)
                gtid->uuid[i] = (uint8_t)varlen(&cut);
        } else if (id == 2) {
            uint64_t zigzag = varlen(&cut);
            gtid->seq = (uint64_t)leat_unzigzag(zigzag);
        } else if (id == 3) {
            uint64_t len = varlen(&cut);
            const uint8_t *tag = leat_cut_bytes(&cut, len);
            if (!tag || len >= sizeof gtid->tag)
                return false;
            memcpy(gtid->tag, tag, len);
            break;
        } else {
            break;
        }
    }
    return !cut.is_bad;
}

bool leat_binlog_gtid(const struct leat_binlog_event *ev, struct leat_binlog_gtid *gtid)
{
    *gtid = (struct leat_binlog_gtid){0};
    if (ev->type == LEAT_BINLOG_MARIA_GTID)
        return maria_gtid(ev, gtid);
    if (ev->type == LEAT_BINLOG_GTID_TAGGED)
        return tagged_gtid(ev, gtid);
    leat_assert(ev->type == LEAT_BINLOG_GTID || ev->type == LEAT_BINLOG_ANONYMOUS_GTID);
    struct leat_cut cut = ev->body;
    gtid->is_anonymous = ev->type == LEAT_BINLOG_ANONYMOUS_GTID;
    leat_cut_u8(&cut); /* flags: may have statement-based changes */
    const uint8_t *uuid = leat_cut_bytes(&cut, 16);
    gtid->seq = leat_cut_u64(&cut);
    if (cut.is_bad)
        return false;
    memcpy(gtid->uuid, uuid, 16);
    mysql_gtid_tail(&cut, gtid);
    return true;
}
