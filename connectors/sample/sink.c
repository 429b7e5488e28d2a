/* sink.c - a sink that is exactly once in itself: a file that holds records and, behind them, how far they go.
 *
 *   {"number":1,"line":"first"}                    a unit: the records of one batch as JSON, one a line ...
 *   {"number":2,"line":"second"}
 *   #5e0c3a1b7d924f68 0100000013ca... shop/0       ... and its mark: a checksum of the unit, the mark, the split's name
 *
 * The shape of every sink: open() hands the host the marks that the target holds, the host reads the topic from there;
 * put() takes batches; settle() tells which of them are safe. The effect and the mark go into the target together: here in
 * one write, in a database in one transaction. A crash leaves at worst a unit without its mark, or with a wrong checksum.
 * open() cuts it off, and the host, which goes on at the last mark, brings it again. To read the records: grep -v '^#'.
 */
#define _DEFAULT_SOURCE 1 /* flock(), with -std=c11 */

#include "sample.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define UNIT_MAX ((size_t)1 << 30)  /* of one batch: its own budget bounds it long before */
#define HASH_START 14695981039346656037u

struct sink {
    /* options */
    const char *path;
    int64_t sync_us;
    /* state */
    int fd;
    const struct leat_codec_type *json; /* what turns a record into text */
    void *codec;                        /* its private state */
    struct leat_bytes *unit;            /* what the next write writes */
    const struct leat_splits *claim;    /* the splits that are ours, by name; the host's, until close() */
    struct leat_mark *marks;            /* one for each of them */
    uint64_t written, synced;           /* numbers of the last batch that was written, and is on the disk */
    struct leat_time due;               /* when what is written is to be synced */
};

static const struct leat_option options[] = {
    {"path", LEAT_OPT_PATH, LEAT_OPT_REQUIRED | LEAT_OPT_MAIN, offsetof(struct sink, path), NULL, 0, 0, NULL,
     "File to append to.", "out.units", NULL},
    {"sync", LEAT_OPT_TIME, 0, offsetof(struct sink, sync_us), "100ms", 0, INT64_MAX, NULL,
     "Longest time that a record is written and not yet synced to the disk.", NULL, NULL},
    {NULL, LEAT_OPT_BOOL, 0, 0, NULL, 0, 0, NULL, NULL, NULL, NULL},
};

/* FNV-1a. It tells a unit that the disk wrote in part; a mark has a CRC of its own. */
static uint64_t hash(uint64_t sum, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ (uint8_t)bytes[i]) * 1099511628211u;
    return sum;
}

/* ---- open: what the file holds ---- */

static const char digits[] = "0123456789abcdef";

static int digit(char c)
{
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* A mark's line, "#checksum mark split": true when it closes a unit whose records have this checksum. */
static bool take_mark(struct sink *self, const char *line, uint64_t sum)
{
    uint8_t bytes[LEAT_MARK_BYTES_MAX];
    struct leat_mark mark;
    size_t len = 0;
    char *at;
    if (strtoull(line + 1, &at, 16) != sum || *at++ != ' ')
        return false;
    for (; len < sizeof bytes && digit(at[0]) >= 0 && digit(at[1]) >= 0; at += 2)
        bytes[len++] = (uint8_t)(digit(at[0]) << 4 | digit(at[1]));
    if (*at++ != ' ' || !leat_mark_decode(bytes, len, &mark))
        return false;
    size_t name_len = strcspn(at, "\n");
    for (uint32_t i = 0; i < self->claim->count; i++)
        if (strlen(self->claim->names[i]) == name_len && memcmp(self->claim->names[i], at, name_len) == 0)
            self->marks[i] = mark; /* a later mark of the same split replaces it */
    return true;
}

/* Reads all units; *end: behind the last one that is whole. A large target would keep its marks where they are found
 * without that: a table, a header, a file beside it. */
static enum leat_status read_units(struct sink *self, off_t *end, struct leat_error *err)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    off_t at = 0;
    uint64_t sum = HASH_START;
    bool is_whole = true;
    FILE *file = fopen(self->path, "r");
    if (!file)
        return leat_fail(err, LEAT_RETRY, "%s: %s", self->path, strerror(errno));
    while (is_whole && (len = getline(&line, &room, file)) > 0) {
        at += len;
        if (line[len - 1] != '\n')
            break;
        if (line[0] != '#') { /* JSON never begins so */
            sum = hash(sum, line, (size_t)len);
            continue;
        }
        is_whole = take_mark(self, line, sum);
        *end = is_whole ? at : *end;
        sum = HASH_START;
    }
    bool has_failed = ferror(file);
    free(line);
    fclose(file);
    return has_failed ? leat_fail(err, LEAT_RETRY, "%s cannot be read", self->path) : LEAT_OK;
}

