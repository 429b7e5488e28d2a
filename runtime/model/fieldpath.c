#include <model/fieldpath.h>

#include <base/text.h>

/* Part `depth` of the path: [*from, return value). NULL: it has fewer. */
static const char *part_of(const char *path, uint32_t depth, const char **from)
{
    while (depth-- > 0) {
        path = strchr(path, '.');
        if (!path)
            return NULL;
        path++;
    }
    *from = path;
    return path + strcspn(path, ".");
}

uint32_t leat_path_depth(const char *path)
{
    uint32_t depth = 1;
    for (; *path; path++)
        depth += *path == '.';
    return depth;
}

bool leat_path_part_matches(const char *path, uint32_t depth, const char *name, size_t len)
{
    const char *at, *end = part_of(path, depth, &at), *to = name + len;
    const char *star = NULL, *retry = NULL;
    if (!end)
        return false;
    while (name < to) {
        if (at < end && *at == '*') {
            star = ++at;
            retry = name;
        } else if (at < end && (*at == '?' || *at == *name)) {
            at++;
            name++;
        } else if (star) {
            at = star;
            name = ++retry;
        } else {
            return false;
        }
    }
    while (at < end && *at == '*')
        at++;
    return at == end;
}

static const struct leat_value *member(const struct leat_value *value, const char *name, size_t len)
{
    if (value->type != LEAT_MAP)
        return NULL;
    for (uint32_t i = value->len; i-- > 0;) {
        const struct leat_value *key = &value->as.items[2 * i];
        if (key->type == LEAT_TEXT && key->len == len && memcmp(key->as.text, name, len) == 0)
            return &value->as.items[2 * i + 1];
    }
    return NULL;
}

const struct leat_value *leat_path_get(const struct leat_record *rec, const char *path)
{
    const struct leat_value *value = rec->value.type > LEAT_NULL ? &rec->value : &rec->before;
    const char *from, *end;
    for (uint32_t depth = 0; value && (end = part_of(path, depth, &from)); depth++) {
        size_t len = (size_t)(end - from);
        if (depth == 0 && rec->schema && value->type == LEAT_STRUCT) {
            int32_t index = leat_schema_find(rec->schema, from, len);
            value = index >= 0 && (uint32_t)index < value->len ? &value->as.items[index] : NULL;
        } else {
            value = member(value, from, len);
        }
    }
    return value;
}
