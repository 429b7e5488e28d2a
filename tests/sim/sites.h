/* sites.h - which places in the source of the commit log call the table of system calls, and which
 * of them have seen their call fail.
 *
 * The places are found by reading the source; those that failed by walking up the stack, where
 * addr2line(1) names them. For that the library is built without inlining and without tail calls
 * (CMakeLists.txt).
 */
#ifndef LEAT_SIM_SITES_H
#define LEAT_SIM_SITES_H

#include <kit/os_calls.h>

/* From a hook of os_calls: its call, and its caller. */
void sites_failed(enum os_call call, const void *caller);
bool sites_has_failed(enum os_call call, const void *caller);
/* Prints how many there are, and those that never failed. True: there are none of those. */
bool sites_tell(const char *program);

#endif
