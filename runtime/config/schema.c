/* schema.c - the pipeline file as JSON Schema.
 *
 *   $defs: pipeline, source, sink, transforms, format, errors, and "source-mysql" ... for the options of each plug-in
 *
 * Every scalar may also be a text with ${env:...} or ${file:...} in it.
 */
#include <config/describe.h>
#include <config/loader.h>
#include <config/schema.h>

#include <inttypes.h>
#include <model/json.h>

#define NAME_PATTERN "^[a-z0-9][a-z0-9_-]{0,62}$"
#define FILLED "{\"type\":\"string\",\"pattern\":\"\\\\$\\\\{(env|file):\"}"

static void string(struct leat_bytes *out, const char *text)
{
    leat_json_string(out, text, strlen(text));
}

static void integer_type(struct leat_bytes *out, const struct leat_option *option)
{
    leat_bytes_text(out, "\"anyOf\":[{\"type\":\"integer\"");
    if (option->min != 0 || option->max != 0)
        leat_bytes_printf(out, ",\"minimum\":%" PRId64 ",\"maximum\":%" PRId64, option->min, option->max);
    leat_bytes_text(out, "}," FILLED "]");
}

static void choice_type(struct leat_bytes *out, const struct leat_option *option)
{
    leat_bytes_text(out, "\"anyOf\":[{\"enum\":[");
    for (size_t i = 0; option->choices[i]; i++) {
        leat_bytes_text(out, i ? "," : "");
        string(out, option->choices[i]);
    }
    leat_bytes_text(out, "]}," FILLED "]");
}

/* The members of a schema that say what one option takes. */
static void option_type(struct leat_bytes *out, const struct leat_option *option)
{
    switch (option->type) {
    case LEAT_OPT_BOOL:
        leat_bytes_text(out, "\"anyOf\":[{\"type\":\"boolean\"}," FILLED "]");
        break;
    case LEAT_OPT_INT:
        integer_type(out, option);
        break;
    case LEAT_OPT_SIZE:
        leat_bytes_text(out, "\"anyOf\":[{\"const\":0},{\"type\":\"string\",\"pattern\":"
                             "\"^[0-9]+(\\\\.[0-9]+)? *(B|[kMGT]B|[KMGT]iB)$\"}," FILLED "]");
        break;
    case LEAT_OPT_TIME:
        leat_bytes_text(out, "\"anyOf\":[{\"const\":0},{\"type\":\"string\",\"pattern\":"
                             "\"^[0-9]+(\\\\.[0-9]+)? *(us|ms|s|m|min|h|d|w)$\"}," FILLED "]");
        break;
    case LEAT_OPT_NUMBER:
        leat_bytes_text(out, "\"anyOf\":[{\"type\":\"number\"}," FILLED "]");
        break;
    case LEAT_OPT_CHOICE:
        choice_type(out, option);
        break;
    case LEAT_OPT_TEXT:
    case LEAT_OPT_PATH:
    case LEAT_OPT_TEMPLATE:
        leat_bytes_text(out, "\"type\":[\"string\",\"number\",\"boolean\"]");
        break;
    case LEAT_OPT_LIST:
    case LEAT_OPT_PATHS:
    case LEAT_OPT_PATTERNS:
    case LEAT_OPT_FIELDS:
        leat_bytes_text(out, "\"type\":[\"array\",\"string\",\"number\",\"boolean\"],\"items\":"
                             "{\"type\":[\"string\",\"number\",\"boolean\"]}");
        break;
    case LEAT_OPT_PAIRS:
        leat_bytes_text(out, "\"type\":\"object\",\"additionalProperties\":"
                             "{\"type\":[\"string\",\"number\",\"boolean\",\"null\"]}");
        break;
    case LEAT_OPT_VALUE:
        leat_bytes_text(out, "\"$comment\":\"any value\"");
        break;
    case LEAT_OPT_FORMAT:
        leat_bytes_text(out, "\"$ref\":\"#/$defs/format\"");
        break;
    }
}

