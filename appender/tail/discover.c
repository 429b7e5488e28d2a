/* discover.c - which files there are: by pattern, by stored position, after a rotation. */
#include <base/assert.h>
#include <base/memory.h>
#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <tail/tail.h>

static bool is_excluded(const struct tail *tail, const char *path)
{
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    for (size_t i = 0; i < tail->exclude.count; i++)
        if (fnmatch(tail->exclude.items[i], strchr(tail->exclude.items[i], '/') ? path : name, 0) == 0)
            return true;
    return false;
}

/* The path belongs to `file` now; who had it before is rotated. */
static void give_path(struct tail *tail, struct tail_file *file, const char *path)
{
    struct tail_file *before = leat_table_get(&tail->by_path, path, strlen(path));
    if (before == file)
        return;
    if (before) {
        before->is_rotated = true;
        before->let_go = leat_after_us(tail->rotate_wait_us);
        tail_has_news(tail, before);
    }
    leat_table_set(&tail->by_path, path, strlen(path), file);
}

/* A file known by identity is seen under `path`. */
static void seen_again(struct tail *tail, struct tail_file *file, const char *path, const struct stat *st)
{
    if (strcmp(file->path, path) != 0) { /* renamed */
        if (leat_table_get(&tail->by_path, file->path, strlen(file->path)) == file)
            leat_table_remove(&tail->by_path, file->path, strlen(file->path));
        free(file->path);
        file->path = leat_strdup(path);
        file->is_moved = true;
    }
    file->is_rotated = false;
    file->let_go = LEAT_NEVER;
    give_path(tail, file, path);
    if ((uint64_t)st->st_size != file->size || (uint64_t)st->st_size < file->offset)
        tail_has_news(tail, file);
    file->size = (uint64_t)st->st_size;
}

static void seen_first(struct tail *tail, const char *path, const struct stat *st, bool at_end)
{
    char *origin = tail_order_origin(tail, path);
    struct tail_file *file = tail_file_new(path, origin, st);
    free(origin);
    if (at_end) {
        file->offset = file->size;
        file->is_moved = true;
    }
    tail_file_hold(file);
    tail_add(tail, file);
    tail_order_join(tail, file);
    give_path(tail, file, path);
    tail_watch_path(tail, path);
    tail_has_news(tail, file);
}

static void look_at(struct tail *tail, const char *path, bool at_end)
{
    struct stat st;
    if (is_excluded(tail, path) || leat_os->stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return;
    struct tail_file *file = tail_find(tail, st.st_dev, st.st_ino);
    if (file)
        seen_again(tail, file, path, &st);
    else
        seen_first(tail, path, &st, at_end);
}

static void look_at_all(struct tail *tail, bool at_end)
{
    for (size_t i = 0; i < tail->paths.count; i++) {
        glob_t found;
        tail_watch_path(tail, tail->paths.items[i]);
        if (glob(tail->paths.items[i], 0, NULL, &found) == 0) /* sorted: "a.log" before "a.log.1" */
            for (size_t j = 0; j < found.gl_pathc; j++)
                look_at(tail, found.gl_pathv[j], at_end);
        globfree(&found);
    }
}

/* ---- at open: stored positions ---- */

static int64_t number_of(const struct leat_value *map, const char *name)
{
    const struct leat_value *value = leat_map_get(map, name);
    return value && value->type == LEAT_INT64 ? value->as.i : 0;
}

/* To be freed; NULL: there is none. */
static char *text_of(const struct leat_value *map, const char *name)
{
    const struct leat_value *value = leat_map_get(map, name);
    return value && value->type == LEAT_TEXT ? leat_strndup(value->as.text, value->len) : NULL;
}

/* The file with this inode in the directory of `path`: where a rotation put it. */
static char *find_renamed(const char *path, uint64_t inode, struct stat *st)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return NULL;
    char *dir_path = leat_strndup(path, slash == path ? 1 : (size_t)(slash - path));
    DIR *dir = leat_os->opendir(dir_path);
    char *found = NULL;
    for (struct dirent *entry; dir && !found && (entry = leat_os->readdir(dir));) {
        if (entry->d_ino != inode)
            continue;
        found = leat_format_dup("%s/%s", slash == path ? "" : dir_path, entry->d_name);
        if (leat_os->stat(found, st) != 0 || st->st_ino != inode || !S_ISREG(st->st_mode)) {
            free(found);
            found = NULL;
        }
    }
    if (dir)
        leat_os->closedir(dir);
    free(dir_path);
    return found;
}

static void lost(struct tail *tail, const char *path, uint64_t offset)
{
    if (tail->vanished_count == tail->vanished_cap) {
        tail->vanished_cap = tail->vanished_cap * 2 + 8;
        tail->vanished = leat_realloc(tail->vanished, tail->vanished_cap * sizeof *tail->vanished);
    }
    tail->vanished[tail->vanished_count++] = leat_strdup(path);
    leat_say(LEAT_WARNING, leat_task_name(tail->task),
             "%s: is gone; what was written to it after byte %llu while nobody read it is lost", path,
             (unsigned long long)offset);
}

static void remove_key(struct tail *tail, const struct leat_value *key)
{
    if (tail->removed_count == tail->removed_cap) {
        tail->removed_cap = tail->removed_cap * 2 + 8;
        tail->removed = leat_realloc(tail->removed, tail->removed_cap * sizeof *tail->removed);
    }
    tail->removed[tail->removed_count++] = *key; /* lives in the positions until close */
}

/* Two positions may lead to one file: of a volume that is gone, and of the one that stands in its place with the same
 * inode. The one that names the file's own device is right. */
