/* contract.h - the laws of leat/source.h, sink.h and driver.h, tried on plug-ins as a pipeline file names them.
 *
 *   parent   forks a life of the whole pipeline after the other: run, stop, kill -9, run to the end
 *   child    runs it; between host and plug-ins stand watches, which note in shared memory what a kill must not lose
 *
 *   watch.c    finds and notes        source.c   watches sources      drivers.c   laws of topic drivers
 *   run.c      the lives              sink.c     watches sinks        compare.c   what the topics, and targets, hold
 *
 * Thread: the main thread, before any other runs.
 */
#ifndef LEAT_CONTRACT_CONTRACT_H
#define LEAT_CONTRACT_CONTRACT_H

#include <config/definition.h>

struct leat_contract {
    const struct leat_config *config; /* its data directory is new, its targets are empty */
    const char *reads; /* command that prints what a target holds, a record a line, each different; NULL: none */
    uint32_t kills;    /* lives that end by kill -9; as many are stopped */
    uint64_t seed;
};

/* Prints a line for each law and plug-in to `out`. False: a law is broken, or nothing could be tried (err). */
struct leat_bytes;
enum leat_status leat_contract_run(const struct leat_contract *contract, struct leat_bytes *out, bool *is_kept,
                                   struct leat_error *err);

#endif
