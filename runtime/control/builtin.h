/* builtin.h - the one list of what is compiled in. */
#ifndef LEAT_CONTROL_BUILTIN_H
#define LEAT_CONTROL_BUILTIN_H

#include <leat/coordinator.h>
#include <leat/plugin.h>

/* End with NULL. Codecs and drivers have lists of their own: model/codecs.h, oms/access.h. */
extern const struct leat_source_type *const leat_builtin_sources[];
extern const struct leat_sink_type *const leat_builtin_sinks[];
extern const struct leat_transform_type *const leat_builtin_transforms[]; /* beside those of transform/ */
extern const struct leat_coordinator_type *const leat_builtin_coordinators[];

/* NULL: there is none of this name. */
const struct leat_coordinator_type *leat_coordinator_find(const char *name);

#endif
