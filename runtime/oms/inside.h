/* inside.h - the commit log driver's parts.
 *
 *   access.c   the access point: one flusher, logs by name       state.c   keys of state: who, what
 *   oms_log.c  one log: topics, schemas by number            writer.c, and what reader.h names
 *   ramdisk.c  files in RAM: `oms:memory:` is the same driver on it
 *
 * Keys of a log's state:  'p' 't' 'h' 'i' | connector | 0 | native value       positions, transform state, hints, intents
 *                         'e' | connector | 0 | task, u32 big-endian           epoch of the positions' writer, u64
 *                         's' | id, u32 big-endian                             a schema
 */
#ifndef LEAT_OMS_INSIDE_H
#define LEAT_OMS_INSIDE_H

#include <base/hash.h>
#include <commitlog/commitlog.h>
#include <model/batch.h>
#include <model/native.h>
#include <model/positions.h>
#include <oms/access.h>

#define STATE_EPOCH 'e'
#define STATE_SCHEMA 's'

struct oms_schema {
    const struct leat_schema *schema; /* NULL: not asked for yet */
    bool is_queued; /* a unit that holds it is queued, or durable */
};

struct oms_log {
    struct leat_log *log;
    char *name;
    struct leat_access *access;
    struct leat_lock lock; /* of what follows, and held while a unit's epoch is looked at and it is queued */
    struct leat_table schema_ids; /* pointer -> id */
    struct oms_schema *schemas; /* by id */
    uint32_t schema_count, next_schema; /* schemas known here; next id to give */
    uint32_t *topic_ids; /* by number of the process's topic; 0: not asked for yet */
    uint32_t topic_cap;
};

struct ramdisk;

struct leat_access {
    char *dir; /* of the data */
    bool is_read_only;
    const struct leat_os *os;
    struct ramdisk *ramdisk; /* memory driver */
    struct leat_flusher *flusher;
    struct leat_lock lock;
    struct oms_log **logs;
    size_t log_count;
    bool has_opened_all;
};

/* access.c: opens or finds; a log lives as long as the access point. */
enum leat_status oms_log_open(struct leat_access *access, const char *name, const struct leat_log_settings *settings,
                              struct oms_log **log, struct leat_error *err);
/* Opens all that have a directory, in the order of their names. */
enum leat_status oms_logs_open(struct leat_access *access, struct leat_error *err);
/* The log at `index`, NULL behind the last one: a walk that is safe while others open more. */
struct oms_log *oms_log_at(struct leat_access *access, size_t index);
/* The topic's id in the log; a new one gets the first partition that no log of the access point holds. */
uint32_t oms_define_topic(struct oms_log *log, const char *topic);

/* oms_log.c */
struct oms_log *oms_log_new(struct leat_access *access, const char *name, struct leat_log *log);
void oms_log_free(struct oms_log *log);
uint32_t oms_log_topic(struct oms_log *log, const struct leat_topic *topic);
/* The schema's id. Until *is_queued, whoever uses it puts it into the same unit. */
uint32_t oms_log_schema_id(struct oms_log *log, const struct leat_schema *schema, bool *is_queued);
void oms_log_put_schema(struct leat_log_unit *unit, uint32_t id, const struct leat_schema *schema);
void oms_log_schema_queued(struct oms_log *log, uint32_t id); /* under the log's lock */
/* NULL for 0, and for a number that is unknown (*is_known false). */
const struct leat_schema *oms_log_schema(struct oms_log *log, uint32_t id, bool *is_known);

/* state.c */
void oms_state_key(struct leat_bytes *out, char kind, const char *connector, const struct leat_value *key);
/* False: the key is no state of a connector. connector points into `bytes`. */
bool oms_state_split(const void *bytes, size_t len, char *kind, const char **connector, struct leat_cut *key);
void oms_state_put(struct leat_log_unit *unit, const struct leat_state *state);
enum leat_status oms_describe(struct leat_access *access, leat_topic_f *topic, leat_state_f *state, void *arg,
                              struct leat_error *err);

/* writer.c, reader.c */
enum leat_status oms_writer_open(struct leat_access *access, const struct leat_writer_config *config,
                                 struct leat_writer **writer, const struct leat_positions **from,
                                 struct leat_error *err);
enum leat_status oms_append(struct leat_writer *writer, struct leat_batch *batch, const struct leat_state *states,
                            size_t state_count, const char *audience, uint64_t *ticket, struct leat_error *err);
enum leat_status oms_durable(struct leat_writer *writer, uint64_t *ticket, struct leat_error *err);
int oms_writer_fd(struct leat_writer *writer);
void oms_writer_close(struct leat_writer *writer);

enum leat_status oms_reader_open(struct leat_access *access, const struct leat_subscription *what,
                                 struct leat_reader **reader, struct leat_splits *splits, struct leat_error *err);
enum leat_verdict oms_judge(struct leat_reader *reader, uint32_t split, const struct leat_mark *mark);
enum leat_status oms_seek(struct leat_reader *reader, uint32_t split, const struct leat_place *place,
                          struct leat_error *err);
enum leat_status oms_read(struct leat_reader *reader, struct leat_batch *batch, struct leat_error *err);
enum leat_status oms_hint(struct leat_reader *reader, uint32_t split, const struct leat_mark *mark,
                          struct leat_error *err);
void oms_lag(struct leat_reader *reader, struct leat_lag *lag);
int oms_reader_fd(struct leat_reader *reader);
void oms_reader_close(struct leat_reader *reader);
enum leat_status oms_forget(struct leat_access *access, const char *consumer, uint32_t *count, struct leat_error *err);
void oms_consumers(struct leat_access *access, leat_consumer_f *each, void *arg);

#endif