static bool is_known_better(struct tail *tail, const struct leat_value *key, const struct stat *st)
{
    struct tail_file *known = tail_find(tail, st->st_dev, st->st_ino);
    return known && ((uint64_t)key->as.items[1].as.i != st->st_dev || known->stored_device == st->st_dev);
}

static void follow(struct tail *tail, const char *path, const char *origin, const struct stat *st,
                   const struct leat_value *key, const struct leat_value *value)
{
    struct tail_file *file = tail_find(tail, st->st_dev, st->st_ino);
    if (!file) {
        file = tail_file_new(path, origin, st);
        tail_add(tail, file);
        tail_file_hold(file);
        tail_order_join(tail, file);
    }
    file->offset = (uint64_t)number_of(value, "offset");
    file->head = (struct tail_head){(uint32_t)number_of(value, "head"), (uint32_t)number_of(value, "head_len")};
    if (file->head.len > TAIL_HEAD_MAX)
        file->head.len = TAIL_HEAD_MAX;
    file->stored_device = (uint64_t)key->as.items[1].as.i;
    file->is_moved = file->stored_device != file->device; /* another device number after a reboot */
    file->is_rotated = true; /* until a pattern finds it */
    file->let_go = leat_after_us(tail->rotate_wait_us);
    tail_has_news(tail, file);
}

/* Where the file of a position is now, to be freed; NULL: not found. A path that cannot be looked at is not gone. */
static enum leat_status locate(const char *path, uint64_t inode, struct stat *st, char **at, struct leat_error *err)
{
    int error = leat_os->stat(path, st) == 0 ? 0 : errno;
    *at = NULL;
    if (error && error != ENOENT && error != ENOTDIR)
        return leat_fail(err, LEAT_RETRY, "%s: cannot be looked at: %s; its place is kept", path, strerror(error));
    *at = !error && st->st_ino == inode ? leat_strdup(path) : find_renamed(path, inode, st);
    return LEAT_OK;
}

struct stored { /* a position */
    const struct leat_value *key, *value;
    char *path, *origin;
};

static enum leat_status take_up_file(struct tail *tail, const struct stored *stored, struct leat_error *err)
{
    uint64_t inode = (uint64_t)stored->key->as.items[2].as.i, offset = (uint64_t)number_of(stored->value, "offset");
    struct stat st;
    char *at;
    enum leat_status status = locate(stored->path, inode, &st, &at, err);
    if (status == LEAT_OK && !at) {
        remove_key(tail, stored->key);
        lost(tail, stored->path, offset);
        if (tail->lost == TAIL_STOP)
            status = leat_fail(err, LEAT_STOP, "%s: is gone, and was perhaps not read to its end; accept that by lost: gap",
                               stored->path);
    } else if (status == LEAT_OK && is_known_better(tail, stored->key, &st)) {
        remove_key(tail, stored->key);
    } else if (status == LEAT_OK) {
        follow(tail, at, stored->origin ? stored->origin : stored->path, &st, stored->key, stored->value);
    }
    free(at);
    return status;
}

/* One stored position: the file is taken up where it is now, under whatever name. */
static enum leat_status take_up(struct tail *tail, const struct leat_value *key, const struct leat_value *value,
                                struct leat_error *err)
{
    struct stored stored = {key, value, text_of(value, "path"), text_of(value, "origin")};
    enum leat_status status =
        key->type == LEAT_ARRAY && key->len == 3 && stored.path
            ? take_up_file(tail, &stored, err)
            : leat_fail(err, LEAT_STOP, "a stored position is none of a tailed file; run: leat offsets reset %s",
                        leat_task_name(tail->task));
    free(stored.path);
    free(stored.origin);
    return status;
}

enum leat_status tail_discover_first(struct tail *tail, const struct leat_positions *from, struct leat_error *err)
{
    uint32_t count = leat_positions_count(from);
    for (uint32_t i = 0; i < count; i++) {
        const struct leat_value *key, *value;
        leat_positions_at(from, i, &key, &value);
        enum leat_status status = take_up(tail, key, value, err);
        if (status != LEAT_OK)
            return status;
    }
    look_at_all(tail, count == 0 && tail->from == TAIL_END);
    /* Once more before a line is read: a file that was renamed while its directory was listed may not have been seen, and its
     * follower would go before it. */
    if (count > 0)
        look_at_all(tail, false);
    return LEAT_OK;
}

/* ---- later ---- */

/* A path that cannot be looked at (no right to, a failing disk) is not gone: its file would be read again from its start
 * once it is back. */
static bool is_gone_from_path(const struct tail_file *file)
{
    struct stat st;
    if (leat_os->stat(file->path, &st) != 0)
        return errno == ENOENT || errno == ENOTDIR;
    return st.st_ino != file->inode || st.st_dev != file->device;
}

/* Files whose path is nobody's now are rotated; their fd is read to the end. */
static void check_paths(struct tail *tail)
{
    size_t at = 0, len;
    const void *key;
    void *value;
    while (leat_table_next(&tail->by_identity, &at, &key, &len, &value)) {
        struct tail_file *file = value;
        struct stat st;
        if (file->is_aside)
            tail_has_news(tail, file);
        if (file->is_rotated) {
            if (file->fd >= 0 && leat_os->fstat(file->fd, &st) == 0 && (uint64_t)st.st_size != file->size) {
                file->size = (uint64_t)st.st_size;
                file->let_go = leat_after_us(tail->rotate_wait_us);
                tail_has_news(tail, file);
            }
        } else if (is_gone_from_path(file)) {
            file->is_rotated = true;
            file->let_go = leat_after_us(tail->rotate_wait_us);
            tail_has_news(tail, file);
        }
    }
}

enum leat_status tail_discover_again(struct tail *tail, struct leat_error *err)
{
    (void)err;
    look_at_all(tail, false);
    check_paths(tail);
    return LEAT_OK;
}
