/* sim_inside.h - the simulated disk's inside: sim_disk.c (what is on it, how it fails), sim_calls.c (the calls). */
#ifndef LEAT_KIT_SIM_INSIDE_H
#define LEAT_KIT_SIM_INSIDE_H

#include <errno.h>
#include <kit/random.h>
#include <kit/sim_disk.h>

#define FD_FIRST (1 << 20) /* no descriptor of the kernel's */
#define FDS_MOST 64
#define SECTOR ((uint64_t)512)
#define PAGE_SECTORS 8

enum sector_state { CLEAN = 0, DIRTY, LOST }; /* lost: dirty, and what takes it to the platter will only say so */

struct inode {
    struct inode *next; /* of all that ever were */
    bool is_dir, is_locked;
    uint64_t size, disk_size; /* in cache; on the platter */
    uint8_t *cache, *disk;    /* cap bytes; zeros behind the size */
    uint8_t *sectors;         /* enum sector_state of each */
    uint8_t *stale;           /* those that no sync brings to the platter until their page is dropped */
    uint64_t dirty_from, dirty_to; /* sectors outside of these are clean */
    uint64_t cap;             /* a multiple of SECTOR */
    uint64_t unread_from, unread_to; /* sectors that cannot be read */
};

struct name {
    char *path;
    struct inode *inode;
};

struct names {
    struct name *items;
    size_t count;
};

enum change_kind { CREATE, RENAME, UNLINK };

struct change { /* of a directory that was not synced since */
    enum change_kind kind;
    char *path, *from;
    struct inode *inode;
};

struct handle {
    struct inode *inode;
    char *path;
    uint64_t at;
    bool has_lock, is_direct;
};

struct sim_disk {
    struct kit_random random, chance; /* what the disk does; what getrandom() gives */
    struct inode *inodes;
    struct names cached, lasting;
    struct change *changes;
    size_t change_count;
    struct handle handles[FDS_MOST];
    uint32_t cut_in, fail_in, lose_in, stray_in, unread_in; /* calls; 0: not */
    int fail_with, full_with;
    bool fails_on, is_failing, reads_never, is_off, has_lied;
    uint64_t room; /* bytes; 0: no end */
};

extern struct sim_disk *sim_disk; /* the one in use */

/* sim_disk.c */
struct inode *names_find(const struct names *names, const char *path);
void note(enum change_kind kind, const char *path, const char *from, struct inode *inode);
bool is_child(const char *dir, const char *path);
void settle_names(const char *dir, uint32_t chance); /* changes in `dir` (NULL: all) last, each by `chance` of 100 */
void settle_content(struct inode *inode, uint32_t chance);
void settle_failed(struct inode *inode, uint32_t chance); /* of a sync that fails */
uint32_t any_chance(void);
struct inode *inode_new(bool is_dir);
void inode_resize(struct inode *inode, uint64_t size);
void inode_drop_pages(struct inode *inode); /* clean ones: then the platter shows */
ssize_t inode_put(struct inode *inode, const void *from, size_t len, uint64_t at);

enum fault { GO_ON, FAIL, CUT }; /* CUT: do it, then fail */
enum fault strike(bool takes_room);     /* one more call that changes something; errno */
bool strike_write(struct inode *inode, const void *from, size_t len, uint64_t at); /* true: it was put where it does not belong */
bool strike_read(struct inode *inode, uint64_t from, uint64_t to); /* false: errno */
bool has_room(uint64_t more);           /* false: errno */
uint64_t sim_used(void);

#endif
