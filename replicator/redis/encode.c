#include <redis/encode.h>

#include <base/assert.h>
#include <base/memory.h>
#include <base/number.h>
#include <model/coder.h>
#include <model/fieldpath.h>
#include <model/template.h>
#include <redis/row.h>
#include <stdlib.h>

#define TEXT_MOST ((size_t)256 << 20)
#define TEXT_KEEP ((size_t)1 << 20)
#define KEY_MOST  65536

struct encoder {
    const struct encode_options *options;
    struct leat_template *key, *member; /* key NULL: topic and the key's columns */
    struct leat_coder coder;
    struct leat_bytes text, name, old_name, item, old_item; /* message; key, member, and those before an update */
};

/* ---- options ---- */

static bool is_message(const struct encode_options *options)
{
    return options->as == AS_LIST || options->as == AS_PUBLISH || options->as == AS_STRING || options->as == AS_JSON ||
           (options->as == AS_STREAM && !options->columns);
}

static enum leat_status wrong(struct leat_error *err, const char *text)
{
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "%s", text);
}

bool encode_takes_all(const struct encode_options *options)
{
    return options->as == AS_STREAM || options->as == AS_LIST || options->as == AS_PUBLISH;
}

enum leat_status encode_validate(const struct encode_options *options, struct leat_error *err)
{
    int64_t as = options->as;
    if ((as == AS_SET || as == AS_ZSET) && !options->member)
        return wrong(err, "as: set and as: zset need `member`, a template such as \"{key.id}\"");
    if (as == AS_ZSET && !options->score)
        return wrong(err, "as: zset needs `score`, the path of a number in the row");
    if (as != AS_SET && as != AS_ZSET && options->member)
        return wrong(err, "member: only as: set and as: zset have members");
    if (as != AS_ZSET && options->score)
        return wrong(err, "score: only as: zset has scores");
    if (as != AS_STREAM && (options->columns || options->maxlen > 0 || options->minid_us > 0))
        return wrong(err, "columns, maxlen, minid: only as: stream has them");
    if (options->maxlen > 0 && options->minid_us > 0)
        return wrong(err, "maxlen and minid: Redis trims a stream by one of them");
    if (options->ttl_us > 0 && options->ttl_field)
        return wrong(err, "ttl and ttl_field: a key has one time to live");
    if (as == AS_PUBLISH && (options->ttl_us > 0 || options->ttl_field))
        return wrong(err, "ttl: what is published is not kept");
    return leat_format_validate(&options->format, err);
}

/* ---- messages ---- */

static enum leat_status open_coder(struct encoder *encoder, const char *connector, struct leat_error *err)
{
    struct leat_format json = leat_format_named("json");
    bool is_json = encoder->options->as == AS_JSON;
    return leat_coder_open(&encoder->coder, is_json ? &json : &encoder->options->format, connector, err);
}

/* *is_null: there is no message. */
static enum leat_status write_message(struct encoder *encoder, const struct leat_record *rec, bool *is_null,
                                      struct leat_error *err)
{
    *is_null = false;
    leat_bytes_clear(&encoder->text);
    enum leat_status status = leat_coder_encode(&encoder->coder, rec, LEAT_PART_VALUE, &encoder->text, is_null, err);
    if (status == LEAT_OK && encoder->text.is_over)
        status = leat_fail(err, LEAT_REJECT, "its message is too long");
    return status;
}

/* ---- opening ---- */

static const char *key_of(const struct encode_options *options)
{
    bool has_rows = options->as == AS_HASH || options->as == AS_STRING || options->as == AS_JSON;
    return options->key ? options->key : has_rows ? NULL : "{topic}";
}

enum leat_status encoder_new(struct encoder **made, const struct encode_options *options, const char *connector,
                             struct leat_error *err)
{
    struct encoder *encoder = *made = leat_calloc(1, sizeof *encoder);
    const char *key = key_of(options);
    encoder->options = options;
    leat_bytes_init(&encoder->text, TEXT_MOST);
    leat_bytes_init(&encoder->name, KEY_MOST);
    leat_bytes_init(&encoder->old_name, KEY_MOST);
    leat_bytes_init(&encoder->item, KEY_MOST);
    leat_bytes_init(&encoder->old_item, KEY_MOST);
    if (key && !(encoder->key = leat_template_new(key, false, err)))
        return LEAT_STOP;
    if (options->member && !(encoder->member = leat_template_new(options->member, false, err)))
        return LEAT_STOP;
    return open_coder(encoder, connector, err);
}

