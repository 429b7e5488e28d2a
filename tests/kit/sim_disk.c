#include <kit/sim_inside.h>

#include <base/assert.h>
#include <base/crc32c.h>
#include <base/memory.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MOST ((uint64_t)1 << 30)

struct sim_disk *sim_disk;

/* ---- names ---- */

struct inode *names_find(const struct names *names, const char *path)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i].path, path) == 0)
            return names->items[i].inode;
    return NULL;
}

static void names_remove(struct names *names, const char *path)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i].path, path) == 0) {
            free(names->items[i].path);
            names->items[i] = names->items[--names->count];
            return;
        }
    }
}

static void names_set(struct names *names, const char *path, struct inode *inode)
{
    names_remove(names, path);
    names->items = leat_realloc(names->items, (names->count + 1) * sizeof *names->items);
    names->items[names->count++] = (struct name){leat_strdup(path), inode};
}

static void names_clear(struct names *names)
{
    while (names->count > 0)
        free(names->items[--names->count].path);
    free(names->items);
    names->items = NULL;
}

static void apply(struct names *names, const struct change *change)
{
    if (change->kind == UNLINK) {
        names_remove(names, change->path);
        return;
    }
    if (change->kind == RENAME)
        names_remove(names, change->from);
    names_set(names, change->path, change->inode);
}

void note(enum change_kind kind, const char *path, const char *from, struct inode *inode)
{
    sim_disk->changes = leat_realloc(sim_disk->changes, (sim_disk->change_count + 1) * sizeof *sim_disk->changes);
    struct change *change = &sim_disk->changes[sim_disk->change_count++];
    *change = (struct change){kind, leat_strdup(path), from ? leat_strdup(from) : NULL, inode};
    apply(&sim_disk->cached, change);
}

bool is_child(const char *dir, const char *path)
{
    size_t len = strlen(dir);
    return strncmp(dir, path, len) == 0 && path[len] == '/' && !strchr(path + len + 1, '/');
}

void settle_names(const char *dir, uint32_t chance)
{
    size_t kept = 0;
    for (size_t i = 0; i < sim_disk->change_count; i++) {
        struct change *change = &sim_disk->changes[i];
        if (dir && !is_child(dir, change->path)) {
            sim_disk->changes[kept++] = *change;
            continue;
        }
        if (kit_below(&sim_disk->random, 100) < chance)
            apply(&sim_disk->lasting, change);
        free(change->path);
        free(change->from);
    }
    sim_disk->change_count = kept;
}

/* ---- content ---- */

/* A fault that strikes at the n-th call. */
static bool is_now(uint32_t *in)
{
    return *in > 0 && --*in == 0;
}

struct inode *inode_new(bool is_dir)
{
    struct inode *inode = leat_calloc(1, sizeof *inode);
    inode->is_dir = is_dir;
    inode->next = sim_disk->inodes;
    sim_disk->inodes = inode;
    return inode;
}

static void reserve(struct inode *inode, uint64_t size)
{
    leat_assert(size < SIZE_MOST); /* no log of a test is that long */
    if (size <= inode->cap)
        return;
    uint64_t cap = inode->cap ? inode->cap : SECTOR;
    while (cap < size)
        cap *= 2;
    inode->cache = leat_realloc(inode->cache, cap);
    inode->disk = leat_realloc(inode->disk, cap);
    inode->sectors = leat_realloc(inode->sectors, cap / SECTOR);
    inode->stale = leat_realloc(inode->stale, cap / SECTOR);
    memset(inode->cache + inode->cap, 0, cap - inode->cap);
    memset(inode->disk + inode->cap, 0, cap - inode->cap);
    memset(inode->sectors + inode->cap / SECTOR, CLEAN, (cap - inode->cap) / SECTOR);
    memset(inode->stale + inode->cap / SECTOR, false, (cap - inode->cap) / SECTOR);
    inode->cap = cap;
}

static void mark(struct inode *inode, uint64_t from, uint64_t to, enum sector_state state)
{
    uint64_t first = from / SECTOR, end = (to + SECTOR - 1) / SECTOR;
    if (from >= to)
        return;
    memset(inode->sectors + first, (int)state, end - first);
    bool was_clean = inode->dirty_from >= inode->dirty_to;
    inode->dirty_from = was_clean || first < inode->dirty_from ? first : inode->dirty_from;
    inode->dirty_to = was_clean || end > inode->dirty_to ? end : inode->dirty_to;
}

