#include <kafka/owner.h>

#include <base/clock.h>
#include <base/os.h>
#include <base/thread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define OWNER_MOST 200

static struct leat_lock lock = LEAT_LOCK("kafka owner", LEAT_RANK_INTERN);
static char owner[OWNER_MOST];

static void make_owner(void)
{
    char host[65] = "?", since[32];
    uint64_t id = 0;
    time_t now = (time_t)(leat_wall_us() / 1000000);
    struct tm tm;
    gethostname(host, sizeof host - 1);
    strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    leat_os_random(leat_os, &id, sizeof id);
    snprintf(owner, sizeof owner, "leat on %s, pid %d, since %s (%016llx)", host, (int)getpid(), since,
             (unsigned long long)id);
}

const char *kafka_owner(void)
{
    leat_lock_take(&lock);
    if (!owner[0])
        make_owner();
    leat_lock_give(&lock);
    return owner;
}