/* "name":{...} for each option, with a comma before all but the first. */
static void properties(struct leat_bytes *out, const struct leat_option *options, bool is_first)
{
    for (const struct leat_option *o = options; o && o->name; o++) {
        if (o->flags & LEAT_OPT_HIDDEN)
            continue;
        leat_bytes_text(out, is_first ? "" : ",\n");
        is_first = false;
        string(out, o->name);
        leat_bytes_text(out, ":{");
        option_type(out, o);
        if (o->about) {
            leat_bytes_text(out, ",\"description\":");
            string(out, o->about);
        }
        if (o->preset) {
            bool is_bare = o->type == LEAT_OPT_BOOL || o->type == LEAT_OPT_INT || o->type == LEAT_OPT_NUMBER;
            leat_bytes_text(out, ",\"default\":");
            if (is_bare)
                leat_bytes_text(out, o->preset);
            else
                string(out, o->preset);
        }
        leat_bytes_put(out, '}');
    }
}

/* A map of options; `more` (JSON, begins without a comma, or "") are properties beside the table's. */
static void object(struct leat_bytes *out, const struct leat_option *options, const char *more)
{
    bool is_first = true;
    leat_bytes_printf(out, "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{%s", more);
    properties(out, options, !*more);
    leat_bytes_put(out, '}');
    for (const struct leat_option *o = options; o && o->name; o++) {
        if (!(o->flags & LEAT_OPT_REQUIRED))
            continue;
        leat_bytes_text(out, is_first ? ",\"required\":[" : ",");
        string(out, o->name);
        is_first = false;
    }
    leat_bytes_text(out, is_first ? "}" : "]}");
}

/* What may stand under a plug-in's name: its options, nothing, or the main option alone. */
static void plugin(struct leat_bytes *out, const struct leat_option *options)
{
    bool is_nothing = true;
    leat_bytes_text(out, "{\"anyOf\":[");
    object(out, options, "");
    for (const struct leat_option *o = options; o && o->name; o++) {
        is_nothing = is_nothing && !(o->flags & LEAT_OPT_REQUIRED);
        if (!(o->flags & LEAT_OPT_MAIN))
            continue;
        leat_bytes_text(out, ",{");
        option_type(out, o);
        leat_bytes_put(out, '}');
    }
    leat_bytes_text(out, is_nothing ? ",{\"type\":\"null\"}]}" : "]}");
}

/* "name":{"$ref":...} of each plug-in of a kind; or, without refs, their names in quotes. */
static void plugins(struct leat_bytes *out, const struct leat_catalog *catalog, enum leat_plugin_kind kind,
                    bool has_refs)
{
    struct leat_plugin_info info;
    bool is_first = true;
    for (size_t n = 0; leat_plugin_at(catalog, n, &info); n++) {
        if (info.kind != kind)
            continue;
        leat_bytes_text(out, is_first ? "" : ",");
        is_first = false;
        string(out, info.name);
        if (has_refs)
            leat_bytes_printf(out, ":{\"$ref\":\"#/$defs/%s-%s\"}", leat_plugin_kind_name(kind), info.name);
    }
}