void inode_resize(struct inode *inode, uint64_t size)
{
    reserve(inode, size);
    if (size < inode->size) {
        memset(inode->cache + size, 0, inode->size - size);
        memset(inode->stale + (size + SECTOR - 1) / SECTOR, false, (inode->cap - size) / SECTOR);
        mark(inode, size, inode->size, is_now(&sim_disk->lose_in) ? LOST : DIRTY);
    }
    inode->size = size;
}

ssize_t inode_put(struct inode *inode, const void *from, size_t len, uint64_t at)
{
    uint64_t end = at + len;
    if (len == 0)
        return 0;
    reserve(inode, end);
    bool is_lost = strike_write(inode, from, len, at);
    memcpy(inode->cache + at, from, len);
    mark(inode, at, end, is_lost ? LOST : DIRTY);
    if (end > inode->size)
        inode->size = end;
    return (ssize_t)len;
}

/* Of an extent that was never written: zeros. */
static bool is_unwritten(const struct inode *inode, uint64_t at)
{
    uint64_t first = at / PAGE_SECTORS * PAGE_SECTORS * SECTOR;
    for (uint64_t i = first; i < inode->cap && i < first + PAGE_SECTORS * SECTOR; i++)
        if (inode->disk[i])
            return false;
    return true;
}

/* As ext4 does it: where a place was preallocated and its first write fails, the page can be written again, and synced with
 * OK, and the platter keeps zeros; until the page is dropped. */
static void settle_sector(struct inode *inode, uint64_t at, uint32_t chance, bool is_failing)
{
    uint8_t *disk = inode->disk + at * SECTOR, *cache = inode->cache + at * SECTOR;
    bool is_lost = inode->sectors[at] == LOST;
    bool comes = kit_below(&sim_disk->random, 100) < chance;
    if (!comes && is_failing && is_unwritten(inode, at))
        inode->stale[at] = true;
    if (!comes || inode->stale[at])
        return;
    if (is_lost)
        sim_disk->has_lied = sim_disk->has_lied || memcmp(disk, cache, SECTOR) != 0;
    else
        memcpy(disk, cache, SECTOR);
    if (at >= inode->unread_from && at < inode->unread_to) /* written anew, it can be read again */
        inode->unread_to = at;
}

/* What is dirty comes to the platter, each sector by `chance` of 100. */
static void settle(struct inode *inode, uint32_t chance, bool is_failing)
{
    for (uint64_t at = inode->dirty_from; at < inode->dirty_to; at++) {
        if (inode->sectors[at] != CLEAN)
            settle_sector(inode, at, chance, is_failing);
        inode->sectors[at] = CLEAN;
    }
    inode->dirty_from = inode->dirty_to = 0;
    if (inode->disk_size == inode->size || kit_below(&sim_disk->random, 100) >= chance)
        return;
    if (inode->disk_size > inode->size)
        memset(inode->disk + inode->size, 0, inode->cap - inode->size);
    inode->disk_size = inode->size;
}

void settle_content(struct inode *inode, uint32_t chance)
{
    settle(inode, chance, false);
}

void settle_failed(struct inode *inode, uint32_t chance)
{
    settle(inode, chance, true);
}

uint32_t any_chance(void)
{
    static const uint32_t chances[] = {0, 10, 50, 90, 100};
    return chances[kit_below(&sim_disk->random, 5)];
}

/* ---- faults ---- */

uint64_t sim_used(void)
{
    uint64_t used = 0;
    for (size_t i = 0; i < sim_disk->cached.count; i++)
        used += (sim_disk->cached.items[i].inode->size + 2 * SECTOR - 1) / SECTOR * SECTOR; /* with its name */
    return used;
}

bool has_room(uint64_t more)
{
    if (sim_disk->room == 0 || sim_used() + more <= sim_disk->room)
        return true;
    errno = sim_disk->full_with;
    return false;
}

