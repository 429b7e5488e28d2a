/* console.h - the console sink: one record a line on standard output. */
#ifndef LEAT_CONSOLE_CONSOLE_H
#define LEAT_CONSOLE_CONSOLE_H

#include <leat/sink.h>

extern const struct leat_sink_type leat_sink_console;

#endif
