/* describe.h - what there is to set, from the tables that also parse and check it: for `leat plugins NAME` and
 * for docs/reference.md. Hidden options are left out. */
#ifndef LEAT_CONFIG_DESCRIBE_H
#define LEAT_CONFIG_DESCRIBE_H

#include <base/buffer.h>
#include <config/catalog.h>

enum leat_plugin_kind { LEAT_PLUGIN_SOURCE, LEAT_PLUGIN_SINK, LEAT_PLUGIN_TRANSFORM, LEAT_PLUGIN_CODEC };

/* One plug-in, whatever its kind. Points into the catalog. */
struct leat_plugin_info {
    enum leat_plugin_kind kind;
    const char *name, *about;
    const struct leat_option *options; /* may be NULL */
    const char *topic;                 /* a source's default topic template, or NULL */
    uint32_t traits;
};

const char *leat_plugin_kind_name(enum leat_plugin_kind kind); /* "source" */

/* The n-th plug-in: sources, sinks, transforms, codecs; false beyond the last. */
bool leat_plugin_at(const struct leat_catalog *catalog, size_t n, struct leat_plugin_info *info);

/* `leat plugins NAME`: about, options with what they take and their defaults, an example that loads. */
void leat_describe_text(struct leat_bytes *out, const struct leat_plugin_info *info);
void leat_describe_json(struct leat_bytes *out, const struct leat_plugin_info *info); /* one line, no newline */
void leat_describe_markdown(struct leat_bytes *out, const struct leat_plugin_info *info);

/* The whole reference page: keys of the file, of pipelines and connectors, and every plug-in. */
void leat_describe_reference(struct leat_bytes *out, const struct leat_catalog *catalog);

#endif
