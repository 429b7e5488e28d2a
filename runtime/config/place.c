/* place.c - names, places in files, and where a sink starts. */
#include <config/loader.h>

#include <base/number.h>
#include <base/text.h>

const char *leat_where(struct leat_loader *loader, const struct leat_spot *spot)
{
    return leat_arena_format(loader->arena, "%s:%u", spot->file ? spot->file->path : "?", spot->line);
}

static bool is_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return len >= 1 && len <= 63 && name[len] == 0 && *name != '_' && *name != '-';
}

bool leat_check_name(struct leat_loader *loader, const struct leat_tree *key, const char *what)
{
    if (is_name(key->text))
        return true;
    leat_finding_error(&loader->findings, &key->spot,
                       "a-z, 0-9, _ and - are fine, up to 63 of them, a letter or digit first",
                       "\"%s\" cannot be the name of a %s", key->text, what);
    return false;
}

/* TOPIC[/PARTITION]:OFFSET */
static bool parse_offset(struct leat_loader *loader, const char *text, struct leat_place *place)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || !leat_parse_u64(colon + 1, strlen(colon + 1), &place->offset))
        return false;
    const char *topic = leat_arena_copy(loader->arena, text, (size_t)(colon - text));
    const char *slash = strrchr(topic, '/');
    int64_t partition = 0;
    if (slash) {
        if (!leat_parse_i64(slash + 1, strlen(slash + 1), &partition) || partition < 0 ||
            partition > INT32_MAX || slash == topic)
            return false;
        topic = leat_arena_copy(loader->arena, topic, (size_t)(slash - topic));
    }
    place->kind = LEAT_AT_OFFSET;
    place->topic = topic;
    place->partition = (int32_t)partition;
    return true;
}

void leat_load_place(struct leat_loader *loader, const struct leat_tree *tree, struct leat_place *place)
{
    if (tree->is_bad || tree->kind != LEAT_TREE_SCALAR)
        return; /* the table of options said so */
    if (strcmp(tree->text, "earliest") == 0) {
        place->kind = LEAT_AT_FIRST;
    } else if (strcmp(tree->text, "latest") == 0) {
        place->kind = LEAT_AT_END;
    } else if (leat_parse_time(tree->text, tree->len, &place->time_us)) {
        place->kind = LEAT_AT_TIME;
    } else if (!parse_offset(loader, tree->text, place)) {
        leat_finding_error(&loader->findings, &tree->spot,
                           "earliest, latest, 2026-01-02T03:04:05Z or shop.orders/0:17",
                           "start: \"%s\" is no place in a topic", tree->text);
    }
}
