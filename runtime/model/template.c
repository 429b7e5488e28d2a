#include <model/template.h>

#include <base/memory.h>
#include <model/fieldpath.h>
#include <model/plain.h>
#include <stdlib.h>
#include <time.h>

enum part_kind { LITERAL, TOPIC, PARTITION, OFFSET, DATABASE, TABLE, OP, KEY, VALUE, HEADER, TIME };

struct part {
    enum part_kind kind;
    char *text; /* the literal; path of KEY, VALUE; name of HEADER; format of TIME */
};

struct leat_template {
    struct part *parts;
    size_t count;
    bool is_path;
};

/* ---- compiling ---- */

static void add_part(struct leat_template *t, enum part_kind kind, const char *text, size_t len)
{
    t->parts = leat_realloc(t->parts, (t->count + 1) * sizeof *t->parts);
    t->parts[t->count++] = (struct part){kind, leat_strndup(text, len)};
}

static bool has_prefix(const char *text, size_t len, const char *prefix)
{
    return len > strlen(prefix) && memcmp(text, prefix, strlen(prefix)) == 0;
}

/* Conversions that give digits, so that no locale and no time zone of the process has a say. */
static bool is_time_format(const char *format, size_t len)
{
    bool has_any = false;
    for (size_t i = 0; i < len; i++) {
        if (format[i] != '%')
            continue;
        if (++i == len || !memchr("YmdHMSjyFTGVu%", format[i], 14))
            return false;
        has_any = true;
    }
    return has_any;
}

static bool add_placeholder(struct leat_template *t, const char *name, size_t len)
{
    static const struct {
        const char *name;
        enum part_kind kind;
    } plain[] = {{"topic", TOPIC}, {"partition", PARTITION}, {"offset", OFFSET},
                 {"database", DATABASE}, {"table", TABLE}, {"op", OP}},
      prefixed[] = {{"key.", KEY}, {"value.", VALUE}, {"header.", HEADER}, {"time:", TIME}};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (strlen(plain[i].name) == len && memcmp(plain[i].name, name, len) == 0) {
            add_part(t, plain[i].kind, "", 0);
            return true;
        }
    }
    for (size_t i = 0; i < sizeof prefixed / sizeof *prefixed; i++) {
        size_t skip = strlen(prefixed[i].name);
        if (has_prefix(name, len, prefixed[i].name)) {
            if (prefixed[i].kind == TIME && !is_time_format(name + skip, len - skip))
                return false;
            add_part(t, prefixed[i].kind, name + skip, len - skip);
            return true;
        }
    }
    return false;
}

static enum leat_status compile(struct leat_template *t, const char *text, struct leat_error *err)
{
    struct leat_bytes literal;
    enum leat_status status = LEAT_OK;
    leat_bytes_init(&literal, SIZE_MAX);
    while (*text && status == LEAT_OK) {
        if (text[0] == '}' || (text[0] == '{' && text[1] == '{')) { /* {{ and }} stand for one, a lone } for itself */
            leat_bytes_put(&literal, (uint8_t)text[0]);
            text += text[0] == text[1] ? 2 : 1;
        } else if (text[0] == '{') {
            const char *end = strchr(text, '}');
            if (literal.len > 0)
                add_part(t, LITERAL, (const char *)literal.data, literal.len);
            leat_bytes_clear(&literal);
            if (!end)
                status = leat_fail(err, LEAT_STOP, "\"%s\" has no closing brace; a literal brace is {{", text);
            else if (!add_placeholder(t, text + 1, (size_t)(end - text - 1)))
                status = leat_fail(err, LEAT_STOP,
                                   "unknown placeholder %.*s; there are {topic} {partition} {offset} {database} "
                                   "{table} {op} {key.NAME} {value.NAME} {header.NAME} {time:FORMAT}, FORMAT of "
                                   "%%Y %%m %%d %%H %%M %%S %%j %%y %%F %%T %%G %%V %%u",
                                   (int)(end + 1 - text), text);
            text = end ? end + 1 : text;
        } else {
            leat_bytes_put(&literal, (uint8_t)*text++);
        }
    }
    if (literal.len > 0)
        add_part(t, LITERAL, (const char *)literal.data, literal.len);
    leat_bytes_fini(&literal);
    return status;
}

struct leat_template *leat_template_new(const char *text, bool is_path, struct leat_error *err)
{
    struct leat_template *t = leat_calloc(1, sizeof *t);
    t->is_path = is_path;
    if (compile(t, text, err) == LEAT_OK)
        return t;
    leat_template_free(t);
    return NULL;
}

void leat_template_free(struct leat_template *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->count; i++)
        free(t->parts[i].text);
    free(t->parts);
    free(t);
}

/* ---- asking ---- */

bool leat_template_is_literal(const struct leat_template *t)
{
    return t->count == 0 || (t->count == 1 && t->parts[0].kind == LITERAL);
}

const char *leat_template_prefix(const struct leat_template *t)
{
    return t->count > 0 && t->parts[0].kind == LITERAL ? t->parts[0].text : "";
}

bool leat_template_is_per_topic(const struct leat_template *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->parts[i].kind != LITERAL && t->parts[i].kind != TOPIC)
            return false;
    return true;
}

bool leat_template_is_per_table(const struct leat_template *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->parts[i].kind != LITERAL && t->parts[i].kind != TOPIC && t->parts[i].kind != DATABASE &&
            t->parts[i].kind != TABLE)
            return false;
    return true;
}

/* ---- filling ---- */

