/* sink.c - the file sink's calls.
 *
 *   put      lines of the whole batch -> bytes (a refused record leaves nothing behind) -> slices of targets, rotation
 *   settle   freezes what was taken and gives it to the settler; takes what the settler has done
 */
#include <file/file.h>

#include <base/assert.h>
#include <base/clock.h>
#include <base/hash.h>
#include <base/memory.h>
#include <base/os.h>
#include <file/marks.h>
#include <file/pack.h>
#include <file/settler.h>
#include <file/target.h>
#include <lines/lines.h>
#include <model/batch.h>
#include <model/template.h>
#include <stdio.h>
#include <stdlib.h>

#define LINES_MOST ((size_t)1 << 30)
#define LINES_KEEP ((size_t)8 << 20)
#define OPEN_MOST 256                     /* targets with open descriptors */
#define LOST_MOST 64                      /* logs that were lost */
#define SETTLE_BYTES ((size_t)4 << 20)  /* settle at the latest after so much ... */
#define SETTLE_BATCHES 2                 /* the host has a bounded number of them: others fill meanwhile ... */
#define SETTLE_US 50000                  /* ... or so long; at once where no more records wait */

struct staged { /* one record of the batch at hand */
    struct target *target;
    struct target_slice line;
};

struct file_sink {
    const char *path_text;
    struct leat_format format;
    bool keys, gzip;
    int64_t rotate_bytes, rotate_us;
    /* open */
    const char *connector;
    struct leat_template *path;
    struct leat_lines *lines;
    struct packer *packer; /* NULL: no gzip */
    struct settler *settler;
    struct marks marks;
    bool has_marks;
    const struct leat_splits *claim;
    uint64_t split; /* of the batch at hand: its name, and how often `leat replay` sent the sink back */
    uint64_t generation;
    struct leat_table targets;        /* path -> struct target */
    struct target **by_topic;         /* where the path depends on the topic alone */
    uint32_t by_topic_count;
    struct leat_bytes taken_lines, frozen_lines; /* that wait for a settle; that are in the settler's hands */
    struct leat_bytes filled;
    struct staged *staged;
    uint32_t staged_cap;
    uint64_t uses;
    uint32_t pending_batches;
    uint64_t taken, frozen, settled;  /* numbers of batches: put, given to the settler, done by it */
    struct leat_time pending_since;
    bool wants_settle;
};

#define AT(member) offsetof(struct file_sink, member)
static const struct leat_option options[] = {
    {.name = "path", .type = LEAT_OPT_TEMPLATE, .flags = LEAT_OPT_REQUIRED | LEAT_OPT_MAIN | LEAT_OPT_OF_PATH,
     .offset = AT(path_text),
     .about = "File to write; placeholders are filled per record.", .example = "out/{topic}.ndjson"},
    {.name = "format", .type = LEAT_OPT_FORMAT, .offset = AT(format), .preset = "debezium",
     .about = "Format of a line: its name, or {name: {options}}; see `leat plugins debezium`."},
    {.name = "keys", .type = LEAT_OPT_BOOL, .offset = AT(keys), .preset = "false",
     .about = "Write {\"key\":...,\"value\":...}, tombstones included."},
    {.name = "rotate_size", .type = LEAT_OPT_SIZE, .offset = AT(rotate_bytes), .preset = "0B", .min = 0,
     .max = INT64_MAX, .about = "Close a file that has reached this size; 0B: never.", .example = "64MiB"},
    {.name = "rotate_every", .type = LEAT_OPT_TIME, .offset = AT(rotate_us), .preset = "0s", .min = 0,
     .max = INT64_MAX, .about = "Close a file this long after its first record; 0s: never.", .example = "1h"},
    {.name = "gzip", .type = LEAT_OPT_BOOL, .offset = AT(gzip), .preset = "false",
     .about = "Compress closed files."},
    {0}};

static enum leat_status validate(void *arg, struct leat_error *err)
{
    struct file_sink *self = arg;
    if (self->gzip && self->rotate_bytes == 0 && self->rotate_us == 0)
        return leat_fail(err, LEAT_STOP, "gzip: true packs closed files: say rotate_size or rotate_every");
    return leat_lines_validate(&self->format, self->keys, err);
}

/* ---- open and close ---- */

