#include <model/plain.h>

static size_t print(char *out, const struct leat_value *value)
{
    switch ((enum leat_type)value->type) {
    case LEAT_BOOL:
        strcpy(out, value->as.b ? "true" : "false");
        return strlen(out);
    case LEAT_INT64:
        return leat_print_i64(out, value->as.i);
    case LEAT_UINT64:
        return leat_print_u64(out, value->as.u);
    case LEAT_FLOAT64:
        return value->flags & LEAT_VALUE_SINGLE ? leat_print_float(out, (float)value->as.f)
                                                : leat_print_double(out, value->as.f);
    case LEAT_DATE:
    case LEAT_TIME:
    case LEAT_DATETIME:
    case LEAT_TIMESTAMP:
        return leat_iso_print(out, value);
    default:
        return 0;
    }
}

const char *leat_value_plain(const struct leat_value *value, char room[LEAT_PLAIN_MAX], size_t *len)
{
    switch ((enum leat_type)value->type) {
    case LEAT_TEXT:
    case LEAT_DECIMAL:
    case LEAT_JSON:
    case LEAT_BYTES:
        *len = value->len;
        return value->as.text ? value->as.text : "";
    default:
        *len = print(room, value);
        return *len > 0 ? room : NULL;
    }
}
