/* binlog.h - events written by hand, for tests of the binlog decoder. */
#ifndef LEAT_KIT_BINLOG_H
#define LEAT_KIT_BINLOG_H

#include <base/wire.h>
#include <mysql_protocol/event.h>
#include <zlib.h>

/* A format without checksums, as MySQL 5.7's: post-headers of rows v1 and v2. */
static inline struct leat_binlog_format kit_binlog_format(void)
{
    struct leat_binlog_format format = {.version = 4};
    format.post_header[LEAT_BINLOG_QUERY] = 13;
    format.post_header[LEAT_BINLOG_TABLE_MAP] = 8;
    for (int type = LEAT_BINLOG_WRITE_V1; type <= LEAT_BINLOG_DELETE_V1; type++)
        format.post_header[type] = 8;
    for (int type = LEAT_BINLOG_WRITE_V2; type <= LEAT_BINLOG_DELETE_V2; type++)
        format.post_header[type] = 10;
    return format;
}

/* Begins an event in `out`, which is cleared; the body is then added by the test. */
static inline void kit_event_begin(struct leat_bytes *out, uint8_t type)
{
    leat_bytes_clear(out);
    leat_bytes_u32(out, 1700000000); /* time */
    leat_bytes_put(out, type);
    leat_bytes_u32(out, 7);    /* server id */
    leat_bytes_u32(out, 0);    /* length, by kit_event_end */
    leat_bytes_u32(out, 4711); /* log_pos */
    leat_bytes_u16(out, 0);
}

/* Sets the length, and adds the checksum where there is one. */
static inline void kit_event_end(struct leat_bytes *out, bool has_checksum)
{
    leat_set_u32(out->data + 9, (uint32_t)(out->len + (has_checksum ? 4 : 0)));
    if (has_checksum)
        leat_bytes_u32(out, (uint32_t)crc32(0, out->data, (uInt)out->len));
}

static inline void kit_put_table_id(struct leat_bytes *out, uint64_t id)
{
    leat_bytes_u32(out, (uint32_t)id);
    leat_bytes_u16(out, (uint16_t)(id >> 32));
    leat_bytes_u16(out, 1); /* flags: statement end */
}

/* "d.t" with these types and their metadata; columns all nullable; `optional` is what follows. */
static inline void kit_table_map(struct leat_bytes *out, const uint8_t *types, uint8_t count,
                                 const void *meta, uint8_t meta_len, const void *optional, size_t optional_len)
{
    kit_event_begin(out, LEAT_BINLOG_TABLE_MAP);
    kit_put_table_id(out, 42);
    leat_bytes_add(out, "\1d\0\1t\0", 6);
    leat_bytes_put(out, count);
    leat_bytes_add(out, types, count);
    leat_bytes_put(out, meta_len);
    leat_bytes_add(out, meta, meta_len);
    for (int i = 0; i < (count + 7) / 8; i++)
        leat_bytes_put(out, 0xff);
    leat_bytes_add(out, optional, optional_len);
    kit_event_end(out, false);
}

/* The head of a WRITE_ROWS v2 event with all of `count` columns present; rows are added by the test. */
static inline void kit_rows_begin(struct leat_bytes *out, uint8_t type, uint8_t count)
{
    kit_event_begin(out, type);
    kit_put_table_id(out, 42);
    if (type >= LEAT_BINLOG_WRITE_V2 && type <= LEAT_BINLOG_DELETE_V2)
        leat_bytes_u16(out, 2);
    leat_bytes_put(out, count);
    bool is_update = type == LEAT_BINLOG_UPDATE_V1 || type == LEAT_BINLOG_UPDATE_V2;
    for (int image = 0; image < (is_update ? 2 : 1); image++)
        for (int i = 0; i < (count + 7) / 8; i++)
            leat_bytes_put(out, 0xff);
}

#endif
