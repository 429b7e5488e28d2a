/* tail.c - the source: rounds over the files that have news. */
#include <base/assert.h>
#include <base/memory.h>
#include <base/text.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tail/tail.h>

/* ---- the set of followed files ---- */

static size_t identity(char out[48], uint64_t device, uint64_t inode)
{
    return (size_t)snprintf(out, 48, "%llx:%llx", (unsigned long long)device, (unsigned long long)inode);
}

struct tail_file *tail_find(struct tail *tail, uint64_t device, uint64_t inode)
{
    char name[48];
    return leat_table_get(&tail->by_identity, name, identity(name, device, inode));
}

void tail_add(struct tail *tail, struct tail_file *file)
{
    char name[48];
    void *before = leat_table_set(&tail->by_identity, name, identity(name, file->device, file->inode), file);
    leat_assert(before == NULL);
    (void)before;
}

void tail_has_news(struct tail *tail, struct tail_file *file)
{
    if (file->has_news)
        return;
    file->has_news = true;
    file->next_news = NULL;
    *tail->last_news = file;
    tail->last_news = &file->next_news;
}

static struct tail_file *next_news(struct tail *tail)
{
    struct tail_file *file = tail->first_news;
    if (file) {
        tail->first_news = file->next_news;
        if (!tail->first_news)
            tail->last_news = &tail->first_news;
        file->has_news = false;
    }
    return file;
}

void tail_forget(struct tail *tail, struct tail_file *file)
{
    char name[48];
    leat_assert(!file->has_news);
    leat_table_remove(&tail->by_identity, name, identity(name, file->device, file->inode));
    if (leat_table_get(&tail->by_path, file->path, strlen(file->path)) == file)
        leat_table_remove(&tail->by_path, file->path, strlen(file->path));
    tail_order_leave(tail, file);
    tail_file_free(file);
}

/* ---- life ---- */

static const struct leat_schema *make_schema(const char *path_field)
{
    const struct leat_field fields[] = {
        {.name = "line", .type = LEAT_TEXT, .flags = LEAT_FIELD_REQUIRED, .native = "", .labels = ""},
        {.name = path_field, .type = LEAT_TEXT, .flags = LEAT_FIELD_REQUIRED, .native = "", .labels = ""}};
    const struct leat_field source[] = {{.name = "path", .type = LEAT_TEXT, .native = "", .labels = ""},
                                        {.name = "offset", .type = LEAT_INT64, .native = "", .labels = ""}};
    const struct leat_schema content = {.connector = "tail", .space = "", .name = "", .fields = fields,
                                        .field_count = path_field ? 2 : 1, .source_fields = source, .source_count = 2};
    return leat_schema(&content);
}

static enum leat_status tail_open(void *self, struct leat_task *task, const struct leat_positions *from,
                                  struct leat_error *err)
{
    struct tail *tail = self;
    tail->task = task;
    tail->schema = make_schema(tail->path_field);
    tail->topic = leat_task_route(task, "", "");
    tail->is_once = leat_task_is_once(task);
    tail->aside = 0;
    tail->first_news = NULL;
    tail->last_news = &tail->first_news;
    leat_table_init(&tail->by_identity);
    leat_table_init(&tail->by_path);
    leat_table_init(&tail->last_at);
    tail_watch_open(tail);
    enum leat_status status = tail_discover_first(tail, from, err);
    tail->next_refresh = leat_after_us(tail->refresh_us);
    leat_task_progress(task, "following %zu files", tail->by_identity.count);
    return status;
}

static void free_file(void *file)
{
    tail_file_free(file);
}

static void tail_close(void *self, struct leat_task *task)
{
    struct tail *tail = self;
    if (!tail->task)
        return;
    (void)task;
    tail_watch_close(tail);
    leat_table_fini(&tail->by_path, NULL);
    leat_table_fini(&tail->last_at, NULL);
    leat_table_fini(&tail->by_identity, free_file);
    free(tail->removed);
    tail->removed = NULL;
    for (size_t i = 0; i < tail->vanished_count; i++)
        free(tail->vanished[i]);
    free(tail->vanished);
    tail->vanished = NULL;
    tail->removed_count = tail->removed_cap = tail->vanished_count = tail->vanished_cap = 0;
    tail->task = NULL;
}

/* ---- the round ---- */