/* The directory of the literal prefix, with its slash: it belongs to this sink whatever the records say. */
static char *prefix_dir(const struct leat_template *path)
{
    const char *prefix = leat_template_prefix(path);
    const char *slash = strrchr(prefix, '/');
    return slash ? leat_strndup(prefix, (size_t)(slash + 1 - prefix)) : leat_strdup("");
}

static enum leat_status open_marks(struct file_sink *self, struct leat_task *task, const struct leat_splits *claim,
                                   struct leat_marks *stored, struct leat_error *err)
{
    char *dir = prefix_dir(self->path);
    enum leat_status status = LEAT_OK;
    if (dir[0] && !leat_os_make_dirs(leat_os, dir))
        status = file_failed(dir, "make the directory", err);
    if (status == LEAT_OK) {
        status = marks_open(&self->marks, dir, task, claim, err);
        self->has_marks = true;
    }
    for (uint32_t i = 0; status == LEAT_OK && i < claim->count; i++) {
        if (self->marks.items[i].cursor.len > 0)
            stored->items[i] = self->marks.items[i];
        snprintf(stored->owners[i], LEAT_OWNER_MAX, "%s", self->marks.was);
    }
    free(dir);
    return status;
}

static enum leat_status peek_marks(void *arg, const char *connector, const struct leat_splits *splits, struct leat_marks *found,
                                   struct leat_error *err)
{
    const struct file_sink *self = arg;
    struct leat_template *path = leat_template_new(self->path_text, true, err);
    if (!path)
        return LEAT_STOP;
    char *dir = prefix_dir(path);
    enum leat_status status = marks_peek(dir, connector, splits, found, err);
    free(dir);
    leat_template_free(path);
    return status;
}

static enum leat_status open_file(void *arg, struct leat_task *task, const struct leat_splits *claim,
                                  struct leat_marks *stored, enum leat_guarantee *guarantee, struct leat_error *err)
{
    struct file_sink *self = arg;
    struct leat_lines_config lines = {self->format, self->keys, leat_task_name(task)};
    self->connector = leat_task_name(task);
    *guarantee = LEAT_EXACTLY_ONCE_CLOSED;
    self->claim = claim;
    leat_bytes_init(&self->taken_lines, LINES_MOST);
    leat_bytes_init(&self->frozen_lines, LINES_MOST);
    leat_bytes_init(&self->filled, 4096);
    leat_table_init(&self->targets);
    self->taken = self->frozen = self->settled = 0;
    self->pending_batches = 0;
    self->wants_settle = false;
    self->path = leat_template_new(self->path_text, true, err);
    if (!self->path)
        return LEAT_STOP;
    enum leat_status status = leat_lines_open(&lines, &self->lines, err);
    if (status == LEAT_OK && self->gzip)
        status = packer_start(&self->packer, task, err);
    if (status == LEAT_OK)
        status = open_marks(self, task, claim, stored, err);
    return status == LEAT_OK ? settler_start(&self->settler, task, &self->marks, err) : status;
}

static void free_target(void *target)
{
    target_free(target);
}

static void close_file(void *arg, struct leat_task *task)
{
    struct file_sink *self = arg;
    (void)task;
    if (self->settler)
        settler_stop(self->settler); /* first: the rest is in its hands */
    self->settler = NULL;
    if (self->packer)
        packer_stop(self->packer);
    self->packer = NULL;
    leat_table_fini(&self->targets, free_target);
    free(self->by_topic);
    self->by_topic = NULL;
    self->by_topic_count = 0;
    if (self->has_marks)
        marks_close(&self->marks);
    self->has_marks = false;
    leat_lines_close(self->lines);
    self->lines = NULL;
    if (self->path)
        leat_template_free(self->path);
    self->path = NULL;
    leat_bytes_fini(&self->taken_lines);
    leat_bytes_fini(&self->frozen_lines);
    leat_bytes_fini(&self->filled);
    free(self->staged);
    self->staged = NULL;
    self->staged_cap = 0;
}

/* ---- which file ---- */

