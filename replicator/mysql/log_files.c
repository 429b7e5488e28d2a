#include <mysql/log_files.h>

#include <base/memory.h>
#include <base/os.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <mysql/position.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC_BYTES 4
#define READ_BYTES  ((size_t)256 << 10)

struct log_files {
    const struct leat_list *patterns;
    char **paths; /* oldest first */
    size_t count, cap;
    size_t current; /* of `paths` */
    int fd;
    uint64_t at;      /* the next event */
    uint64_t jump_to; /* behind the FORMAT event; 0: nowhere */
    bool is_moved;
    uint64_t torn;
    uint8_t *buffer; /* holds the file from `begin` on, `filled` bytes of it */
    size_t buffer_cap, filled;
    uint64_t begin;
};

/* ---- which files there are ---- */

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* "bin.000007": 7; -1: it ends in no number. */
static int64_t number_of(const char *path)
{
    const char *dot = strrchr(name_of(path), '.');
    if (!dot || !dot[1] || strlen(dot + 1) > 18)
        return -1;
    for (const char *digit = dot + 1; *digit; digit++)
        if (!isdigit((unsigned char)*digit))
            return -1;
    return strtoll(dot + 1, NULL, 10);
}

/* As the positions order them: bin.999999 before bin.1000000. */
static int compare_paths(const void *left, const void *right)
{
    const char *a = name_of(*(char *const *)left), *b = name_of(*(char *const *)right);
    struct position place = {.pos = 0};
    snprintf(place.file, sizeof place.file, "%s", a);
    return position_compare(&place, b, 0);
}

static void forget_paths(struct log_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->paths[i]);
    files->count = 0;
}

static void add_path(struct log_files *files, const char *path)
{
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->paths[i], path) == 0)
            return;
    if (files->count == files->cap) {
        files->cap = files->cap * 2 + 8;
        files->paths = leat_realloc(files->paths, files->cap * sizeof *files->paths);
    }
    files->paths[files->count++] = leat_strdup(path);
}

static enum leat_status judge_names(const struct log_files *files, struct leat_error *err)
{
    for (size_t i = 1; i < files->count; i++) {
        const char *a = name_of(files->paths[i - 1]), *b = name_of(files->paths[i]);
        const char *dot_a = strrchr(a, '.'), *dot_b = strrchr(b, '.');
        if (strcmp(a, b) == 0)
            return leat_fail(err, LEAT_STOP,
                             "`files`: %s and %s have one name: which of them is it?",
                             files->paths[i - 1], files->paths[i]);
        if (number_of(a) < 0 || number_of(b) < 0 || dot_a - a != dot_b - b ||
            memcmp(a, b, (size_t)(dot_a - a)) != 0)
            return leat_fail(
                err, LEAT_STOP,
                "`files`: %s and %s are not of one log: their names must be alike up to the number",
                a, b);
    }
    return LEAT_OK;
}

/* Looks again which files there are. A name without a wildcard is taken as it is. */
static enum leat_status find_paths(struct log_files *files, struct leat_error *err)
{
    forget_paths(files);
    for (size_t i = 0; i < files->patterns->count; i++) {
        glob_t found;
        const char *pattern = files->patterns->items[i];
        bool is_pattern = strpbrk(pattern, "*?[") != NULL;
        if (glob(pattern, 0, NULL, &found) == 0)
            for (size_t j = 0; j < found.gl_pathc; j++)
                if (!is_pattern || number_of(found.gl_pathv[j]) >= 0)
                    add_path(files, found.gl_pathv[j]);
        globfree(&found);
    }
    if (files->count > 0)
        qsort(files->paths, files->count, sizeof *files->paths, compare_paths);
    return judge_names(files, err);
}

static bool find_name(struct log_files *files, const char *name)
{
    for (files->current = 0; files->current < files->count; files->current++)
        if (strcmp(name_of(files->paths[files->current]), name) == 0)
            return true;
    return false;
}