/* What open() found gone: keys to remove, gaps to tell. */
static void add_losses(struct tail *tail, struct leat_batch *batch)
{
    struct leat_value nothing = leat_value_null();
    tail->has_moved |= tail->removed_count > 0 || tail->vanished_count > 0;
    for (size_t i = 0; i < tail->removed_count; i++)
        leat_batch_position(batch, &tail->removed[i], &nothing);
    tail->removed_count = 0;
    for (size_t i = 0; i < tail->vanished_count; i++) {
        struct leat_value *pair = leat_batch_alloc(batch, 4 * sizeof *pair);
        pair[0] = leat_value_string("path");
        pair[1] = leat_value_string(leat_batch_copy(batch, tail->vanished[i], strlen(tail->vanished[i]) + 1));
        pair[2] = leat_value_string("reason");
        pair[3] = leat_value_string("the file vanished while nobody read it");
        struct leat_record *rec = leat_batch_add(batch);
        rec->topic = tail->topic;
        rec->time_us = leat_wall_us();
        rec->op = LEAT_GAP;
        rec->key = leat_value_null();
        rec->value = leat_value_items(LEAT_MAP, pair, 2);
        free(tail->vanished[i]);
    }
    tail->vanished_count = 0;
}

static void store(struct tail *tail, struct tail_file *file, struct leat_batch *batch)
{
    for (; file; file = file->before) {
        tail->has_moved |= file->is_moved;
        tail_file_store(file, batch);
    }
}

static void set_aside(struct tail *tail, struct tail_file *file, bool is_aside)
{
    tail->aside += is_aside - file->is_aside;
    file->is_aside = is_aside;
}

/* Who may not read one file, or has a disk that fails in one place, still gets the others. */
static enum leat_status go_on_without(struct tail *tail, struct tail_file *file, struct leat_batch *batch,
                                      const struct leat_error *err)
{
    char every[32];
    store(tail, file, batch); /* lines that came before the trouble */
    if (!file->is_aside)
        leat_say(LEAT_WARNING, leat_task_name(tail->task), "%s; its place is kept, the others go on, it is tried again every %s",
                 err->text, leat_text_duration(every, tail->refresh_us));
    set_aside(tail, file, true);
    return LEAT_OK;
}

/* Reads one file of the round, after those that had its path before; a rotated one that has been quiet long enough is let
 * go. */
static enum leat_status take_file(struct tail *tail, struct tail_file *file, struct leat_batch *batch,
                                  struct leat_error *err)
{
    bool more = false;
    bool is_final = file->is_rotated && (leat_now().ns >= file->let_go.ns || tail->is_once);
    enum leat_status status = tail_order_read_before(tail, file, batch, &more, err);
    if (status == LEAT_OK && !more)
        status = tail_file_read(tail, file, batch, is_final, &more, err);
    if (status == LEAT_RETRY)
        return go_on_without(tail, file, batch, err);
    if (status != LEAT_OK)
        return status;
    set_aside(tail, file, false);
    if (is_final && !more) {
        store(tail, file->before, batch);
        tail_file_remove(file, batch);
        tail->has_moved = true;
        tail_forget(tail, file);
        return LEAT_OK;
    }
    store(tail, file, batch);
    if (more)
        tail_has_news(tail, file);
    return LEAT_OK;
}

/* Rotated files that were quiet long enough get a last turn. */
static void let_go_of_quiet(struct tail *tail)
{
    size_t at = 0, len;
    const void *key;
    void *value;
    while (leat_table_next(&tail->by_identity, &at, &key, &len, &value)) {
        struct tail_file *file = value;
        if (file->is_rotated && leat_now().ns >= file->let_go.ns)
            tail_has_news(tail, file);
    }
}

/* One round: every file with news gets a turn, until the batch is full. */
static enum leat_status take_round(struct tail *tail, struct leat_batch *batch, struct leat_error *err)
{
    struct tail_file *last = NULL;
    for (struct tail_file *file = tail->first_news; file; file = file->next_news)
        last = file;
    for (struct tail_file *file = NULL; file != last && !leat_batch_is_full(batch);) {
        file = next_news(tail);
        bool is_last = file == last;
        enum leat_status status = take_file(tail, file, batch, err);
        if (status != LEAT_OK)
            return status;
        if (is_last)
            break;
    }
    return LEAT_OK;
}