/* The one that was used longest ago, of those that are all settled, is closed. False: there is none. The settler is idle. */
static bool forget_oldest(struct file_sink *self)
{
    size_t at = 0, len;
    const void *key;
    void *value;
    struct target *oldest = NULL;
    while (leat_table_next(&self->targets, &at, &key, &len, &value)) {
        struct target *target = value;
        if (!target->is_dirty && (!oldest || target->used < oldest->used))
            oldest = target;
    }
    if (!oldest)
        return false;
    for (uint32_t i = 0; i < self->by_topic_count; i++)
        if (self->by_topic[i] == oldest)
            self->by_topic[i] = NULL;
    leat_table_remove(&self->targets, oldest->path, strlen(oldest->path));
    target_free(oldest);
    return true;
}

/* A split, as the files' marks name it: by how often the sink was sent back, too. */
static uint64_t split_hash(const char *name, uint64_t generation)
{
    uint64_t hash = leat_hash(name, strlen(name), 0);
    return generation > 0 ? leat_hash(&generation, sizeof generation, hash) : hash;
}

static uint32_t list_lost(const struct file_sink *self, struct target_lost lost[LOST_MOST])
{
    char split[LEAT_OWNER_MAX];
    struct leat_mark mark;
    uint32_t count = 0;
    for (size_t at = 0; count < LOST_MOST && marks_next_lost(&self->marks, &at, split, &mark);)
        lost[count++] = (struct target_lost){split_hash(split, mark.generation), mark.cursor};
    return count;
}

static enum leat_status open_target(struct file_sink *self, const char *path, struct target **target,
                                    struct leat_error *err)
{
    struct target *made = target_new(path);
    struct target_lost lost[LOST_MOST];
    uint32_t lost_count = list_lost(self, lost);
    enum leat_status status = target_open(made, self->connector, lost, lost_count, err);
    if (status != LEAT_OK) {
        target_free(made);
        return status;
    }
    leat_table_set(&self->targets, path, strlen(path), made);
    if (self->packer)
        packer_leftovers(self->packer, path);
    *target = made;
    return LEAT_OK;
}

static struct target **topic_slot(struct file_sink *self, const struct leat_topic *topic)
{
    if (!leat_template_is_per_topic(self->path))
        return NULL;
    if (topic->number >= self->by_topic_count) {
        uint32_t count = topic->number + 16;
        self->by_topic = leat_realloc(self->by_topic, count * sizeof *self->by_topic);
        memset(self->by_topic + self->by_topic_count, 0, (count - self->by_topic_count) * sizeof *self->by_topic);
        self->by_topic_count = count;
    }
    return &self->by_topic[topic->number];
}

static enum leat_status find_target(struct file_sink *self, const struct leat_record *rec, struct target **target,
                                    struct leat_error *err)
{
    struct target **slot = topic_slot(self, rec->topic);
    if (slot && *slot) {
        *target = *slot;
        return LEAT_OK;
    }
    leat_bytes_clear(&self->filled);
    enum leat_status status = leat_template_fill(self->path, rec, &self->filled, err);
    if (status != LEAT_OK)
        return status;
    leat_bytes_put(&self->filled, 0);
    if (self->filled.is_over)
        return leat_fail(err, LEAT_REJECT, "its path is longer than 4,095 bytes");
    *target = leat_table_get(&self->targets, self->filled.data, self->filled.len - 1);
    if (!*target)
        status = open_target(self, (const char *)self->filled.data, target, err);
    if (status == LEAT_OK && slot)
        *slot = *target;
    return status;
}

/* ---- put ---- */

static void find_split(struct file_sink *self, const struct leat_batch *batch)
{
    struct leat_mark mark = {0};
    const struct leat_mark *stored = &self->marks.items[leat_batch_split(batch)];
    leat_batch_mark(batch, &mark);
    if (stored->cursor.len > 0 && memcmp(stored->log_uuid, mark.log_uuid, sizeof mark.log_uuid) != 0) /* once: put() stores the new one */
        marks_keep_lost(&self->marks, leat_batch_split(batch));
    self->generation = mark.generation;
    self->split = split_hash(self->claim->names[leat_batch_split(batch)], mark.generation);
}

static enum leat_status stage_record(struct file_sink *self, const struct leat_batch *batch, uint32_t index,
                                     struct leat_error *err)
{
    const struct leat_record *rec = leat_batch_get(batch, index);
    struct staged *staged = &self->staged[index];
    struct leat_cursor cursor = leat_batch_cursor(batch, index);
    *staged = (struct staged){.line = {.at = self->taken_lines.len}};
    if (rec->flags & LEAT_DROPPED)
        return LEAT_OK;
    enum leat_status status = find_target(self, rec, &staged->target, err);
    if (status != LEAT_OK)
        return status;
    staged->target->used = ++self->uses;
    if (!target_wants(staged->target, self->split, &cursor)) {
        staged->target = NULL; /* written before the crash */
        return LEAT_OK;
    }
    status = leat_lines_add(self->lines, rec, &self->taken_lines, err);
    staged->line.len = self->taken_lines.len - staged->line.at;
    return status;
}

