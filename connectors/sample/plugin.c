/* plugin.c - the one symbol that Leat looks for in a .so, and the lists of what is in it. */
#include "sample.h"

/* Lists end with NULL. One .so may hold several of each. */
static const struct leat_source_type *const sources[] = {&sample_source, NULL};
static const struct leat_sink_type *const sinks[] = {&sample_sink, NULL};

const struct leat_plugin leat_plugin = {
    sizeof(struct leat_plugin),
    LEAT_ABI, /* of the headers that this was built with; a leat of another number refuses to load it */
    "sample", /* name, version and licence of the .so */
    "1.0",
    "Apache-2.0",
    sources,
    sinks,
    NULL, /* transforms */
    NULL, /* drivers of access points */
    NULL, /* codecs */
};
