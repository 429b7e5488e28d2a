/* Every call that the file sink makes to write, sync, rename or cut fails once, and some in a row: with a full disk, half of a
 * write in; with a failing one. What opens the file afterwards finds each line once, over rotations. */
#include <kit/cmocka.h>
#include <kit/tmp.h>

#include <base/memory.h>
#include <base/os.h>
#include <errno.h>
#include <file/target.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SPLIT   7u
#define BATCHES 7u
#define LINES   3u /* of a batch */

static struct {
    unsigned calls, fail_from, fail_to; /* numbers of calls, from 1 */
    int error;
    unsigned lives;
} faults;

static bool fails(void)
{
    faults.calls++;
    errno = faults.error;
    return faults.calls >= faults.fail_from && faults.calls <= faults.fail_to;
}

static int faulty_open(const char *path, int flags, mode_t mode)
{
    return fails() ? -1 : leat_os_real.open(path, flags, mode);
}

static ssize_t faulty_pwrite(int fd, const void *from, size_t len, off_t at)
{
    if (!fails())
        return leat_os_real.pwrite(fd, from, len, at);
    leat_os_real.pwrite(fd, from, len / 2, at);
    errno = faults.error;
    return -1;
}

static ssize_t faulty_pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    if (!fails())
        return leat_os_real.pwritev(fd, parts, count, at);
    leat_os_real.pwrite(fd, parts[0].iov_base, parts[0].iov_len / 2, at);
    errno = faults.error;
    return -1;
}

static int faulty_fdatasync(int fd)
{
    (void)fd; /* no power is cut here */
    return fails() ? -1 : 0;
}

static int faulty_fsync(int fd)
{
    (void)fd;
    return fails() ? -1 : 0;
}

static int faulty_ftruncate(int fd, off_t len)
{
    return fails() ? -1 : leat_os_real.ftruncate(fd, len);
}

static int faulty_rename(const char *from, const char *to)
{
    return fails() ? -1 : leat_os_real.rename(from, to);
}

static enum leat_status add_batch(struct target *target, uint32_t batch, struct leat_bytes *lines, struct leat_error *err)
{
    enum leat_status status = LEAT_OK;
    for (uint32_t i = 0; status == LEAT_OK && i < LINES; i++) {
        uint32_t number = batch * LINES + i;
        struct leat_cursor cursor = {.len = 1, .bytes = {(uint8_t)(number + 1)}};
        struct target_slice slice = {.at = lines->len};
        if (!target_wants(target, SPLIT, &cursor))
            continue;
        /* shorter in each life, so that what a life before it left half-written is not just written over */
        leat_bytes_printf(lines, "line %02u%.*s\n", number, (int)(3 - faults.lives % 4), "***");
        slice.len = lines->len - slice.at;
        status = target_add(target, SPLIT, &cursor, number, slice, err);
    }
    return status;
}

static enum leat_status settle(struct target *target, uint8_t *bytes, struct leat_error *err)
{
    target_freeze(target, false);
    enum leat_status status = target_write(target, bytes, err);
    if (status == LEAT_OK)
        status = target_sync(target, err);
    if (status == LEAT_OK)
        status = target_mark(target, err);
    return status == LEAT_OK ? target_mark_sync(target, err) : status;
}

/* One life of the sink, from the first batch that is not settled: settles each, closes the file before every third. */
static enum leat_status live(const char *path, uint32_t *settled, struct leat_error *err)
{
    struct target *target = target_new(path);
    struct leat_bytes lines;
    leat_bytes_init(&lines, 1 << 16);
    enum leat_status status = target_open(target, "archive", NULL, 0, err);
    while (status == LEAT_OK && *settled < BATCHES) {
        char *closed = NULL;
        leat_bytes_clear(&lines);
        if (*settled % 3 == 2 && target->mark.size > 0)
            status = target_rotate(target, lines.data, &closed, err);
        free(closed);
        if (status == LEAT_OK)
            status = add_batch(target, *settled, &lines, err);
        if (status == LEAT_OK)
            status = settle(target, lines.data, err);
        *settled += status == LEAT_OK;
    }
    leat_bytes_fini(&lines);
    target_free(target);
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static uint32_t expect_lines(const char *path, uint32_t number)
{
    char *text, wanted[16];
    size_t len;
    assert_true(leat_os_read_file(&leat_os_real, path, 4096, &text, &len));
    assert_true(len == 0 || text[len - 1] == '\n');
    for (char *at = text, *line; (line = strsep(&at, "\n")) && at;) {
        snprintf(wanted, sizeof wanted, "line %02u", number++);
        assert_memory_equal(line, wanted, strlen(wanted));
        assert_int_equal(strspn(line + strlen(wanted), "*"), strlen(line) - strlen(wanted));
    }
    free(text);
    return number;
}

/* Closed files in the order of their names, then the open one. */
static void expect_each_line_once(const char *dir, const char *path)
{
    char *names[64];
    size_t count = 0;
    uint32_t number = 0;
    DIR *listing = opendir(dir);
    for (struct dirent *entry; (entry = readdir(listing));)
        if (strstr(entry->d_name, "all-") == entry->d_name)
            names[count++] = leat_format_dup("%s/%s", dir, entry->d_name);
    closedir(listing);
    qsort(names, count, sizeof *names, by_name);
    names[count++] = leat_strdup(path);
    for (size_t i = 0; i < count; i++) {
        number = expect_lines(names[i], number);
        free(names[i]);
    }
    assert_int_equal(number, BATCHES * LINES);
}

/* Runs to the end, over as many lives as it takes; answers how many there were. */
static unsigned run_with_faults(unsigned from, unsigned count, int error)
{
    struct leat_error err;
    char *dir = kit_tmp_dir("faults"), *path = leat_format_dup("%s/all.ndjson", dir);
    uint32_t settled = 0;
    enum leat_status status;
    faults.calls = faults.lives = 0;
    faults.fail_from = from;
    faults.fail_to = from + count - 1;
    faults.error = error;
    while ((status = live(path, &settled, &err)) != LEAT_OK) {
        assert_int_equal(status, error == ENOSPC ? LEAT_RETRY : LEAT_STOP);
        assert_true(++faults.lives < 100);
    }
    expect_each_line_once(dir, path);
    free(path);
    kit_tmp_remove(dir);
    return faults.lives;
}

static void each_line_is_there_once_whatever_fails(void **state)
{
    (void)state;
    struct leat_os os = leat_os_real;
    os.open = faulty_open;
    os.pwrite = faulty_pwrite;
    os.pwritev = faulty_pwritev;
    os.fdatasync = faulty_fdatasync;
    os.fsync = faulty_fsync;
    os.ftruncate = faulty_ftruncate;
    os.rename = faulty_rename;
    leat_os = &os;
    for (unsigned count = 1; count <= 4; count++)
        for (int full = 0; full < 2; full++) {
            unsigned from = 1;
            while (run_with_faults(from, count, full ? ENOSPC : EIO) > 0)
                from++;
            assert_true(from > 40); /* so many calls there are */
        }
    leat_os = &leat_os_real;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_there_once_whatever_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