static enum leat_status wait_for_news(struct tail *tail, struct leat_error *err)
{
    enum leat_event event = leat_wait(tail->task, tail->watch_fd, POLLIN, tail->next_refresh);
    bool is_changed = event == LEAT_READY && tail_watch_read(tail);
    if (is_changed || leat_now().ns >= tail->next_refresh.ns) {
        enum leat_status status = tail_discover_again(tail, err);
        let_go_of_quiet(tail);
        tail->next_refresh = leat_after_us(tail->refresh_us);
        leat_task_progress(tail->task, "following %zu files", tail->by_identity.count);
        if (status != LEAT_OK)
            return status;
    }
    return LEAT_AGAIN;
}

static enum leat_status tail_poll(void *self, struct leat_task *task, struct leat_batch **out, struct leat_error *err)
{
    struct tail *tail = self;
    bool has_losses = tail->removed_count > 0 || tail->vanished_count > 0;
    if (!tail->first_news && !has_losses) {
        if (tail->is_once && tail->aside > 0)
            return leat_fail(err, LEAT_STOP, "%u of the files could not be read", tail->aside);
        if (tail->is_once)
            return LEAT_EOF;
        return wait_for_news(tail, err);
    }
    struct leat_batch *batch = leat_batch_take(task);
    if (!batch)
        return LEAT_AGAIN;
    tail->has_moved = false;
    add_losses(tail, batch);
    enum leat_status status = take_round(tail, batch, err);
    if (status != LEAT_OK || !tail->has_moved) { /* nothing to say: no unit for it */
        leat_batch_give(task, &batch);
        return status == LEAT_OK ? LEAT_AGAIN : status;
    }
    leat_task_lag(task, 0, 0);
    *out = batch;
    return LEAT_OK;
}

/* ---- the type ---- */

static enum leat_status tail_validate(void *self, struct leat_error *err)
{
    const struct tail *tail = self;
    if (tail->paths.count == 0)
        return leat_fail(err, LEAT_STOP, "tail needs at least one path");
    if (tail->path_field && strcmp(tail->path_field, "line") == 0)
        return leat_fail(err, LEAT_STOP, "path_field cannot be \"line\": that field holds the line");
    return LEAT_OK;
}

static const char *const from_choices[] = {"beginning", "end", NULL};
static const char *const lost_choices[] = {"gap", "stop", NULL};

static const struct leat_option options[] = {
    {.name = "paths", .type = LEAT_OPT_PATHS, .flags = LEAT_OPT_MAIN | LEAT_OPT_REQUIRED, .offset = offsetof(struct tail, paths),
     .about = "Files to follow; * and ? as in a shell.", .example = "[/var/log/app/*.log]", .alias = "path"},
    {.name = "exclude", .type = LEAT_OPT_LIST, .offset = offsetof(struct tail, exclude),
     .about = "Patterns of names (or, with a slash, of paths) to leave out.", .example = "[\"*.gz\"]"},
    {.name = "from", .type = LEAT_OPT_CHOICE, .offset = offsetof(struct tail, from), .preset = "beginning",
     .choices = from_choices, .about = "Where files that are there at the very first start are read from; later ones always from their beginning."},
    {.name = "lost", .type = LEAT_OPT_CHOICE, .offset = offsetof(struct tail, lost), .preset = "gap", .choices = lost_choices,
     .about = "What happens when a file vanished while Leat was not running: a gap record and a warning, or a stop."},
    {.name = "refresh", .type = LEAT_OPT_TIME, .offset = offsetof(struct tail, refresh_us), .preset = "1s", .min = 10000,
     .max = 3600000000, .about = "How often to look for new files, beside inotify."},
    {.name = "rotate_wait", .type = LEAT_OPT_TIME, .offset = offsetof(struct tail, rotate_wait_us), .preset = "5s", .min = 0,
     .max = 3600000000, .about = "How long a renamed file must be quiet before it is let go."},
    {.name = "max_line", .type = LEAT_OPT_SIZE, .offset = offsetof(struct tail, max_line), .preset = "1MiB", .min = 1024,
     .max = 64 << 20, .about = "A longer line is cut into records of this size."},
    {.name = "path_field", .type = LEAT_OPT_TEXT, .offset = offsetof(struct tail, path_field),
     .about = "Adds a field of this name with the file's path; without it the path is in the record's source alone.", .example = "path"},
    {0}};

const struct leat_source_type leat_source_tail = {
    .struct_size = sizeof(struct leat_source_type),
    .traits = LEAT_REPLAYABLE | LEAT_SOURCE_OF_MACHINE,
    .name = "tail",
    .about = "Follows text files; each line is a record {line}.",
    .size = sizeof(struct tail),
    .options = options,
    .validate = tail_validate,
    .open = tail_open,
    .poll = tail_poll,
    .close = tail_close,
};