/* Cuts what has no mark. Its records are read from the topic again: it is not lost. */
static enum leat_status cut_tail(struct sink *self, struct leat_task *task, off_t end, struct leat_error *err)
{
    off_t size = lseek(self->fd, 0, SEEK_END);
    if (size > end)
        leat_say(LEAT_INFO, leat_task_name(task), "%s: cutting %lld bytes that have no mark", self->path,
                 (long long)(size - end));
    if (size < 0 || (size > end && ftruncate(self->fd, end) != 0))
        return leat_fail(err, LEAT_RETRY, "%s: %s", self->path, strerror(errno));
    return LEAT_OK;
}

/* A file that a power cut takes away again would take its marks along: its name must be on the disk too. */
static enum leat_status sync_name(const struct sink *self, struct leat_error *err)
{
    char *copy = strdup(self->path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool is_synced = fd >= 0 && fsync(fd) == 0;
    enum leat_status status =
        is_synced ? LEAT_OK : leat_fail(err, LEAT_RETRY, "folder of %s: %s", self->path, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(copy);
    return status;
}

static enum leat_status open_file(struct sink *self, struct leat_error *err)
{
    self->fd = open(self->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (self->fd < 0)
        return leat_fail(err, LEAT_RETRY, "%s: %s", self->path, strerror(errno));
    /* Two writers would cut each other's units. FENCED: another owner holds it, do not try again. */
    if (flock(self->fd, LOCK_EX | LOCK_NB) != 0)
        return leat_fail(err, LEAT_FENCED, "%s: another sink writes it", self->path);
    return sync_name(self, err);
}

static enum leat_status open_codec(struct sink *self, struct leat_task *task, struct leat_error *err)
{
    self->json = leat_codec("json"); /* one of those that `leat plugins` lists as formats */
    if (!self->json)
        return leat_fail(err, LEAT_STOP, "this leat has no format json");
    self->codec = calloc(1, self->json->size ? self->json->size : 1);
    if (!self->codec)
        return leat_fail(err, LEAT_RETRY, "no memory");
    return self->json->open ? self->json->open(self->codec, leat_task_name(task), err) : LEAT_OK;
}

static enum leat_status open_sink(void *arg, struct leat_task *task, const struct leat_splits *claim,
                                  struct leat_marks *stored, enum leat_guarantee *guarantee, struct leat_error *err)
{
    struct sink *self = (struct sink *)arg;
    off_t end = 0;
    self->fd = -1;
    self->claim = claim;
    self->written = self->synced = 0;
    *guarantee = LEAT_EXACTLY_ONCE_COMMITTED;
    if (leat_task_number(task) > 0)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "sample writes one file: `parallel` must be 1");
    self->unit = leat_bytes_new(UNIT_MAX);
    self->marks = (struct leat_mark *)calloc(claim->count + 1u, sizeof *self->marks);
    enum leat_status status = self->marks ? open_file(self, err) : leat_fail(err, LEAT_RETRY, "no memory");
    if (status == LEAT_OK)
        status = open_codec(self, task, err);
    if (status == LEAT_OK)
        status = read_units(self, &end, err);
    if (status == LEAT_OK)
        status = cut_tail(self, task, end, err);
    for (uint32_t i = 0; status == LEAT_OK && i < claim->count; i++) {
        stored->items[i] = self->marks[i]; /* all zero: there is none, and the host begins at the topic's start */
        self->marks[i].owner_epoch++; /* the file is ours now. Where there is no lock, it is stored at once, and whoever
                                         finds a higher one in the target stops: LEAT_FENCED */
    }
    return status;
}

/* ---- put: a unit and its mark in one write ---- */

static enum leat_status add_record(struct sink *self, const struct leat_record *rec, struct leat_error *err)
{
    size_t before = leat_bytes_count(self->unit);
    bool is_null = false; /* a delete: it has no row to write */
    enum leat_status status = self->json->encode(self->codec, rec, LEAT_PART_VALUE, self->unit, &is_null, err);
    if (status == LEAT_OK && !is_null)
        leat_bytes_add(self->unit, "\n", 1);
    if (status == LEAT_OK && !leat_bytes_data(self->unit))
        status = leat_fail(err, LEAT_REJECT, "it is too long");
    if (status != LEAT_OK || is_null)
        leat_bytes_cut(self->unit, before);
    return status;
}

static void add_mark(struct sink *self, const struct leat_batch *batch)
{
    uint8_t bytes[LEAT_MARK_BYTES_MAX];
    char text[32];
    uint32_t split = leat_batch_split(batch); /* a batch is of one split */
    struct leat_mark *mark = &self->marks[split];
    leat_batch_mark(batch, mark); /* the place behind its last record; what is ours of the mark stays */
    mark->sequence++;
    size_t len = leat_mark_encode(mark, bytes);
    uint64_t sum = hash(HASH_START, leat_bytes_data(self->unit), leat_bytes_count(self->unit));
    leat_bytes_add(self->unit, text, (size_t)snprintf(text, sizeof text, "#%016llx ", (unsigned long long)sum));
    for (size_t i = 0; i < len; i++) {
        leat_bytes_add(self->unit, &digits[bytes[i] >> 4], 1);
        leat_bytes_add(self->unit, &digits[bytes[i] & 15], 1);
    }
    leat_bytes_add(self->unit, " ", 1);
    leat_bytes_add(self->unit, self->claim->names[split], strlen(self->claim->names[split]));
    leat_bytes_add(self->unit, "\n", 1);
}

static enum leat_status write_unit(struct sink *self, struct leat_error *err)
{
    const char *at = leat_bytes_data(self->unit);
    size_t left = leat_bytes_count(self->unit);
    if (!at)
        return leat_fail(err, LEAT_STOP, "a batch is larger than a unit may be");
    while (left > 0) {
        ssize_t done = write(self->fd, at, left);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) /* half a unit may be there: RETRY closes and opens, which cuts it */
            return leat_fail_as(err, LEAT_RETRY, LEAT_CAUSE_DISK, "%s: %s", self->path, strerror(errno));
        at += done;
        left -= (size_t)done;
    }
    return LEAT_OK;
}

static enum leat_status put_sink(void *arg, struct leat_task *task, const struct leat_batch *batch,
                                 struct leat_error *err)
{
    struct sink *self = (struct sink *)arg;
    bool has_rejects = false;
    (void)task;
    leat_bytes_clear(self->unit);
    for (uint32_t i = 0; i < leat_batch_count(batch); i++) {
        enum leat_status status = add_record(self, leat_batch_get(batch, i), err);
        if (status == LEAT_REJECT) {
            leat_batch_reject(batch, i, "%s", err->text);
            has_rejects = true;
        } else if (status != LEAT_OK) {
            return status;
        }
    }
    /* Nothing was written: what becomes of the refused ones is the pipeline's policy; the others are put again. */
    if (has_rejects)
        return LEAT_REJECT;
    add_mark(self, batch); /* also for a batch without records: it moves the mark */
    enum leat_status status = write_unit(self, err);
    if (status != LEAT_OK)
        return status;
    if (self->written == self->synced)
        self->due = leat_after_us(self->sync_us);
    self->written = leat_batch_number(batch);
    return LEAT_OK;
}

/* ---- settle: which batches are safe ---- */

static enum leat_status sync_file(struct sink *self, struct leat_error *err)
{
    if (self->written == self->synced)
        return LEAT_OK;
    /* After a failed sync nobody knows what is on the disk: nothing but a person's look helps. */
    if (fdatasync(self->fd) != 0)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_DISK, "%s: %s", self->path, strerror(errno));
    self->synced = self->written;
    return LEAT_OK;
}

