#include <lines/lines.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/text.h>
#include <model/codecs.h>
#include <stdio.h>
#include <stdlib.h>

struct coder { /* one open codec */
    const struct leat_codec_type *type;
    void *self;
};

struct leat_lines {
    char source[64]; /* the name of the pipeline's source: that of the sink up to its dot */
    struct coder main;
    struct coder plain; /* for records without a schema where `main` is made for rows; else type NULL */
    bool keys;
};

/* Formats whose message is a JSON text: only these can stand beside a key in one object. */
static bool is_json(const char *format)
{
    return strcmp(format, "text") != 0 && strcmp(format, "bytes") != 0;
}

static enum leat_status unknown_format(const char *format, struct leat_error *err)
{
    const char *names[64];
    size_t count = 0;
    for (const struct leat_codec_type *const *type = leat_codecs(); *type && count < 64; type++)
        names[count++] = (*type)->name;
    const char *meant = leat_did_you_mean(format, names, count);
    if (meant)
        return leat_fail(err, LEAT_STOP, "unknown format \"%s\"; did you mean \"%s\"?", format, meant);
    return leat_fail(err, LEAT_STOP, "unknown format \"%s\"; `leat plugins` lists what there is", format);
}

enum leat_status leat_lines_validate(const char *format, bool keys, struct leat_error *err)
{
    if (!leat_codec(format))
        return unknown_format(format, err);
    if (keys && !is_json(format))
        return leat_fail(err, LEAT_STOP, "keys: true needs a JSON format, and \"%s\" is none", format);
    return LEAT_OK;
}

static enum leat_status open_coder(struct coder *coder, const char *format, const char *connector,
                                   struct leat_error *err)
{
    const struct leat_codec_type *type = leat_codec(format);
    if (!type)
        return leat_fail(err, LEAT_STOP, "unknown format \"%s\"", format);
    coder->self = leat_calloc(1, type->size ? type->size : 1);
    coder->type = type;
    if (!type->open)
        return LEAT_OK;
    enum leat_status status = type->open(coder->self, connector, err);
    if (status != LEAT_OK) {
        free(coder->self);
        *coder = (struct coder){0};
    }
    return status;
}

static void close_coder(struct coder *coder)
{
    if (!coder->type)
        return;
    if (coder->type->close)
        coder->type->close(coder->self);
    free(coder->self);
}

enum leat_status leat_lines_open(const struct leat_lines_config *config, struct leat_lines **lines,
                                 struct leat_error *err)
{
    *lines = NULL;
    struct leat_lines *made = leat_calloc(1, sizeof *made);
    made->keys = config->keys;
    snprintf(made->source, sizeof made->source, "%.*s", (int)strcspn(config->connector, "."), config->connector);
    enum leat_status status = open_coder(&made->main, config->format, made->source, err);
    if (status == LEAT_OK && strcmp(config->format, "debezium") == 0)
        status = open_coder(&made->plain, "json", made->source, err);
    if (status != LEAT_OK) {
        leat_lines_close(made);
        return status;
    }
    *lines = made;
    return LEAT_OK;
}

void leat_lines_close(struct leat_lines *lines)
{
    if (!lines)
        return;
    close_coder(&lines->main);
    close_coder(&lines->plain);
    free(lines);
}

/* One part as JSON text; a null message is written as null where it has to be something. */
static enum leat_status add_part(const struct coder *coder, const struct leat_record *rec, enum leat_part part,
                                 struct leat_bytes *out, struct leat_error *err)
{
    bool is_null = false;
    size_t before = out->len;
    enum leat_status status = coder->type->encode(coder->self, rec, part, out, &is_null, err);
    if (status == LEAT_OK && is_null) {
        out->len = before;
        leat_bytes_add(out, "null", 4);
    }
    return status;
}

static enum leat_status add_pair(const struct coder *coder, const struct leat_record *rec,
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

static enum leat_status add_value(const struct coder *coder, const struct leat_record *rec,
                                  struct leat_bytes *out, struct leat_error *err)
{
    bool is_null = false;
    size_t before = out->len;
    enum leat_status status = coder->type->encode(coder->self, rec, LEAT_PART_VALUE, out, &is_null, err);
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
    const struct coder *coder = !rec->schema && lines->plain.type ? &lines->plain : &lines->main;
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
