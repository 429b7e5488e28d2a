#include <redis/memory.h>

#include <base/clock.h>
#include <base/hash.h>
#include <base/os.h>
#include <base/text.h>
#include <stdio.h>
#include <unistd.h>

void memory_name(struct memory *memory, char owner[LEAT_OWNER_MAX])
{
    char host[64] = "?", since[64];
    uint64_t nonce = 0;
    gethostname(host, sizeof host - 1);
    since[leat_text_time(since, leat_wall_us(), 6)] = '\0';
    if (!memory->me[0])
        snprintf(memory->me, sizeof memory->me, "leat on %s, pid %ld, since %s", host, (long)getpid(), since);
    leat_os_random(leat_os, &nonce, sizeof nonce);
    snprintf(owner, LEAT_OWNER_MAX, "%s (%016llx)", memory->me, (unsigned long long)nonce);
}

static uint64_t hash_of(const char *name)
{
    return leat_hash(name, strlen(name), 0);
}

/* Its place among the known ones, or where it would be; MEMORY_SPLITS: there is no room. */
static size_t find(const struct memory *memory, uint64_t split)
{
    size_t at = 0;
    while (at < MEMORY_SPLITS && memory->known[at].is_used && memory->known[at].split != split)
        at++;
    return at;
}

void memory_note(struct memory *memory, const char *split, const char *owner, uint64_t epoch)
{
    size_t at = find(memory, hash_of(split));
    if (at < MEMORY_SPLITS)
        memory->known[at] = (struct known){hash_of(split), hash_of(owner), epoch, true};
}

bool memory_takes(struct memory *memory, const char *split, const struct stored *found)
{
    uint64_t epoch = found->mark.owner_epoch;
    size_t at = find(memory, hash_of(split));
    const struct known *known = at < MEMORY_SPLITS && memory->known[at].is_used ? &memory->known[at] : NULL;
    bool is_ours = strncmp(found->owner, memory->me, strlen(memory->me)) == 0;
    bool is_newer = known && (epoch > known->epoch || (epoch == known->epoch && known->owner != hash_of(found->owner)));
    if (is_newer && !is_ours)
        return false;
    memory_note(memory, split, found->owner, epoch);
    return true;
}