/* Called after every put() and whenever there is news; here one sync serves all batches of `sync_us`. */
static enum leat_status settle_sink(void *arg, struct leat_task *task, uint64_t *done, struct leat_rejects *rejects,
                                    struct leat_time *next, struct leat_error *err)
{
    struct sink *self = (struct sink *)arg;
    enum leat_status status = leat_now().ns >= self->due.ns ? sync_file(self, err) : LEAT_OK;
    (void)task;
    (void)rejects; /* of targets that refuse records after put() */
    *done = self->synced;
    *next = self->written > self->synced ? self->due : LEAT_NEVER; /* ask again by then */
    return status;
}

/* Before a stop, and at the end of `leat run --once`: settle what can be settled until the deadline. */
static enum leat_status flush_sink(void *arg, struct leat_task *task, struct leat_time deadline, struct leat_error *err)
{
    (void)task;
    (void)deadline; /* a sync cannot be cut short */
    return sync_file((struct sink *)arg, err);
}

static void close_sink(void *arg, struct leat_task *task)
{
    struct sink *self = (struct sink *)arg;
    (void)task;
    if (self->codec && self->json->close)
        self->json->close(self->codec);
    free(self->codec);
    self->codec = NULL;
    free(self->marks);
    self->marks = NULL;
    leat_bytes_free(self->unit);
    self->unit = NULL;
    if (self->fd >= 0)
        close(self->fd); /* gives the lock back */
    self->fd = -1;
}

/* Without a connection: what open() will give, and what makes it less than exactly-once for everybody. */
static enum leat_guarantee promise(void *arg, const char **why)
{
    (void)arg;
    *why = "readers have to leave out lines that no mark closes yet";
    return LEAT_EXACTLY_ONCE_COMMITTED;
}

const struct leat_sink_type sample_sink = {
    sizeof(struct leat_sink_type),
    LEAT_TRANSACTIONAL | LEAT_KEEPS_MARK, /* effect and mark in one; the file's marks are the truth, not the host's copy */
    "sample",
    "Records and marks in one file, exactly once; the example for authors of sinks.",
    sizeof(struct sink),
    options,
    NULL, /* validate */
    NULL, /* check */
    open_sink,
    put_sink,
    settle_sink, /* without it put() is synchronous: LEAT_OK means safe */
    flush_sink,
    close_sink,
    promise,
    NULL, /* marks: what open() would find, without a claim, for `leat recover` */
};