static enum leat_status stage(struct file_sink *self, const struct leat_batch *batch, struct leat_error *err)
{
    bool has_rejects = false;
    uint32_t count = leat_batch_count(batch);
    if (count > self->staged_cap) {
        self->staged_cap = count;
        self->staged = leat_realloc(self->staged, count * sizeof *self->staged);
    }
    size_t before = self->taken_lines.len;
    for (uint32_t i = 0; i < count; i++) {
        enum leat_status status = stage_record(self, batch, i, err);
        if (status == LEAT_REJECT) {
            leat_batch_reject(batch, i, "%s", err->text);
            has_rejects = true;
        } else if (status != LEAT_OK) {
            return status;
        }
    }
    if (has_rejects)
        self->taken_lines.len = before;
    return has_rejects ? LEAT_REJECT : LEAT_OK;
}

/* Waits for the settler, and takes what it has done. */
static enum leat_status take_done(struct file_sink *self, struct leat_error *err)
{
    enum leat_status status = settler_wait(self->settler, err);
    if (status == LEAT_OK)
        self->settled = self->frozen;
    return status;
}

static enum leat_status rotate(struct file_sink *self, struct target *target, struct leat_error *err)
{
    char *closed = NULL;
    enum leat_status status = take_done(self, err);
    if (status == LEAT_OK)
        status = target_rotate(target, self->taken_lines.data, &closed, err);
    if (closed && self->packer)
        packer_add(self->packer, closed);
    else
        free(closed);
    return status;
}

static enum leat_status add_staged(struct file_sink *self, const struct leat_batch *batch, uint32_t index,
                                   struct leat_error *err)
{
    struct staged *staged = &self->staged[index];
    struct leat_cursor cursor = leat_batch_cursor(batch, index);
    struct target *target = staged->target;
    enum leat_status status = LEAT_OK;
    if (!target)
        return LEAT_OK;
    if (self->rotate_bytes > 0 && target->mark.size >= (uint64_t)self->rotate_bytes)
        status = rotate(self, target, err);
    if (status != LEAT_OK)
        return status;
    for (uint64_t was = self->generation; was-- > 0;)
        target_send_back(target, split_hash(self->claim->names[leat_batch_split(batch)], was), self->split);
    return target_add(target, self->split, &cursor,
                      leat_batch_get(batch, index)->offset, staged->line, err);
}

static enum leat_status put(void *arg, struct leat_task *task, const struct leat_batch *batch,
                            struct leat_error *err)
{
    struct file_sink *self = arg;
    (void)task;
    if (self->taken_lines.len >= SETTLE_BYTES && settler_is_busy(self->settler))
        return LEAT_AGAIN;
    find_split(self, batch);
    enum leat_status status = stage(self, batch, err);
    for (uint32_t i = 0; status == LEAT_OK && i < leat_batch_count(batch); i++)
        status = add_staged(self, batch, i, err);
    if (status != LEAT_OK)
        return status;
    if (self->taken == self->frozen)
        self->pending_since = leat_now();
    struct leat_mark *mark = &self->marks.items[leat_batch_split(batch)];
    uint64_t epoch = mark->owner_epoch, sequence = mark->sequence;
    leat_batch_mark(batch, mark);
    mark->owner_epoch = epoch;
    mark->sequence = sequence + 1;
    self->taken = leat_batch_number(batch);
    self->pending_batches++;
    self->wants_settle = self->wants_settle || batch->is_at_end || self->taken_lines.len >= SETTLE_BYTES ||
                         self->pending_batches >= SETTLE_BATCHES;
    return LEAT_OK;
}

/* ---- settle ---- */

static void freeze_lines(struct file_sink *self)
{
    struct leat_bytes done = self->frozen_lines;
    self->frozen_lines = self->taken_lines;
    self->taken_lines = done;
    leat_bytes_clear(&self->taken_lines);
    leat_bytes_shrink(&self->taken_lines, LINES_KEEP);
}

