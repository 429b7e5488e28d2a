/* log_verbs.h - what `leat log` can do: each has a file, log_NAME.c. verb_log.c only dispatches. */
#ifndef LEAT_CLI_LOG_VERBS_H
#define LEAT_CLI_LOG_VERBS_H

#include <cli/cli.h>

/* As a verb's run(); the name is among the arguments. */
int log_verify(const struct verb *verb, int argc, char **argv);

#endif
