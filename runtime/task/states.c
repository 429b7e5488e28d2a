#include <task/states.h>

#define WAY(to) (1u << (to))

static const unsigned ways[] = {
    [LEAT_TASK_NEW] = WAY(LEAT_TASK_STARTING) | WAY(LEAT_TASK_STOPPED),
    [LEAT_TASK_STARTING] = WAY(LEAT_TASK_RUNNING) | WAY(LEAT_TASK_WAITING) |
                           WAY(LEAT_TASK_STOPPING) | WAY(LEAT_TASK_FAILED) | WAY(LEAT_TASK_FENCED),
    [LEAT_TASK_RUNNING] = WAY(LEAT_TASK_STARTING) | WAY(LEAT_TASK_WAITING) |
                          WAY(LEAT_TASK_STOPPING) | WAY(LEAT_TASK_DONE) | WAY(LEAT_TASK_FAILED) |
                          WAY(LEAT_TASK_FENCED),
    [LEAT_TASK_WAITING] = WAY(LEAT_TASK_STARTING) | WAY(LEAT_TASK_STOPPING),
    [LEAT_TASK_STOPPING] = WAY(LEAT_TASK_STOPPED) | WAY(LEAT_TASK_DONE) | WAY(LEAT_TASK_FAILED) |
                           WAY(LEAT_TASK_FENCED),
    [LEAT_TASK_STOPPED] = 0,
    [LEAT_TASK_DONE] = 0,
    [LEAT_TASK_FAILED] = 0,
    [LEAT_TASK_FENCED] = 0,
    [LEAT_TASK_PAUSED] = 0,
    [LEAT_TASK_ELSEWHERE] = 0,
    [LEAT_TASK_STALLED] = 0,
};

bool leat_task_may_go(enum leat_task_state from, enum leat_task_state to)
{
    return ways[from] & WAY(to);
}

const char *leat_task_state_name(enum leat_task_state state)
{
    static const char *const names[] = {"new",     "starting", "running", "waiting", "stopping",
                                        "stopped", "done",     "failed",  "fenced",
                                        "paused",  "elsewhere", "stalled"};
    return names[state];
}
