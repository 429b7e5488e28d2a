/* sample.h - what the two halves of this plug-in show to plugin.c. Copy the half that you need.
 *
 * The files compile as C11 and as C++17, so they do without what one of the two lacks: tables are filled in the order
 * of their members, and a `void *` is cast. Plain C may use designated initialisers (.name = "sample").
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <leat/plugin.h> /* all public headers that a connector needs; with libc, there is nothing else to know */

extern const struct leat_source_type sample_source; /* source.c: numbered lines of a file */
extern const struct leat_sink_type sample_sink;     /* sink.c: a file that holds records and marks */

#endif
