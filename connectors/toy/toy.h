/* toy.h - numbered records for tests and trials: a source that makes them, a sink that counts them. */
#ifndef LEAT_TOY_TOY_H
#define LEAT_TOY_TOY_H

#include <leat/sink.h>

extern const struct leat_source_type leat_source_toy;
extern const struct leat_sink_type leat_sink_toy;

#endif