enum fault strike(bool takes_room)
{
    if (sim_disk->is_off) {
        errno = EIO;
        return FAIL;
    }
    if (is_now(&sim_disk->cut_in)) {
        sim_disk->is_off = true;
        errno = EIO;
        return kit_below(&sim_disk->random, 2) ? CUT : FAIL;
    }
    bool is_meant = takes_room || (sim_disk->fail_with != ENOSPC && sim_disk->fail_with != EDQUOT);
    if (is_meant && (is_now(&sim_disk->fail_in) || sim_disk->is_failing)) {
        sim_disk->is_failing = sim_disk->fails_on;
        errno = sim_disk->fail_with;
        return FAIL;
    }
    return GO_ON;
}

/* Some file's platter, from some sector on, takes what was written. */
static void put_astray(struct inode *inode, const uint8_t *from, size_t len)
{
    const struct names *names = &sim_disk->cached;
    struct inode *other = kit_below(&sim_disk->random, 2) ? inode : names->items[kit_below(&sim_disk->random, (uint32_t)names->count)].inode;
    if (other->is_dir || other->disk_size < SECTOR)
        return;
    uint64_t at = kit_below(&sim_disk->random, (uint32_t)(other->disk_size / SECTOR)) * SECTOR;
    uint64_t most = other->disk_size - at;
    size_t put = len < most ? len : (size_t)most;
    sim_disk->has_lied = sim_disk->has_lied || memcmp(other->disk + at, from, put) != 0;
    memcpy(other->disk + at, from, put);
}

bool strike_write(struct inode *inode, const void *from, size_t len, uint64_t at)
{
    (void)at;
    if (is_now(&sim_disk->lose_in))
        return true;
    if (!is_now(&sim_disk->stray_in))
        return false;
    put_astray(inode, from, len);
    return true;
}

bool strike_read(struct inode *inode, uint64_t from, uint64_t to)
{
    errno = EIO;
    if (is_now(&sim_disk->unread_in)) {
        if (!sim_disk->reads_never)
            return false;
        inode->unread_from = from / SECTOR + kit_below(&sim_disk->random, (uint32_t)((to - from) / SECTOR) + 1);
        inode->unread_to = inode->unread_from + 1;
    }
    return to <= inode->unread_from * SECTOR || from >= inode->unread_to * SECTOR;
}

/* ---- life ---- */

struct sim_disk *sim_disk_new(uint64_t seed)
{
    leat_assert(!sim_disk);
    sim_disk = leat_calloc(1, sizeof *sim_disk);
    sim_disk->random.state = seed;
    sim_disk->chance.state = ~seed;
    note(CREATE, "/d", NULL, inode_new(true));
    settle_names(NULL, 100);
    return sim_disk;
}

void sim_disk_free(struct sim_disk *old)
{
    leat_assert(old == sim_disk);
    settle_names(NULL, 0);
    free(sim_disk->changes);
    names_clear(&sim_disk->cached);
    names_clear(&sim_disk->lasting);
    for (struct inode *inode = sim_disk->inodes, *next; inode; inode = next) {
        next = inode->next;
        free(inode->cache);
        free(inode->disk);
        free(inode->sectors);
        free(inode->stale);
        free(inode);
    }
    free(sim_disk);
    sim_disk = NULL;
}

void sim_disk_cut_at(struct sim_disk *of, uint32_t calls)
{
    of->cut_in = calls;
}

void sim_disk_fail_at(struct sim_disk *of, uint32_t calls, int error)
{
    of->fail_in = calls;
    of->fail_with = error;
    of->fails_on = of->is_failing = false;
}

void sim_disk_fail_from(struct sim_disk *of, uint32_t calls, int error)
{
    sim_disk_fail_at(of, calls, error);
    of->fails_on = true;
}

void sim_disk_mend(struct sim_disk *of)
{
    of->cut_in = of->fail_in = of->lose_in = of->stray_in = of->unread_in = 0;
    of->is_failing = of->fails_on = false;
    of->room = 0;
}

void sim_disk_lose_at(struct sim_disk *of, uint32_t writes)
{
    of->lose_in = writes;
}

void sim_disk_stray_at(struct sim_disk *of, uint32_t writes)
{
    of->stray_in = writes;
}

void sim_disk_unread_at(struct sim_disk *of, uint32_t reads, bool for_ever)
{
    of->unread_in = reads;
    of->reads_never = for_ever;
}

void sim_disk_heal(struct sim_disk *of)
{
    for (struct inode *inode = of->inodes; inode; inode = inode->next)
        inode->unread_from = inode->unread_to = 0;
}

