#include <redis/row.h>

#include <base/assert.h>
#include <base/number.h>
#include <model/iso.h>
#include <model/json.h>

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
    char text[LEAT_ISO_MAX > LEAT_NUMBER_MAX ? LEAT_ISO_MAX : LEAT_NUMBER_MAX];
    switch ((enum leat_type)value->type) {
    case LEAT_TEXT:
    case LEAT_DECIMAL:
    case LEAT_JSON:
        leat_bytes_add(out, value->as.text, value->len);
        break;
    case LEAT_BYTES:
        leat_bytes_add(out, value->as.bytes, value->len);
        break;
    case LEAT_BOOL:
        leat_bytes_text(out, value->as.b ? "1" : "0");
        break;
    case LEAT_INT64:
        leat_bytes_add(out, text, leat_print_i64(text, value->as.i));
        break;
    case LEAT_UINT64:
        leat_bytes_add(out, text, leat_print_u64(text, value->as.u));
        break;
    case LEAT_FLOAT64:
        leat_bytes_add(out, text, value->flags & LEAT_VALUE_SINGLE ? leat_print_float(text, (float)value->as.f)
                                                                  : leat_print_double(text, value->as.f));
        break;
    case LEAT_DATE:
    case LEAT_TIME:
    case LEAT_DATETIME:
    case LEAT_TIMESTAMP:
        leat_bytes_add(out, text, leat_iso_print(text, value));
        break;
    default:
        leat_json_value(out, value);
    }
}
