#include <redis/row.h>

#include <base/assert.h>
#include <model/json.h>
#include <model/plain.h>

bool row_of(struct row *row, const struct leat_record *rec, const struct leat_value *value)
{
    bool is_struct = value->type == LEAT_STRUCT && rec->schema;
    *row = (struct row){.schema = is_struct ? rec->schema : NULL, .value = value, .count = value->len};
    return is_struct || value->type == LEAT_MAP;
}

struct column row_at(const struct row *row, uint32_t index)
{
    leat_assert(index < row->count);
    const struct leat_value *items = row->value->as.items;
    if (row->schema) {
        const char *name = row->schema->fields[index].name;
        return (struct column){name, (uint32_t)strlen(name), &items[index]};
    }
    return (struct column){items[2 * index].as.text, items[2 * index].len, &items[2 * index + 1]};
}

struct leat_record row_before(const struct leat_record *rec)
{
    struct leat_record before = *rec;
    before.value = rec->before;
    before.before = (struct leat_value){.type = LEAT_ABSENT};
    return before;
}

void row_text(struct leat_bytes *out, const struct leat_value *value)
{
    char room[LEAT_PLAIN_MAX];
    size_t len;
    const char *text = leat_value_plain(value, room, &len);
    if (value->type == LEAT_BOOL)
        leat_bytes_text(out, value->as.b ? "1" : "0");
    else if (text)
        leat_bytes_add(out, text, len);
    else
        leat_json_value(out, value);
}