void sim_disk_room(struct sim_disk *of, uint64_t bytes, int error)
{
    of->room = bytes > 0 ? sim_used() + bytes : 0;
    of->full_with = error;
}

bool sim_disk_has_lied(const struct sim_disk *of)
{
    return of->has_lied;
}

bool sim_disk_is_off(const struct sim_disk *of)
{
    return of->is_off;
}

static bool has_parent(const struct names *names, const char *path)
{
    char *parent = leat_strndup(path, (size_t)(strrchr(path, '/') - path));
    bool is_there = parent[0] == '\0' || names_find(names, parent);
    free(parent);
    return is_there;
}

/* What stood in a directory that is lost is lost with it. */
static void drop_unreachable(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        if (!has_parent(names, names->items[i].path)) {
            names_remove(names, names->items[i].path);
            i = (size_t)-1; /* others may have hung on it */
        }
    }
}

static void lose_cache(void)
{
    settle_names(NULL, any_chance());
    drop_unreachable(&sim_disk->lasting);
    for (size_t i = 0; i < sim_disk->lasting.count; i++) {
        struct inode *inode = sim_disk->lasting.items[i].inode;
        settle_content(inode, any_chance());
        inode->size = inode->disk_size;
        if (inode->cap > 0)
            memset(inode->stale, false, inode->cap / SECTOR);
        if (inode->cap > 0)
            memcpy(inode->cache, inode->disk, inode->cap);
    }
    names_clear(&sim_disk->cached);
    sim_disk->cached.count = 0;
    for (size_t i = 0; i < sim_disk->lasting.count; i++)
        names_set(&sim_disk->cached, sim_disk->lasting.items[i].path, sim_disk->lasting.items[i].inode);
}

void inode_drop_pages(struct inode *inode)
{
    for (uint64_t at = 0; at * SECTOR < inode->cap; at++) {
        if (inode->sectors[at] != CLEAN)
            continue;
        memcpy(inode->cache + at * SECTOR, inode->disk + at * SECTOR, SECTOR);
        inode->stale[at] = false;
    }
}

void sim_disk_write_back(struct sim_disk *of)
{
    leat_assert(of == sim_disk);
    for (size_t i = 0; i < sim_disk->cached.count; i++)
        settle_content(sim_disk->cached.items[i].inode, 100);
}

void sim_disk_drop_pages(struct sim_disk *of)
{
    leat_assert(of == sim_disk);
    for (size_t i = 0; i < sim_disk->cached.count; i++)
        inode_drop_pages(sim_disk->cached.items[i].inode);
}

void sim_disk_restart(struct sim_disk *of, bool machine_went_down)
{
    leat_assert(of == sim_disk);
    for (int fd = 0; fd < FDS_MOST; fd++)
        if (of->handles[fd].inode)
            sim_disk_os()->close(FD_FIRST + fd);
    if (machine_went_down)
        lose_cache();
    of->is_off = of->is_failing = of->fails_on = false;
    of->cut_in = of->fail_in = 0;
}

bool sim_disk_rot(struct sim_disk *of, const char *path, uint64_t at, uint8_t bits)
{
    struct inode *inode = names_find(&of->cached, path);
    if (!inode || at >= inode->size)
        return false;
    inode->cache[at] ^= bits;
    inode->disk[at] ^= bits;
    return true;
}

void sim_disk_each(const struct sim_disk *of, sim_disk_file_f *each, void *arg)
{
    for (size_t i = 0; i < of->cached.count; i++) {
        const struct inode *inode = of->cached.items[i].inode;
        if (!inode->is_dir)
            each(arg, of->cached.items[i].path, inode->cache, inode->size);
    }
}

static uint32_t digest_names(uint32_t crc, const struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct inode *inode = names->items[i].inode;
        crc = leat_crc32c(crc, names->items[i].path, strlen(names->items[i].path));
        crc = leat_crc32c(crc, &inode->size, sizeof inode->size);
        crc = leat_crc32c(crc, inode->cache, inode->cap);
        crc = leat_crc32c(crc, inode->disk, inode->cap);
    }
    return crc;
}

uint32_t sim_disk_digest(const struct sim_disk *of)
{
    return digest_names(digest_names(0, &of->cached), &of->lasting);
}
