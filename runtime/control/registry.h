/* registry.h - which plug-ins there are: the built-in ones (builtin.c) and those of .so files. */
#ifndef LEAT_CONTROL_REGISTRY_H
#define LEAT_CONTROL_REGISTRY_H

#include <config/catalog.h>

struct leat_registry;

/* The built-in plug-ins, and every *.so in the folders of `paths` (may be NULL). A file that is no plug-in, that is of
 * another ABI, or that brings a name which is taken is refused by name: LEAT_STOP, cause CONFIG. Main thread, before
 * others start: codecs and drivers are added to the process's lists. */
enum leat_status leat_registry_open(struct leat_registry **registry, const struct leat_list *paths,
                                    struct leat_error *err);
void leat_registry_close(struct leat_registry *registry);

/* Lives as long as the registry. */
const struct leat_catalog *leat_registry_catalog(const struct leat_registry *registry);

#endif