/* Whether there is a file behind the one at hand. */
static enum leat_status look_for_next(struct log_files *files, bool *is_there,
                                      struct leat_error *err)
{
    char *name = leat_strdup(log_files_name(files));
    enum leat_status status = find_paths(files, err);
    *is_there = false;
    if (status == LEAT_OK && !find_name(files, name))
        status = leat_fail(
            err, LEAT_STOP,
            "`files`: %s is gone, and it is not known whether it was read to its end", name);
    if (status == LEAT_OK && files->current + 1 < files->count) {
        const char *next = files->paths[files->current + 1];
        *is_there = true;
        if (number_of(next) != number_of(name) + 1)
            status = leat_fail(err, LEAT_STOP,
                               "`files`: behind %s there is %s: what is between them is missing, "
                               "and would be lost",
                               name, name_of(next));
    }
    free(name);
    return status;
}

/* ---- one file ---- */

static enum leat_status fail_on(const struct log_files *files, const char *what,
                                struct leat_error *err)
{
    enum leat_status status = errno == ENOENT || errno == EACCES ? LEAT_STOP : LEAT_RETRY;
    return leat_fail(err, status, "%s: cannot %s: %s", files->paths[files->current], what,
                     strerror(errno));
}

static void close_file(struct log_files *files)
{
    if (files->fd >= 0)
        leat_os->close(files->fd);
    files->fd = -1;
}

/* Where the file's length is less than that of an empty log, its first bytes may come yet. */
static enum leat_status open_file(struct log_files *files, struct leat_error *err)
{
    static const uint8_t magic[MAGIC_BYTES] = {0xfe, 'b', 'i', 'n'},
                         encrypted[MAGIC_BYTES] = {0xfd, 'b', 'i', 'n'};
    uint8_t head[MAGIC_BYTES];
    files->fd = leat_os->open(files->paths[files->current], O_RDONLY, 0);
    if (files->fd < 0)
        return fail_on(files, "open it", err);
    ssize_t got = leat_os_pread_all(leat_os, files->fd, head, sizeof head, 0);
    enum leat_status status = LEAT_OK;
    files->torn = got > 0 ? (uint64_t)got : 0;
    files->at = 0;
    if (got < 0)
        status = fail_on(files, "read it", err);
    else if (got < MAGIC_BYTES)
        status = LEAT_AGAIN;
    else if (memcmp(head, encrypted, sizeof head) == 0)
        status = leat_fail(
            err, LEAT_STOP,
            "%s is encrypted (binlog_encryption): it cannot be read without the server's keys",
            files->paths[files->current]);
    else if (memcmp(head, magic, sizeof head) != 0)
        status = leat_fail(err, LEAT_STOP, "%s is no binary log: it begins with %02x%02x%02x%02x",
                           files->paths[files->current], head[0], head[1], head[2], head[3]);
    if (status != LEAT_OK) {
        close_file(files);
        return status;
    }
    files->begin = files->at = MAGIC_BYTES;
    files->filled = 0;
    files->is_moved = true;
    return LEAT_OK;
}

/* Brings `len` bytes from `at` on into the buffer; returns how many of them there are. A buffer
 * that one large event needed is not kept for the small ones. */
static enum leat_status have(struct log_files *files, size_t len, size_t *there,
                             struct leat_error *err)
{
    size_t skip = (size_t)(files->at - files->begin);
    if (files->filled < skip) { /* a jump */
        files->filled = skip = 0;
        files->begin = files->at;
    }
    *there = files->filled - skip;
    if (*there >= len)
        return LEAT_OK;
    size_t want = len > READ_BYTES ? len : READ_BYTES;
    if (*there > 0)
        memmove(files->buffer, files->buffer + skip, *there);
    files->begin = files->at;
    files->filled = *there;
    if (files->buffer_cap < want || (want == READ_BYTES && files->buffer_cap > 4 * READ_BYTES)) {
        files->buffer = leat_realloc(files->buffer, want);
        files->buffer_cap = want;
    }
    ssize_t got = leat_os_pread_all(leat_os, files->fd, files->buffer + *there, want - *there,
                                    (off_t)(files->at + *there));
    if (got < 0)
        return fail_on(files, "read it", err);
    files->filled += (size_t)got;
    *there = files->filled;
    return LEAT_OK;
}

static size_t event_length(const uint8_t *header)
{
    return (size_t)header[9] | (size_t)header[10] << 8 | (size_t)header[11] << 16 |
           (size_t)header[12] << 24;
}