/* Gives all that was taken to the settler, which is idle. */
static enum leat_status begin_settle(struct file_sink *self, struct leat_error *err)
{
    struct target **frozen = settler_targets(self->settler, (uint32_t)self->targets.count);
    size_t at = 0, len;
    const void *key;
    void *value;
    uint32_t count = 0;
    while (leat_table_next(&self->targets, &at, &key, &len, &value)) {
        struct target *target = value;
        if (!target->is_dirty)
            continue;
        target_freeze(target, false);
        frozen[count++] = target;
    }
    enum leat_status status = marks_freeze(&self->marks, err);
    if (status != LEAT_OK)
        return status;
    self->frozen = self->taken;
    self->pending_batches = 0;
    self->wants_settle = false;
    freeze_lines(self);
    settler_begin(self->settler, count, self->frozen_lines.data);
    return LEAT_OK;
}

/* Rotation by age happens between settles, whether records come or not. *next: when the oldest file is due. */
static enum leat_status rotate_aged(struct file_sink *self, struct leat_time *next, struct leat_error *err)
{
    size_t at = 0, len;
    const void *key;
    void *value;
    enum leat_status status = LEAT_OK;
    while (status == LEAT_OK && leat_table_next(&self->targets, &at, &key, &len, &value)) {
        struct target *target = value;
        if (target->mark.opened_us == 0 || target->mark.size == 0)
            continue;
        int64_t left_us = target->mark.opened_us + self->rotate_us - leat_wall_us();
        struct leat_time due = leat_after_us(left_us > 0 ? left_us : 0);
        if (left_us <= 0)
            status = rotate(self, target, err);
        else if (due.ns < next->ns)
            *next = due;
    }
    return status;
}

/* Takes what the settler has done, if it is idle, and gives it what is due. */
static enum leat_status settle_due(struct file_sink *self, struct leat_time *next, struct leat_error *err)
{
    if (self->settled == self->taken || settler_is_busy(self->settler))
        return LEAT_OK; /* its end wakes the task */
    struct leat_time due = {self->pending_since.ns + (int64_t)SETTLE_US * 1000};
    enum leat_status status = take_done(self, err);
    while (status == LEAT_OK && self->targets.count > OPEN_MOST && forget_oldest(self))
        ;
    if (status != LEAT_OK || self->taken == self->frozen)
        return status;
    if (self->wants_settle || leat_is_past(due))
        return begin_settle(self, err);
    if (due.ns < next->ns)
        *next = due;
    return LEAT_OK;
}

static enum leat_status settle(void *arg, struct leat_task *task, uint64_t *done, struct leat_rejects *rejects,
                               struct leat_time *next, struct leat_error *err)
{
    struct file_sink *self = arg;
    enum leat_status status = LEAT_OK;
    (void)task;
    (void)rejects;
    *next = LEAT_NEVER;
    if (self->rotate_us > 0)
        status = rotate_aged(self, next, err);
    if (status == LEAT_OK)
        status = settle_due(self, next, err);
    *done = self->settled;
    return status;
}

static enum leat_status flush(void *arg, struct leat_task *task, struct leat_time deadline, struct leat_error *err)
{
    struct file_sink *self = arg;
    (void)task;
    (void)deadline;
    enum leat_status status = take_done(self, err);
    if (status == LEAT_OK && self->taken != self->frozen)
        status = begin_settle(self, err);
    return status == LEAT_OK ? take_done(self, err) : status;
}

static enum leat_guarantee promise(void *arg, const char **why)
{
    (void)arg;
    *why = "who follows an open file sees lines that a crash takes back";
    return LEAT_EXACTLY_ONCE_CLOSED;
}

const struct leat_sink_type leat_sink_file = {
    .struct_size = sizeof(struct leat_sink_type),
    .traits = LEAT_KEEPS_MARK | LEAT_ONE_WRITER | LEAT_SINK_OF_MACHINE | LEAT_WANTS_SCHEMA,
    .name = "file",
    .about = "One record a line into files, exactly once across crashes; rotation by size and time, gzip.",
    .size = sizeof(struct file_sink),
    .options = options,
    .validate = validate,
    .open = open_file,
    .put = put,
    .settle = settle,
    .flush = flush,
    .close = close_file,
    .promise = promise,
    .marks = peek_marks,
};
