/* route.c - records into other topics.
 *
 *   route: "{database}.all"                                          a template
 *   route: {regex: "shop_[0-9]+[.](.*)", replacement: "shop.$1"}     the topic's name rewritten, as
 * RegexRouter does
 *
 * An expression must match the whole name; topics that it does not match stay. What depends on the
 * topic alone is worked out once per topic.
 */
#include <transform/builtin.h>
#include <transform/rows.h>

#include <base/memory.h>
#include <model/template.h>
#include <regex.h>
#include <stdlib.h>

enum { NAME_MAX_BYTES = 249, GROUPS = 10, EXPRESSION_MAX = 1000 };

struct route {
    const char *topic, *regex, *replacement;
    struct leat_template *template;
    regex_t expression;
    bool has_expression, is_per_topic;
    struct leat_table topics; /* old topic -> new one */
    struct leat_bytes name;
};

static enum leat_status compile_regex(struct route *route, struct leat_error *err)
{
    char *anchored = leat_format_dup("^(%s)$", route->regex);
    int rc = strlen(route->regex) > EXPRESSION_MAX
                 ? REG_ESPACE
                 : regcomp(&route->expression, anchored, REG_EXTENDED);
    free(anchored);
    route->has_expression = rc == 0;
    if (rc == 0)
        return LEAT_OK;
    char text[200];
    regerror(rc, NULL, text, sizeof text);
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "route: regex: %s", text);
}

/* $5 where the expression has four groups is a slip that would give wrong names. */
static enum leat_status check_groups(const struct route *route, struct leat_error *err)
{
    size_t groups = route->expression.re_nsub - 1; /* without ours around the whole */
    for (const char *at = route->replacement; (at = strchr(at, '$')) != NULL; at++)
        if (at[1] >= '0' && at[1] <= '9' && (size_t)(at[1] - '0') > groups)
            return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                                "route: replacement: there is no group $%c, regex has %zu", at[1],
                                groups);
    return LEAT_OK;
}

static void route_close(void *self, struct leat_task *task)
{
    (void)task;
    struct route *route = self;
    if (route->template)
        leat_template_free(route->template);
    route->template = NULL;
    if (route->has_expression)
        regfree(&route->expression);
    route->has_expression = false;
    leat_table_fini(&route->topics, NULL);
    leat_bytes_fini(&route->name);
}

static enum leat_status route_open(void *self, struct leat_task *task, struct leat_error *err)
{
    struct route *route = self;
    leat_table_init(&route->topics);
    leat_bytes_init(&route->name, 64 * 1024);
    enum leat_status status = LEAT_OK;
    if (route->regex)
        status = compile_regex(route, err) == LEAT_OK ? check_groups(route, err) : LEAT_STOP;
    else if (!(route->template = leat_template_new(route->topic, false, err)))
        status = LEAT_STOP;
    route->is_per_topic =
        route->regex || (route->template && leat_template_is_per_topic(route->template));
    if (status != LEAT_OK)
        route_close(route, task);
    return status;
}

static enum leat_status route_validate(void *self, struct leat_error *err)
{
    struct route *route = self;
    if (!route->topic == !route->regex)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "route: give either topic or regex");
    if (!route->regex != !route->replacement)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "route: regex and replacement go together");
    enum leat_status status = route_open(self, NULL, err);
    if (status == LEAT_OK)
        route_close(self, NULL);
    return status;
}

/* $1 of the user is group 2: the whole stands in brackets of ours. */
static void rewrite(struct route *route, const char *name)
{
    regmatch_t groups[GROUPS + 1];
    if (regexec(&route->expression, name, GROUPS + 1, groups, 0) != 0) {
        leat_bytes_text(&route->name, name);
        return;
    }
    for (const char *at = route->replacement; *at; at++) {
        if (*at != '$' || at[1] < '0' || at[1] > '9') {
            leat_bytes_put(&route->name, (uint8_t)*at);
            continue;
        }
        const regmatch_t *group = &groups[*++at - '0' + 1];
        if (group->rm_so >= 0)
            leat_bytes_add(&route->name, name + group->rm_so,
                           (size_t)(group->rm_eo - group->rm_so));
    }
}

static enum leat_status new_topic(struct route *route, const struct leat_record *rec,
                                  const struct leat_topic **topic, struct leat_error *err)
{
    leat_bytes_clear(&route->name);
    if (route->regex) {
        rewrite(route, rec->topic ? rec->topic->name : "");
    } else {
        enum leat_status status = leat_template_fill(route->template, rec, &route->name, err);
        if (status != LEAT_OK)
            return status;
    }
    if (route->name.is_over || route->name.len < 1 || route->name.len > NAME_MAX_BYTES)
        return leat_fail(err, LEAT_REJECT, "route: a topic's name has 1 to 249 bytes, this one %zu",
                         route->name.len);
    *topic = leat_topic((const char *)route->name.data, route->name.len);
    return LEAT_OK;
}

static enum leat_status route_record(struct route *route, struct leat_record *rec,
                                     struct leat_error *err)
{
    const struct leat_topic *from = rec->topic;
    const struct leat_topic *to =
        route->is_per_topic ? leat_table_get(&route->topics, &from, sizeof from) : NULL;
    if (!to) {
        enum leat_status status = new_topic(route, rec, &to, err);
        if (status != LEAT_OK)
            return status;
        if (route->is_per_topic)
            leat_table_set(&route->topics, &from, sizeof from, (void *)(uintptr_t)to);
    }
    rec->topic = to;
    return LEAT_OK;
}

static enum leat_status route_apply(void *self, struct leat_task *task, struct leat_batch *batch,
                                    struct leat_error *err)
{
    (void)task;
    struct route *route = self;
    enum leat_status worst = LEAT_OK;
    for (uint32_t i = 0; i < leat_batch_count(batch); i++) {
        struct leat_record *rec = leat_batch_edit(batch, i);
        if (leat_record_is_open(rec) && route_record(route, rec, err) != LEAT_OK) {
            leat_batch_reject(batch, i, "%s", err ? err->text : "route");
            worst = LEAT_REJECT;
        }
    }
    return worst;
}

static const struct leat_option options[] = {
    {.name = "topic",
     .type = LEAT_OPT_TEMPLATE,
     .flags = LEAT_OPT_MAIN,
     .offset = offsetof(struct route, topic),
     .about = "The topic, a template.",
     .example = "{database}.all"},
    {.name = "regex",
     .type = LEAT_OPT_TEXT,
     .offset = offsetof(struct route, regex),
     .about = "POSIX extended expression for the whole name of the topic.",
     .example = "shop_[0-9]+[.](.*)"},
    {.name = "replacement",
     .type = LEAT_OPT_TEXT,
     .offset = offsetof(struct route, replacement),
     .about = "The new name; $1 to $9 are the groups of regex.",
     .example = "shop.$1"},
    {0}};

const struct leat_transform_type leat_transform_route = {
    .struct_size = sizeof(struct leat_transform_type),
    .traits = LEAT_STATELESS,
    .name = "route",
    .about =
        "Sends records to other topics, by a template or by an expression over the topic's name.",
    .size = sizeof(struct route),
    .options = options,
    .validate = route_validate,
    .open = route_open,
    .apply = route_apply,
    .close = route_close,
};
