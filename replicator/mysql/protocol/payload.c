/* payload.c - a compressed transaction, inflated event by event: exactly as many bytes as the next event has, so
 * that nothing is kept between two calls but the decompressor's own window. */
#include <mysql_protocol/payload.h>

#include <base/assert.h>
#include <zstd.h>

enum { FIELD_END, FIELD_SIZE, FIELD_COMPRESSION, FIELD_INFLATED };
enum { COMPRESSION_ZSTD = 0, COMPRESSION_NONE = 255 };

#define STEP_BYTES (1u << 20) /* memory is taken as bytes come, not as a header promises */

static bool read_fields(struct leat_payload *payload, uint64_t *compression)
{
    struct leat_cut *cut = &payload->rest;
    uint64_t size = 0;
    for (;;) {
        uint64_t field = leat_cut_lenenc(cut);
        if (cut->is_bad)
            return false;
        if (field == FIELD_END)
            break;
        uint64_t len = leat_cut_lenenc(cut);
        const uint8_t *bytes = leat_cut_bytes(cut, len);
        struct leat_cut value = leat_cut(bytes, bytes ? len : 0);
        if (field == FIELD_SIZE)
            size = leat_cut_lenenc(&value);
        else if (field == FIELD_COMPRESSION)
            *compression = leat_cut_lenenc(&value);
        else if (field == FIELD_INFLATED)
            payload->inflated_bytes = leat_cut_lenenc(&value);
        if (!bytes || value.is_bad)
            return false;
    }
    return size == leat_cut_left(cut);
}

enum leat_status leat_payload_open(struct leat_payload *payload, const struct leat_binlog_event *ev,
                                   const struct leat_binlog_format *format, struct leat_error *err)
{
    leat_assert(ev->type == LEAT_BINLOG_PAYLOAD);
    uint64_t compression = COMPRESSION_NONE;
    *payload = (struct leat_payload){.format = *format, .rest = ev->body, .is_frame_done = true};
    payload->format.has_checksum = false;
    leat_bytes_init(&payload->bytes, LEAT_BINLOG_MAX_EVENT);
    if (!read_fields(payload, &compression))
        return leat_fail(err, LEAT_STOP, "TRANSACTION_PAYLOAD event of %u bytes is damaged", ev->length);
    payload->is_plain = compression == COMPRESSION_NONE;
    if (!payload->is_plain && compression != COMPRESSION_ZSTD)
        return leat_fail(err, LEAT_STOP, "unsupported: TRANSACTION_PAYLOAD with compression %llu",
                         (unsigned long long)compression);
    if (!payload->is_plain) {
        payload->stream = ZSTD_createDCtx();
        leat_assert(payload->stream);
    }
    return LEAT_OK;
}

/* Up to `len` bytes to `to`, as many as there are; SIZE_MAX: damaged. */
static size_t inflate_some(struct leat_payload *payload, uint8_t *to, size_t len)
{
    ZSTD_outBuffer out = {.dst = to, .size = len};
    ZSTD_inBuffer in = {.src = payload->rest.at, .size = leat_cut_left(&payload->rest)};
    while (out.pos < out.size) {
        size_t had = out.pos;
        if (payload->is_frame_done && in.pos == in.size)
            break;
        size_t hint = ZSTD_decompressStream(payload->stream, &out, &in);
        if (ZSTD_isError(hint))
            return SIZE_MAX;
        payload->is_frame_done = hint == 0;
        if (out.pos == had && in.pos == in.size && hint != 0)
            break; /* wants more than there is */
    }
    payload->rest.at += in.pos;
    return out.pos;
}

static size_t take_plain(struct leat_payload *payload, uint8_t *to, size_t len)
{
    size_t left = leat_cut_left(&payload->rest);
    size_t taken = left < len ? left : len;
    memcpy(to, payload->rest.at, taken);
    payload->rest.at += taken;
    return taken;
}

/* Fills `bytes` up to `len`; false: damaged. Fewer bytes than asked for: there are no more. */
static bool fill(struct leat_payload *payload, size_t len)
{
    struct leat_bytes *bytes = &payload->bytes;
    while (bytes->len < len) {
        size_t step = len - bytes->len < STEP_BYTES ? len - bytes->len : STEP_BYTES;
        if (!leat_bytes_reserve(bytes, step))
            return false;
        uint8_t *to = bytes->data + bytes->len;
        size_t got = payload->is_plain ? take_plain(payload, to, step) : inflate_some(payload, to, step);
        if (got == SIZE_MAX)
            return false;
        bytes->len += got;
        if (got < step)
            break;
    }
    return true;
}

static enum leat_status damaged(const struct leat_payload *payload, struct leat_error *err)
{
    return leat_fail(err, LEAT_STOP, "TRANSACTION_PAYLOAD: what it holds is damaged after %llu bytes",
                     (unsigned long long)payload->given_bytes);
}

uint8_t leat_payload_peek(struct leat_payload *payload)
{
    if (!payload->has_peeked) {
        leat_bytes_clear(&payload->bytes);
        payload->is_bad = !fill(payload, LEAT_BINLOG_HEADER);
        payload->has_peeked = true;
    }
    return payload->is_bad || payload->bytes.len < LEAT_BINLOG_HEADER ? 0 : payload->bytes.data[4];
}

enum leat_status leat_payload_next(struct leat_payload *payload, struct leat_binlog_event *inner,
                                   struct leat_error *err)
{
    leat_payload_peek(payload);
    payload->has_peeked = false;
    if (payload->is_bad)
        return damaged(payload, err);
    if (payload->bytes.len == 0) {
        bool is_whole = payload->is_frame_done &&
                        (payload->inflated_bytes == 0 || payload->inflated_bytes == payload->given_bytes);
        return is_whole ? LEAT_EOF : damaged(payload, err);
    }
    if (payload->bytes.len < LEAT_BINLOG_HEADER)
        return damaged(payload, err);
    uint32_t len = leat_get_u32(payload->bytes.data + 9);
    if (len < LEAT_BINLOG_HEADER || len > LEAT_BINLOG_MAX_EVENT || !fill(payload, len) ||
        payload->bytes.len != len)
        return damaged(payload, err);
    payload->given_bytes += len;
    return leat_binlog_event(inner, &payload->format, payload->bytes.data, len, false, err);
}

void leat_payload_close(struct leat_payload *payload)
{
    ZSTD_freeDCtx(payload->stream);
    leat_bytes_fini(&payload->bytes);
    payload->stream = NULL;
}