void encoder_free(struct encoder *encoder)
{
    if (!encoder)
        return;
    leat_coder_close(&encoder->coder);
    if (encoder->key)
        leat_template_free(encoder->key);
    if (encoder->member)
        leat_template_free(encoder->member);
    leat_bytes_fini(&encoder->text);
    leat_bytes_fini(&encoder->name);
    leat_bytes_fini(&encoder->old_name);
    leat_bytes_fini(&encoder->item);
    leat_bytes_fini(&encoder->old_item);
    free(encoder);
}

/* ---- key and member ---- */

/* shop.orders:17; of a key with several columns, a colon before each. */
static enum leat_status write_row_key(const struct leat_record *rec, struct leat_bytes *out, struct leat_error *err)
{
    bool is_row = rec->key.type == LEAT_STRUCT || rec->key.type == LEAT_MAP;
    uint32_t count = is_row ? rec->key.len : 1, step = rec->key.type == LEAT_MAP ? 2 : 1;
    if (rec->key.type <= LEAT_NULL)
        return leat_fail(err, LEAT_REJECT, "it has no key; say `key`, a template, or give the table a primary key");
    leat_bytes_add(out, rec->topic->name, rec->topic->name_len);
    for (uint32_t i = 0; i < count; i++) {
        leat_bytes_put(out, ':');
        row_text(out, is_row ? &rec->key.as.items[i * step + step - 1] : &rec->key);
    }
    return LEAT_OK;
}

static enum leat_status write_names(const struct encoder *encoder, const struct leat_record *rec, struct leat_bytes *name,
                                    struct leat_bytes *item, struct leat_error *err)
{
    leat_bytes_clear(name);
    leat_bytes_clear(item);
    enum leat_status status = encoder->key ? leat_template_fill(encoder->key, rec, name, err) : write_row_key(rec, name, err);
    if (status == LEAT_OK && encoder->member)
        status = leat_template_fill(encoder->member, rec, item, err);
    if (status == LEAT_OK && (name->is_over || item->is_over))
        status = leat_fail(err, LEAT_REJECT, "its key is longer than %d bytes", KEY_MOST);
    return status;
}

