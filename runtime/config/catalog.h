/* catalog.h - which plug-ins there are, as config sees them. control/registry fills it (built-ins and .so files);
 * tests fill their own. Lists end with NULL. */
#ifndef LEAT_CONFIG_CATALOG_H
#define LEAT_CONFIG_CATALOG_H

#include <leat/plugin.h>

struct leat_catalog {
    const struct leat_source_type *const *sources;
    const struct leat_sink_type *const *sinks;
    const struct leat_transform_type *const *transforms;
    const struct leat_driver_type *const *drivers;
    const struct leat_codec_type *const *codecs;
};

#endif
