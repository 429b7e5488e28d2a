#include <lines/lines.h>

#include <base/assert.h>
#include <base/memory.h>
#include <model/coder.h>
#include <stdlib.h>

struct leat_lines {
    struct leat_coder coder;
    bool keys;
};

enum leat_status leat_lines_validate(const struct leat_format *format, bool keys, struct leat_error *err)
{
    if (keys && format->codec && (format->codec->traits & LEAT_CODEC_NO_JSON))
        return leat_fail(err, LEAT_STOP, "keys: true needs a JSON format, and \"%s\" is none", format->codec->name);
    return leat_format_validate(format, err);
}

enum leat_status leat_lines_open(const struct leat_lines_config *config, struct leat_lines **lines,
                                 struct leat_error *err)
{
    struct leat_lines *made = leat_calloc(1, sizeof *made);
    made->keys = config->keys;
    enum leat_status status = leat_coder_open(&made->coder, &config->format, config->connector, err);
    *lines = status == LEAT_OK ? made : NULL;
    if (status != LEAT_OK)
        free(made);
    return status;
}

void leat_lines_close(struct leat_lines *lines)
{
    if (!lines)
        return;
    leat_coder_close(&lines->coder);
    free(lines);
}

/* One part as JSON text; a null message is written as null where it has to be something. */
static enum leat_status add_part(const struct leat_coder *coder, const struct leat_record *rec, enum leat_part part,
                                 struct leat_bytes *out, struct leat_error *err)
{
    bool is_null = false;
    size_t before = out->len;
    enum leat_status status = leat_coder_encode(coder, rec, part, out, &is_null, err);
    if (status == LEAT_OK && is_null) {
        out->len = before;
        leat_bytes_add(out, "null", 4);
    }
    return status;
}

static enum leat_status add_pair(const struct leat_coder *coder, const struct leat_record *rec,
                                 struct leat_bytes *out, struct leat_error *err)
{
    leat_bytes_add(out, "{\"key\":", 7);
    enum leat_status status = add_part(coder, rec, LEAT_PART_KEY, out, err);
    if (status != LEAT_OK)
        return status;
    leat_bytes_add(out, ",\"value\":", 9);
    status = add_part(coder, rec, LEAT_PART_VALUE, out, err);
    leat_bytes_add(out, "}\n", 2);
    return status;
}

static enum leat_status add_value(const struct leat_coder *coder, const struct leat_record *rec,
                                  struct leat_bytes *out, struct leat_error *err)
{
    bool is_null = false;
    size_t before = out->len;
    enum leat_status status = leat_coder_encode(coder, rec, LEAT_PART_VALUE, out, &is_null, err);
    if (is_null)
        out->len = before;
    else
        leat_bytes_put(out, '\n');
    return status;
}

enum leat_status leat_lines_add(struct leat_lines *lines, const struct leat_record *rec,
                                struct leat_bytes *out, struct leat_error *err)
{
    leat_assert(!out->is_over);
    const struct leat_coder *coder = &lines->coder;
    size_t before = out->len;
    enum leat_status status = lines->keys ? add_pair(coder, rec, out, err) : add_value(coder, rec, out, err);
    if (status == LEAT_OK && out->is_over)
        status = leat_fail(err, LEAT_REJECT, "its line is longer than %zu bytes", out->max - before);
    if (status != LEAT_OK) {
        out->len = before;
        out->is_over = false;
    }
    return status;
}