/* One source or sink: a plug-in's name alone, or a map of it and the keys beside it. */
static void connector(struct leat_bytes *out, const struct leat_catalog *catalog, enum leat_plugin_kind kind,
                      const struct leat_option *beside)
{
    leat_bytes_printf(out, ",\n\"%s\":{\"anyOf\":[{\"enum\":[", leat_plugin_kind_name(kind));
    plugins(out, catalog, kind, false);
    leat_bytes_text(out, "]},{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
    properties(out, beside, true);
    leat_bytes_text(out, ",\"transforms\":{\"$ref\":\"#/$defs/transforms\"},"
                         "\"errors\":{\"$ref\":\"#/$defs/errors\"},");
    plugins(out, catalog, kind, true);
    leat_bytes_text(out, "}}]}");
}

static void transforms(struct leat_bytes *out, const struct leat_catalog *catalog)
{
    leat_bytes_text(out, ",\n\"transforms\":{\"type\":[\"array\",\"null\"],\"items\":{\"anyOf\":[{\"enum\":[");
    plugins(out, catalog, LEAT_PLUGIN_TRANSFORM, false);
    leat_bytes_text(out, "]},{\"type\":\"object\",\"maxProperties\":1,\"minProperties\":1,"
                         "\"additionalProperties\":false,\"properties\":{");
    plugins(out, catalog, LEAT_PLUGIN_TRANSFORM, true);
    leat_bytes_text(out, "}}]}}");
}

static void formats(struct leat_bytes *out, const struct leat_catalog *catalog)
{
    leat_bytes_text(out, ",\n\"format\":{\"anyOf\":[{\"enum\":[");
    plugins(out, catalog, LEAT_PLUGIN_CODEC, false);
    leat_bytes_text(out, "]}," FILLED ",{\"type\":\"object\",\"maxProperties\":1,\"minProperties\":1,"
                         "\"additionalProperties\":false,\"properties\":{");
    plugins(out, catalog, LEAT_PLUGIN_CODEC, true);
    leat_bytes_text(out, "}}]}");
}

static void errors(struct leat_bytes *out)
{
    struct leat_bytes retry;
    leat_bytes_init(&retry, 1 << 16);
    leat_bytes_text(&retry, "\"retry\":");
    object(&retry, leat_retry_options, "");
    leat_bytes_text(&retry, ",\"breaker\":");
    plugin(&retry, leat_breaker_options);
    leat_bytes_put(&retry, 0);
    leat_bytes_text(out, ",\n\"errors\":{\"anyOf\":[");
    object(out, leat_errors_options, (const char *)retry.data);
    leat_bytes_text(out, ",{");
    option_type(out, leat_errors_options);
    leat_bytes_text(out, "}]}");
    leat_bytes_fini(&retry);
}

static void pipeline(struct leat_bytes *out)
{
    struct leat_bytes more;
    leat_bytes_init(&more, 1 << 16);
    leat_bytes_text(&more, "\"source\":{\"$ref\":\"#/$defs/source\"},\n"
                           "\"sinks\":{\"anyOf\":[{\"type\":\"object\",\"propertyNames\":{\"pattern\":\"" NAME_PATTERN
                           "\"},\"additionalProperties\":{\"$ref\":\"#/$defs/sink\"}},"
                           "{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/sink\"}},{\"type\":\"null\"}]},\n"
                           "\"transforms\":{\"$ref\":\"#/$defs/transforms\"},"
                           "\"errors\":{\"$ref\":\"#/$defs/errors\"},\n\"retain\":");
    plugin(&more, leat_retain_options);
    leat_bytes_text(&more, ",\n\"fsync\":{\"anyOf\":[{\"enum\":[\"every_commit\",\"never\"]},");
    object(&more, leat_fsync_options, "");
    leat_bytes_text(&more, "]}");
    leat_bytes_put(&more, 0);
    leat_bytes_text(out, "\"pipeline\":");
    object(out, leat_pipeline_options, (const char *)more.data);
    leat_bytes_fini(&more);
}

void leat_config_schema(struct leat_bytes *out, const struct leat_catalog *catalog)
{
    struct leat_plugin_info info;
    leat_bytes_text(out, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\n"
                         "\"title\":\"Pipeline file of Leat\",\"type\":\"object\","
                         "\"additionalProperties\":false,\n\"properties\":{\n\"pipelines\":{\"type\":"
                         "[\"object\",\"null\"],\"propertyNames\":{\"pattern\":\"" NAME_PATTERN
                         "\"},\"additionalProperties\":{\"$ref\":\"#/$defs/pipeline\"}},\n\"tests\":{"
                         "\"type\":[\"array\",\"null\"],\"items\":");
    object(out, leat_test_options, "");
    leat_bytes_text(out, "},\n\"logger\":");
    object(out, leat_logger_options, "");
    leat_bytes_text(out, ",\n\"coordinator\":");
    plugin(out, leat_coordinator_options);
    properties(out, leat_top_options, false);
    leat_bytes_text(out, "},\n\"$defs\":{");
    pipeline(out);
    connector(out, catalog, LEAT_PLUGIN_SOURCE, leat_source_options);
    connector(out, catalog, LEAT_PLUGIN_SINK, leat_sink_options);
    transforms(out, catalog);
    formats(out, catalog);
    errors(out);
    for (size_t n = 0; leat_plugin_at(catalog, n, &info); n++) {
        leat_bytes_printf(out, ",\n\"%s-%s\":", leat_plugin_kind_name(info.kind), info.name);
        plugin(out, info.options);
    }
    leat_bytes_text(out, "}}\n");
}