static bool is_safe(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

/* Whether the path's last part has nothing but dots in it so far: another dot could make it "..". */
static bool is_at_dots(const struct leat_bytes *out)
{
    size_t at = out->len;
    while (at > 0 && out->data[at - 1] == '.')
        at--;
    return at == 0 || out->data[at - 1] == '/';
}

/* What data puts into a path cannot name another directory: no slash, no part of dots alone. */
static void put_filled(const struct leat_template *t, struct leat_bytes *out, const char *text, size_t len)
{
    if (!t->is_path) {
        leat_bytes_add(out, text, len);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (is_safe(text[i]) && (text[i] != '.' || !is_at_dots(out)))
            leat_bytes_put(out, (uint8_t)text[i]);
        else
            leat_bytes_printf(out, "%%%02X", (unsigned char)text[i]);
    }
}

static enum leat_status put_value(const struct leat_template *t, struct leat_bytes *out, const char *what,
                                  const char *name, const struct leat_value *value, struct leat_error *err)
{
    char room[LEAT_PLAIN_MAX];
    size_t len;
    if (!value || value->type <= LEAT_NULL)
        return leat_fail(err, LEAT_REJECT, "{%s%s} is %s in this record", what, name,
                         value && value->type == LEAT_NULL ? "null" : "missing");
    bool has_text = value->type != LEAT_BYTES && value->type != LEAT_JSON;
    const char *text = has_text ? leat_value_plain(value, room, &len) : NULL;
    if (!text)
        return leat_fail(err, LEAT_REJECT, "{%s%s} is of type %s, which has no text", what, name,
                         leat_type_name((enum leat_type)value->type));
    put_filled(t, out, text, len);
    return LEAT_OK;
}

/* A key that is no struct is itself what every path means. */
static const struct leat_value *key_field(const struct leat_record *rec, const char *name)
{
    if (rec->key.type == LEAT_MAP)
        return leat_map_get(&rec->key, name);
    if (rec->key.type != LEAT_STRUCT || !rec->schema)
        return rec->key.type > LEAT_NULL && rec->key.type != LEAT_STRUCT ? &rec->key : NULL;
    for (uint32_t i = 0; i < rec->schema->key_count && i < rec->key.len; i++)
        if (strcmp(rec->schema->fields[rec->schema->keys[i]].name, name) == 0)
            return &rec->key.as.items[i];
    return NULL;
}

static enum leat_status put_time(const struct leat_template *t, struct leat_bytes *out, const char *format,
                                 int64_t time_us, struct leat_error *err)
{
    char text[256];
    struct tm parts;
    time_t seconds = (time_t)(time_us / 1000000 - (time_us % 1000000 < 0));
    size_t len = gmtime_r(&seconds, &parts) ? strftime(text, sizeof text, format, &parts) : 0;
    if (len == 0)
        return leat_fail(err, LEAT_REJECT, "{time:%s} gives no text", format);
    put_filled(t, out, text, len);
    return LEAT_OK;
}

static enum leat_status put_part(const struct leat_template *t, const struct part *part, const struct leat_record *rec,
                                 struct leat_bytes *out, struct leat_error *err)
{
    struct leat_value v;
    switch (part->kind) {
    case LITERAL:
        leat_bytes_text(out, part->text);
        return LEAT_OK;
    case TOPIC:
        put_filled(t, out, rec->topic->name, rec->topic->name_len);
        return LEAT_OK;
    case PARTITION:
        v = leat_value_int(rec->partition);
        return put_value(t, out, "partition", "", &v, err);
    case OFFSET:
        v = leat_value_uint(rec->offset);
        return put_value(t, out, "offset", "", &v, err);
    case DATABASE:
    case TABLE:
        if (!rec->schema)
            return leat_fail(err, LEAT_REJECT, "{%s}: this record is of no table",
                             part->kind == TABLE ? "table" : "database");
        v = leat_value_string(part->kind == TABLE ? rec->schema->name : rec->schema->space);
        put_filled(t, out, v.as.text, v.len);
        return LEAT_OK;
    case OP:
        put_filled(t, out, (const char *)&rec->op, 1);
        return LEAT_OK;
    case KEY:
        return put_value(t, out, "key.", part->text, key_field(rec, part->text), err);
    case VALUE:
        return put_value(t, out, "value.", part->text, leat_path_get(rec, part->text), err);
    case HEADER:
        return put_value(t, out, "header.", part->text,
                         rec->headers.type == LEAT_MAP ? leat_map_get(&rec->headers, part->text) : NULL, err);
    case TIME:
        return put_time(t, out, part->text, rec->time_us, err);
    }
    return LEAT_STOP;
}

enum leat_status leat_template_fill(const struct leat_template *t, const struct leat_record *rec,
                                    struct leat_bytes *out, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (size_t i = 0; status == LEAT_OK && i < t->count; i++)
        status = put_part(t, &t->parts[i], rec, out, err);
    return status;
}

enum leat_status leat_template_fill_names(const struct leat_template *t, const char *space, const char *name,
                                          struct leat_bytes *out, struct leat_error *err)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct part *part = &t->parts[i];
        if (part->kind == LITERAL)
            leat_bytes_text(out, part->text);
        else if (part->kind == DATABASE || part->kind == TABLE)
            put_filled(t, out, part->kind == TABLE ? name : space, strlen(part->kind == TABLE ? name : space));
        else
            return leat_fail(err, LEAT_REJECT, "it asks for more than {database} and {table}");
    }
    return LEAT_OK;
}
