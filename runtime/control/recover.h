/* recover.h - `leat recover PIPELINE --from-sinks`: the log is lost, the targets are not. Their marks hold origins: where the
 * record that they have last comes from. A new log is begun at the oldest of these; the sinks that are further pass over
 * what they have (task/recovered.h).
 *
 *   marks of all sinks, read without a claim -> the oldest origin -> its position in the source -> one unit in a new log:
 *   the position, and a claim for each sink
 */
#ifndef LEAT_CONTROL_RECOVER_H
#define LEAT_CONTROL_RECOVER_H

#include <base/buffer.h>
#include <config/definition.h>
#include <task/recovered.h>

struct leat_recover_sink { /* of one lane of a sink */
    const struct leat_connector_def *sink;
    char *split;
    bool keeps_marks, is_again; /* is_again: the operator wants it to get everything once more */
    struct leat_mark mark;      /* layout 0: there is none */
    char owner[LEAT_OWNER_MAX];
    struct leat_value origin;   /* of the mark; NULL: none */
};

struct leat_recover {
    const struct leat_config *config;
    const struct leat_pipeline_def *pipeline;
    struct leat_recover_sink *sinks;
    size_t count;
    size_t oldest; /* index; `count`: no sink has an origin */
    struct leat_batch *positions;
    struct leat_origin_found found;
    struct leat_arena arena;
};

/* REJECT: there is no such pipeline, or its log cannot be made from its sinks, and why. */
enum leat_status leat_recover_open(struct leat_recover *recover, const struct leat_config *config, const char *pipeline,
                                   struct leat_error *err);
void leat_recover_close(struct leat_recover *recover);

/* Sinks, with commas between, that get everything from where the log begins, though their marks have no origins, or whatever
 * these are. REJECT: there is no such sink. */
enum leat_status leat_recover_again(struct leat_recover *recover, const char *sinks, struct leat_error *err);

/* Reads the marks; *report: a line for each. Nothing is changed anywhere. */
enum leat_status leat_recover_look(struct leat_recover *recover, struct leat_bytes *report, struct leat_error *err);
/* Finds where the log is to begin; *report says it, and what each sink does then. May ask the source. */
enum leat_status leat_recover_plan(struct leat_recover *recover, struct leat_bytes *report, struct leat_error *err);
/* Makes the log; the pipeline's log must not be there. Durable on return. */
enum leat_status leat_recover_write(struct leat_recover *recover, const struct leat_driver_type *driver,
                                    struct leat_access *access, struct leat_error *err);

#endif
