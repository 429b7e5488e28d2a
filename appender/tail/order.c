/* order.c - who had a path before whom, so that a follower's lines come behind those of the file that was rotated. */
#include <base/assert.h>
#include <base/memory.h>
#include <ctype.h>
#include <string.h>
#include <tail/tail.h>

#define NEWEST INT64_MAX

static bool is_at(const struct tail_file *file, const char *path)
{
    struct stat st;
    return leat_os->stat(path, &st) == 0 && st.st_ino == file->inode && st.st_dev == file->device;
}

/* When it was written to last; the one that has the path is written to now. */
static int64_t changed_ns(const struct tail_file *file)
{
    struct stat st;
    if (is_at(file, file->origin))
        return NEWEST;
    if (file->fd < 0 || leat_os->fstat(file->fd, &st) != 0)
        return 0;
    return st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
}

char *tail_order_origin(const struct tail *tail, const char *path)
{
    const char *name = strrchr(path, '/');
    for (const char *end = path + strlen(path); end > path && end != name; end--)
        if ((*end == '.' || *end == '-') && isdigit((unsigned char)end[1]) &&
            leat_table_get(&tail->last_at, path, (size_t)(end - path)))
            return leat_strndup(path, (size_t)(end - path));
    return leat_strdup(path);
}

void tail_order_join(struct tail *tail, struct tail_file *file)
{
    struct tail_file *after = NULL, *before = leat_table_get(&tail->last_at, file->origin, strlen(file->origin));
    leat_assert(!file->before && !file->after);
    int64_t changed = before ? changed_ns(file) : 0;
    for (; before && changed_ns(before) > changed; before = before->before)
        after = before;
    file->before = before;
    file->after = after;
    if (before)
        before->after = file;
    if (after)
        after->before = file;
    else
        leat_table_set(&tail->last_at, file->origin, strlen(file->origin), file);
}

void tail_order_leave(struct tail *tail, struct tail_file *file)
{
    if (file->before)
        file->before->after = file->after;
    if (file->after)
        file->after->before = file->before;
    else if (file->before)
        leat_table_set(&tail->last_at, file->origin, strlen(file->origin), file->before);
    else
        leat_table_remove(&tail->last_at, file->origin, strlen(file->origin));
    file->before = file->after = NULL;
}

/* A last line without its newline stands behind `offset` for ever: it is read in vain until the file is let go. */
static bool has_rest(const struct tail_file *file)
{
    struct stat st;
    return file->fd >= 0 && leat_os->fstat(file->fd, &st) == 0 && (uint64_t)st.st_size > file->offset;
}

enum leat_status tail_order_read_before(struct tail *tail, struct tail_file *file, struct leat_batch *batch, bool *more,
                                        struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    struct tail_file *before = file;
    *more = false;
    while (before->before)
        before = before->before;
    for (; before != file && status == LEAT_OK && !*more; before = before->after)
        if (has_rest(before))
            status = tail_file_read(tail, before, batch, false, more, err);
    return status;
}
