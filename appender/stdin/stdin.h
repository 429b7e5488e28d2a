/* stdin.h - lines of the standard input, each a record {line}.
 *
 * What was read of a pipe cannot be read again: a kill between reading and the durable topic loses those lines
 * (at most once). A clean stop loses none. Ends with the input.
 */
#ifndef LEAT_STDIN_H
#define LEAT_STDIN_H

#include <leat/source.h>

extern const struct leat_source_type leat_source_stdin;

#endif