/* AGAIN: the file ends before the event does. */
static enum leat_status read_event(struct log_files *files, struct log_event *event,
                                   struct leat_error *err)
{
    size_t there, len = LEAT_BINLOG_HEADER;
    enum leat_status status = have(files, len, &there, err);
    if (status == LEAT_OK && there >= len) {
        len = event_length(files->buffer + (files->at - files->begin));
        if (len < LEAT_BINLOG_HEADER || len > LEAT_BINLOG_MAX_EVENT)
            return leat_fail(err, LEAT_STOP,
                             "%s: at %llu there is no event: it would be %zu bytes long",
                             files->paths[files->current], (unsigned long long)files->at, len);
        status = have(files, len, &there, err);
    }
    if (status != LEAT_OK)
        return status;
    files->torn = there < len ? there : 0;
    if (there < len)
        return LEAT_AGAIN;
    *event = (struct log_event){.bytes = files->buffer + (files->at - files->begin),
                                .len = len,
                                .file = log_files_name(files),
                                .at = files->at,
                                .is_moved = files->is_moved};
    files->is_moved = files->jump_to > files->at + len;
    files->at = files->is_moved ? files->jump_to : files->at + len;
    files->jump_to = 0;
    return LEAT_OK;
}

/* ---- calls ---- */

static enum leat_status place(struct log_files *files, const char *file, uint64_t pos,
                              struct leat_error *err)
{
    struct stat st;
    enum leat_status status = find_paths(files, err);
    if (status != LEAT_OK)
        return status;
    if (files->count == 0)
        return leat_fail(err, LEAT_STOP, "`files`: there is no binary log file %s%s",
                         files->patterns->items[0],
                         files->patterns->count > 1 ? ", nor any of the others" : "");
    if (!file[0])
        return LEAT_OK;
    if (!find_name(files, file))
        return leat_fail(
            err, LEAT_STOP,
            "`files`: %s, where we are (at %llu), is not among them: they are %s to %s", file,
            (unsigned long long)pos, name_of(files->paths[0]),
            name_of(files->paths[files->count - 1]));
    if (leat_os->stat(files->paths[files->current], &st) == 0 && (uint64_t)st.st_size < pos)
        return leat_fail(
            err, LEAT_STOP,
            "%s has %lld bytes, and we were at %llu: it is another file than the one that was read",
            files->paths[files->current], (long long)st.st_size, (unsigned long long)pos);
    files->jump_to = pos;
    return LEAT_OK;
}

enum leat_status log_files_open(struct log_files **files, const struct leat_list *patterns,
                                const char *file, uint64_t pos, struct leat_error *err)
{
    struct log_files *made = leat_calloc(1, sizeof *made);
    made->patterns = patterns;
    made->fd = -1;
    enum leat_status status = place(made, file, pos, err);
    if (status == LEAT_OK)
        *files = made;
    else
        log_files_close(made);
    return status;
}

void log_files_close(struct log_files *files)
{
    close_file(files);
    forget_paths(files);
    free(files->paths);
    free(files->buffer);
    free(files);
}

enum leat_status log_files_next(struct log_files *files, struct log_event *event,
                                struct leat_error *err)
{
    for (bool has_next = false;;) {
        enum leat_status status = files->fd < 0 ? open_file(files, err) : LEAT_OK;
        if (status == LEAT_OK)
            status = read_event(files, event, err);
        if (status != LEAT_AGAIN)
            return status;
        /* A file is at its end only when the one behind it was there before it was read for the
         * last time. */
        if (!has_next) {
            status = look_for_next(files, &has_next, err);
            if (status != LEAT_OK || !has_next)
                return status == LEAT_OK ? LEAT_AGAIN : status;
            continue;
        }
        if (files->torn > 0 || files->fd < 0)
            return leat_fail(err, LEAT_STOP,
                             "%s ends within an event: of the one at %llu there are %llu bytes, and %s is there "
                             "already; what else it held would be lost: copy it once more, whole (where a crash of its "
                             "server left it so, cut it there)",
                             files->paths[files->current], (unsigned long long)files->at,
                             (unsigned long long)files->torn, name_of(files->paths[files->current + 1]));
        close_file(files);
        files->current++;
        has_next = false;
    }
}

const char *log_files_name(const struct log_files *files)
{
    return name_of(files->paths[files->current]);
}

uint64_t log_files_pos(const struct log_files *files)
{
    return files->fd < 0 ? 0 : files->at;
}

uint64_t log_files_torn(const struct log_files *files)
{
    return files->torn;
}