static bool is_equal(const struct leat_bytes *a, const struct leat_bytes *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* Whether the row before the update stands elsewhere; old_name and old_item say where. A row that had no place has none. */
static bool has_moved(struct encoder *encoder, const struct leat_record *rec)
{
    struct leat_error none;
    if (rec->op != LEAT_UPDATE || rec->before.type <= LEAT_NULL || (!encoder->key && !encoder->member))
        return false;
    struct leat_record before = row_before(rec);
    return write_names(encoder, &before, &encoder->old_name, &encoder->old_item, &none) == LEAT_OK &&
           !(is_equal(&encoder->name, &encoder->old_name) && is_equal(&encoder->item, &encoder->old_item));
}

/* ---- commands ---- */

static void command(struct request *request, const char *word, const struct leat_bytes *key)
{
    request_call(request);
    request_prefix(request, word, strlen(word));
    request_argument(request, key->data, key->len);
}

/* The same where many records have the key. */
static void command_on_shared(struct request *request, const char *word, const struct leat_bytes *key)
{
    request_call(request);
    request_prefix(request, word, strlen(word));
    request_prefix(request, key->data, key->len);
}

static void argument(struct request *request, const struct leat_bytes *bytes)
{
    request_argument(request, bytes->data, bytes->len);
}

static void argument_text(struct request *request, const char *text)
{
    request_argument(request, text, strlen(text));
}

static void argument_number(struct request *request, int64_t number)
{
    char text[LEAT_NUMBER_MAX];
    request_argument(request, text, leat_print_i64(text, number));
}

/* ---- time to live ---- */

/* Microseconds since 1970 at which the key ends; INT64_MAX: it does not. */
static enum leat_status find_end(const struct encoder *encoder, const struct leat_record *rec, int64_t *end_us,
                                 struct leat_error *err)
{
    const char *path = encoder->options->ttl_field;
    const struct leat_value *value = path ? leat_path_get(rec, path) : NULL;
    struct leat_parts parts;
    *end_us = encoder->options->ttl_us > 0 ? rec->time_us + encoder->options->ttl_us : INT64_MAX;
    if (!value || value->type <= LEAT_NULL)
        return LEAT_OK;
    if (value->type == LEAT_TIMESTAMP)
        *end_us = value->as.i;
    else if (value->type == LEAT_INT64 && value->as.i > -1000000000000 && value->as.i < 1000000000000)
        *end_us = rec->time_us + value->as.i * 1000000;
    else if (value->type == LEAT_UINT64 && value->as.u < 1000000000000)
        *end_us = rec->time_us + (int64_t)value->as.u * 1000000;
    else if ((value->type == LEAT_DATE || value->type == LEAT_DATETIME) && leat_value_parts(value, &parts) && parts.month > 0 &&
             parts.day > 0)
        *end_us = leat_parts_to_us(&parts);
    else
        return leat_fail(err, LEAT_REJECT, "ttl_field %s: this %s is no time and no number of seconds", path,
                         leat_type_name((enum leat_type)value->type));
    return LEAT_OK;
}

/* One that is over: Redis takes no time before 1970. */
static int64_t end_ms(int64_t end_us)
{
    return end_us < 1000 ? 1 : end_us / 1000;
}

/* Behind a command that does not set it itself. */
static enum leat_status expire(struct encoder *encoder, const struct leat_record *rec, struct request *request,
                               struct leat_error *err)
{
    int64_t end_us;
    if (encoder->options->ttl_us == 0 && !encoder->options->ttl_field)
        return LEAT_OK;
    enum leat_status status = find_end(encoder, rec, &end_us, err);
    if (status != LEAT_OK)
        return status;
    command(request, end_us == INT64_MAX ? "PERSIST" : "PEXPIREAT", &encoder->name);
    if (end_us != INT64_MAX)
        argument_number(request, end_ms(end_us));
    return LEAT_OK;
}

/* ---- each `as` ---- */

static void begin_entry(const struct encoder *encoder, const struct leat_record *rec, struct request *request)
{
    const struct encode_options *options = encoder->options;
    char text[LEAT_NUMBER_MAX + 3];
    command_on_shared(request, "XADD", &encoder->name);
    if (options->maxlen > 0) {
        size_t len = leat_print_i64(text, options->maxlen);
        request_prefix(request, "MAXLEN", 6);
        request_prefix(request, "~", 1);
        request_prefix(request, text, len);
    } else if (options->minid_us > 0) {
        request_prefix(request, "MINID", 5);
        request_prefix(request, "~", 1);
        argument_number(request, rec->time_us > options->minid_us ? (rec->time_us - options->minid_us) / 1000 : 0);
        argument_text(request, "*");
        return;
    }
    request_prefix(request, "*", 1);
}

static enum leat_status add_message(struct encoder *encoder, const struct leat_record *rec, struct request *request,
                                    struct leat_error *err)
{
    bool is_null;
    const struct encode_options *options = encoder->options;
    enum leat_status status = write_message(encoder, rec, &is_null, err);
    if (status != LEAT_OK || is_null)
        return status;
    if (options->as == AS_STREAM) {
        begin_entry(encoder, rec, request);
        if (options->minid_us > 0)
            argument_text(request, options->field);
        else
            request_prefix(request, options->field, strlen(options->field));
    } else {
        command_on_shared(request, options->as == AS_LIST ? "RPUSH" : "PUBLISH", &encoder->name);
    }
    argument(request, &encoder->text);
    return expire(encoder, rec, request, err);
}

/* Names and texts of the columns that are not null; false: there is none. */
static bool add_columns(struct encoder *encoder, const struct row *row, struct request *request)
{
    bool has_any = false;
    for (uint32_t i = 0; i < row->count; i++) {
        struct column column = row_at(row, i);
        if (column.value->type <= LEAT_NULL)
            continue;
        leat_bytes_clear(&encoder->text);
        row_text(&encoder->text, column.value);
        request_argument(request, column.name, column.len);
        argument(request, &encoder->text);
        has_any = true;
    }
    return has_any;
}

static enum leat_status no_row(struct leat_error *err)
{
    return leat_fail(err, LEAT_REJECT, "it is no row: its value has no columns");
}

static enum leat_status add_entry(struct encoder *encoder, const struct leat_record *rec, struct request *request,
                                  struct leat_error *err)
{
    struct row row;
    if (rec->flags & LEAT_TOMBSTONE)
        return LEAT_OK;
    if (!row_of(&row, rec, rec->op == LEAT_DELETE && rec->before.type > LEAT_NULL ? &rec->before : &rec->value))
        return no_row(err);
    begin_entry(encoder, rec, request);
    if (!add_columns(encoder, &row, request))
        return no_row(err);
    if (rec->op == LEAT_DELETE) {
        argument_text(request, "__deleted");
        argument_text(request, "true");
    }
    return expire(encoder, rec, request, err);
}

static void unlink_key(struct request *request, const struct leat_bytes *key)
{
    command(request, "UNLINK", key);
}

static enum leat_status set_key(struct encoder *encoder, const struct leat_record *rec, struct request *request,
                                struct leat_error *err)
{
    bool is_null;
    int64_t end_us;
    enum leat_status status = write_message(encoder, rec, &is_null, err);
    if (status == LEAT_OK)
        status = find_end(encoder, rec, &end_us, err);
    if (status != LEAT_OK)
        return status;
    if (is_null) {
        unlink_key(request, &encoder->name);
        return LEAT_OK;
    }
    command(request, "SET", &encoder->name);
    argument(request, &encoder->text);
    if (end_us != INT64_MAX) {
        argument_text(request, "PXAT");
        argument_number(request, end_ms(end_us));
    }
    return LEAT_OK;
}

static void remove_nulls(const struct encoder *encoder, const struct row *row, struct request *request)
{
    bool has_begun = false;
    for (uint32_t i = 0; i < row->count; i++) {
        struct column column = row_at(row, i);
        if (column.value->type != LEAT_NULL)
            continue;
        if (!has_begun)
            command(request, "HDEL", &encoder->name);
        has_begun = true;
        request_argument(request, column.name, column.len);
    }
}

static enum leat_status set_hash(struct encoder *encoder, const struct leat_record *rec, struct request *request,
                                 struct leat_error *err)
{
    struct row row;
    if (!row_of(&row, rec, &rec->value))
        return no_row(err);
    command(request, "HSET", &encoder->name);
    if (!add_columns(encoder, &row, request))
        return no_row(err);
    remove_nulls(encoder, &row, request);
    return expire(encoder, rec, request, err);
}

static void remove_member(struct encoder *encoder, struct request *request, const struct leat_bytes *key,
                          const struct leat_bytes *member)
{
    command_on_shared(request, encoder->options->as == AS_ZSET ? "ZREM" : "SREM", key);
    argument(request, member);
}

static enum leat_status add_member(struct encoder *encoder, const struct leat_record *rec, struct request *request,
                                   struct leat_error *err)
{
    bool is_scored = encoder->options->as == AS_ZSET;
    const struct leat_value *score = is_scored ? leat_path_get(rec, encoder->options->score) : NULL;
    if (is_scored && (!score || score->type == LEAT_ABSENT))
        return leat_fail(err, LEAT_REJECT, "score %s is missing in this record", encoder->options->score);
    if (is_scored && score->type == LEAT_NULL) { /* without a score there is no place for it */
        remove_member(encoder, request, &encoder->name, &encoder->item);
        return LEAT_OK;
    }
    command_on_shared(request, is_scored ? "ZADD" : "SADD", &encoder->name);
    if (is_scored) {
        leat_bytes_clear(&encoder->text);
        row_text(&encoder->text, score);
        argument(request, &encoder->text);
    }
    argument(request, &encoder->item);
    return expire(encoder, rec, request, err);
}

/* What has a place of its own: a key, or a member. */
static enum leat_status replace(struct encoder *encoder, const struct leat_record *rec, struct request *request,
                                struct leat_error *err)
{
    bool has_member = encoder->member != NULL;
    if (rec->op == LEAT_DELETE && has_member)
        remove_member(encoder, request, &encoder->name, &encoder->item);
    else if (rec->op == LEAT_DELETE)
        unlink_key(request, &encoder->name);
    if (rec->op == LEAT_DELETE)
        return LEAT_OK;
    enum leat_status status = has_member                         ? add_member(encoder, rec, request, err)
                              : encoder->options->as == AS_HASH ? set_hash(encoder, rec, request, err)
                                                                : set_key(encoder, rec, request, err);
    if (status != LEAT_OK || !has_moved(encoder, rec))
        return status;
    if (has_member)
        remove_member(encoder, request, &encoder->old_name, &encoder->old_item);
    else
        unlink_key(request, &encoder->old_name);
    return LEAT_OK;
}

enum leat_status encode_record(struct encoder *encoder, const struct leat_record *rec, struct request *request,
                               struct leat_error *err)
{
    const struct encode_options *options = encoder->options;
    bool is_log = options->as == AS_STREAM || options->as == AS_LIST || options->as == AS_PUBLISH;
    if (rec->op == LEAT_TRUNCATE && !(is_log && is_message(options)))
        return leat_fail(err, LEAT_REJECT, "a TRUNCATE: Redis does not know which keys are the table's; delete them, and skip "
                                           "this record by `errors`");
    enum leat_status status = write_names(encoder, rec, &encoder->name, &encoder->item, err);
    if (status != LEAT_OK)
        return status;
    status = !is_log              ? replace(encoder, rec, request, err)
             : is_message(options) ? add_message(encoder, rec, request, err)
                                   : add_entry(encoder, rec, request, err);
    leat_bytes_clear(&encoder->text);
    leat_bytes_shrink(&encoder->text, TEXT_KEEP);
    return status;
}
