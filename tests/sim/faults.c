#include "life.h"

#include <errno.h>

#define HOUR_US ((int64_t)3600 * 1000000)

void life_pass(struct life *life, int64_t us)
{
    life->now_us += us;
    life->wall_us += us;
    for (uint32_t i = 0; i < life->site_count; i++)
        if (life->wall_us > life->sites[i].model.latest_us)
            life->sites[i].model.latest_us = life->wall_us;
}

/* Mostly a little; at times more than the timers of the log; at times the wall clock alone is set, by hours. */
void life_advance(struct life *life)
{
    life_pass(life, below(life, 20) ? below(life, 50000) : 11000000);
    if (below(life, 40))
        return;
    int64_t jump = (1 + (int64_t)below(life, 5)) * HOUR_US;
    life->wall_us += below(life, 2) ? jump : -jump;
    life_pass(life, 0);
    tell(life, "  the clock is set to %lld\n", (long long)life->wall_us);
}

static int want_of_room(struct life *life)
{
    return below(life, 3) ? ENOSPC : EDQUOT;
}

static void arm_full(struct life *life, uint32_t most)
{
    life->is_short_of_room = true;
    for (uint32_t i = 0; i < life->site_count; i++)
        life->sites[i].model.may_be_full = true;
    uint32_t kind = below(life, 4);
    if (kind == 0)
        sim_disk_fail_at(life->disk, 1 + below(life, most), want_of_room(life));
    else if (kind == 1)
        sim_disk_fail_from(life->disk, 1 + below(life, most), want_of_room(life));
    else
        sim_disk_room(life->disk, 1 + below(life, 40000), want_of_room(life));
}

static void arm_lie(struct life *life, uint32_t most)
{
    uint32_t writes = 1 + below(life, most / 2 + 1);
    bool is_lost = below(life, 2);
    tell(life, "  write %u from here %s\n", writes, is_lost ? "gets lost" : "goes astray");
    if (is_lost)
        sim_disk_lose_at(life->disk, writes);
    else
        sim_disk_stray_at(life->disk, writes);
}

void life_arm(struct life *life, uint32_t most)
{
    uint32_t kind = below(life, 20), calls = 1 + below(life, most);
    life_disarm(life);
    /* While one log opens, another one is not asked whether it was right to go on without what a lie took from it. */
    bool may_lie = life->lies && (life->site_count == 1 || life->sites[0].log);
    if (may_lie && below(life, 2))
        arm_lie(life, most);
    if (kind < 10)
        sim_disk_cut_at(life->disk, calls);
    else if (kind < 12)
        sim_disk_fail_at(life->disk, calls, EIO);
    else if (kind < 13)
        sim_disk_fail_from(life->disk, calls, EIO);
    else if (kind < 16)
        arm_full(life, most);
    else if (kind < 18)
        sim_disk_unread_at(life->disk, calls, life->has_bad_sector = below(life, 2));
    static const char *const names[] = {"power cut", "one call fails", "calls fail", "no room", "one read fails", "nothing"};
    tell(life, "  armed: %s, %u calls from here\n", names[kind < 10 ? 0 : kind < 12 ? 1 : kind < 13 ? 2 : kind < 16 ? 3 : kind < 18 ? 4 : 5], calls);
    life->may_stop = kind < 13;
    life->may_fail_reads = life->has_bad_sector || kind == 16 || kind == 17;
}

void life_disarm(struct life *life)
{
    sim_disk_mend(life->disk);
    life->may_stop = life->may_fail_reads = life->is_short_of_room = false;
}

void life_heal(struct life *life)
{
    sim_disk_heal(life->disk);
    life->has_bad_sector = false;
}

/* A log that is never synced is not promised to outlive the machine, or pages that cannot be written. */
void life_restart(struct life *life, bool may_lose_power)
{
    bool is_synced = true;
    for (uint32_t i = 0; i < life->site_count; i++)
        is_synced = is_synced && life->sites[i].config.settings.fsync != LEAT_FSYNC_NEVER;
    bool goes_down = may_lose_power && (is_synced || !below(life, 8)) && (sim_disk_is_off(life->disk) || below(life, 2));
    tell(life, "  restart of %s\n", goes_down ? "the machine" : "the process");
    sim_disk_restart(life->disk, goes_down);
    if (is_synced && life->lies) /* who asks the disk what it knows sees what a start sees */
        sim_disk_write_back(life->disk);
    if (is_synced && (life->lies || below(life, 2)))
        sim_disk_drop_pages(life->disk);
    if (sim_disk_has_lied(life->disk) || (goes_down && !is_synced))
        life->may_lack = true;
    if (life->may_lack)
        tell(life, "  the disk may lack what was acknowledged\n");
    life_disarm(life);
}
