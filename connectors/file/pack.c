#include <file/pack.h>

#include <base/memory.h>
#include <base/os.h>
#include <base/thread.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <zlib.h>

struct job {
    struct job *next;
    char *path;
};

struct packer {
    struct leat_lock lock;
    struct leat_cond news;
    struct job *first, **last;
    bool is_stopping;
};

#define CHUNK ((size_t)64 << 10)

static bool deflate_part(z_stream *stream, int fd, int flush, uint8_t *out)
{
    do {
        stream->next_out = out;
        stream->avail_out = CHUNK;
        deflate(stream, flush);
        if (!leat_os_write_all(leat_os, fd, out, CHUNK - stream->avail_out))
            return false;
    } while (stream->avail_out == 0);
    return true;
}

static bool deflate_all(int from, int to)
{
    uint8_t *buffers = leat_malloc(2 * CHUNK);
    z_stream stream = {0};
    bool is_done = deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
    ssize_t n = 1;
    while (is_done && n > 0) {
        n = leat_os->read(from, buffers, CHUNK);
        is_done = n >= 0;
        stream.next_in = buffers;
        stream.avail_in = n > 0 ? (uInt)n : 0;
        is_done = is_done && deflate_part(&stream, to, n > 0 ? Z_NO_FLUSH : Z_FINISH, buffers + CHUNK);
    }
    deflateEnd(&stream);
    free(buffers);
    return is_done;
}

static bool write_packed(const char *path, const char *tmp)
{
    int from = leat_os->open(path, O_RDONLY, 0);
    int to = from < 0 ? -1 : leat_os->open(tmp, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    bool is_done = to >= 0 && deflate_all(from, to) && leat_os->fsync(to) == 0;
    int error = errno;
    if (from >= 0)
        leat_os->close(from);
    if (to >= 0)
        leat_os->close(to);
    errno = error;
    return is_done;
}

static void pack(const char *path)
{
    char *packed = leat_format_dup("%s.gz", path);
    char *tmp = leat_format_dup("%s.tmp", packed);
    bool is_done = write_packed(path, tmp) && leat_os->rename(tmp, packed) == 0 &&
                   leat_os_sync_parent(leat_os, packed) && leat_os->unlink(path) == 0;
    if (!is_done && errno != ENOENT) /* gone: packed before */
        leat_say(LEAT_WARNING, NULL, "%s: cannot pack: %s; it stays as it is until the next start", path, strerror(errno));
    if (!is_done)
        leat_os->unlink(tmp);
    free(packed);
    free(tmp);
}

/* NULL: stop. */
static struct job *next_job(struct packer *packer)
{
    leat_lock_take(&packer->lock);
    while (!packer->first && !packer->is_stopping)
        leat_cond_wait(&packer->news, &packer->lock);
    struct job *job = packer->is_stopping ? NULL : packer->first;
    if (job) {
        packer->first = job->next;
        if (!packer->first)
            packer->last = &packer->first;
    }
    leat_lock_give(&packer->lock);
    return job;
}

static void free_job(struct job *job)
{
    free(job->path);
    free(job);
}

static void run_packer(struct leat_task *task, void *arg)
{
    struct packer *packer = arg;
    struct job *job;
    (void)task;
    while ((job = next_job(packer))) {
        pack(job->path);
        free_job(job);
    }
    while ((job = packer->first)) {
        packer->first = job->next;
        free_job(job);
    }
    leat_cond_fini(&packer->news);
    leat_lock_fini(&packer->lock);
    free(packer);
}

enum leat_status packer_start(struct packer **packer, struct leat_task *task, struct leat_error *err)
{
    struct packer *made = leat_calloc(1, sizeof *made);
    leat_lock_init(&made->lock, "packer", LEAT_RANK_MAILBOX);
    leat_cond_init(&made->news);
    made->last = &made->first;
    enum leat_status status = leat_task_side(task, "leat-gzip", run_packer, made, err);
    if (status == LEAT_OK) {
        *packer = made;
        return LEAT_OK;
    }
    leat_cond_fini(&made->news);
    leat_lock_fini(&made->lock);
    free(made);
    return status;
}

void packer_add(struct packer *packer, char *path)
{
    struct job *job = leat_calloc(1, sizeof *job);
    job->path = path;
    leat_lock_take(&packer->lock);
    *packer->last = job;
    packer->last = &job->next;
    leat_cond_signal(&packer->news);
    leat_lock_give(&packer->lock);
}

/* "a-00000000000000000017.ndjson" of "a.ndjson", or "a-00000000000000000017_1.ndjson". */
static bool is_closed_name(const char *name, const char *stem, size_t stem_len, const char *ext)
{
    if (strncmp(name, stem, stem_len) != 0 || name[stem_len] != '-')
        return false;
    const char *digits = name + stem_len + 1;
    for (int i = 0; i < 20; i++)
        if (!isdigit((unsigned char)digits[i]))
            return false;
    const char *end = digits + 20;
    if (end[0] == '_' && isdigit((unsigned char)end[1]))
        end += 1 + strspn(end + 1, "0123456789");
    return strcmp(end, ext) == 0;
}

void packer_leftovers(struct packer *packer, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? leat_strndup(path, (size_t)(slash + 1 - path)) : leat_strdup("./");
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    const char *ext = dot && dot > name ? dot : "";
    size_t stem_len = strlen(name) - strlen(ext);
    DIR *listing = leat_os->opendir(dir);
    for (struct dirent *entry; listing && (entry = leat_os->readdir(listing));)
        if (is_closed_name(entry->d_name, name, stem_len, ext))
            packer_add(packer, leat_format_dup("%s%s", dir, entry->d_name));
    if (listing)
        leat_os->closedir(listing);
    free(dir);
}

void packer_stop(struct packer *packer)
{
    leat_lock_take(&packer->lock);
    packer->is_stopping = true;
    leat_cond_signal(&packer->news);
    leat_lock_give(&packer->lock);
}
