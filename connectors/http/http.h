/* http.h - the http plug-ins: a source that others POST records to, and a sink that POSTs records. */
#ifndef LEAT_HTTP_HTTP_H
#define LEAT_HTTP_HTTP_H

#include <leat/sink.h>
#include <leat/source.h>

extern const struct leat_source_type leat_source_http;
extern const struct leat_sink_type leat_sink_http;

#endif
