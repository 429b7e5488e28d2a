/* bench_redis - plain pipelined XADD by hiredis: what the redis sink is measured against.
 *
 *   bench_redis PORT FILE    each line of FILE becomes XADD plain * value LINE; prints {"rows", "seconds"}
 */
// packages: hiredis
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOW 1000 /* requests in one write; 100 gives 90 % of it */

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void take(redisContext *redis, unsigned count)
{
    for (void *reply; count > 0; count--) {
        if (redisGetReply(redis, &reply) != REDIS_OK || ((redisReply *)reply)->type != REDIS_REPLY_STRING) {
            fprintf(stderr, "bench_redis: %s\n", redis->err ? redis->errstr : "an answer that is no id");
            exit(1);
        }
        freeReplyObject(reply);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    redisContext *redis = redisConnect("127.0.0.1", atoi(argv[1]));
    FILE *file = fopen(argv[2], "r");
    char *line = NULL;
    size_t room = 0;
    unsigned long rows = 0;
    unsigned waiting = 0;
    if (!redis || redis->err || !file)
        return 1;
    double begin = now();
    for (ssize_t len; (len = getline(&line, &room, file)) > 0; rows++) {
        const char *words[] = {"XADD", "plain", "*", "value", line};
        const size_t lens[] = {4, 5, 1, 5, (size_t)len - 1};
        redisAppendCommandArgv(redis, 5, words, lens);
        if (++waiting == 2 * WINDOW) { /* half of them are answered while the other half is on its way */
            take(redis, WINDOW);
            waiting -= WINDOW;
        }
    }
    take(redis, waiting);
    printf("{\"rows\": %lu, \"seconds\": %.6f}\n", rows, now() - begin);
    free(line);
    fclose(file);
    redisFree(redis);
    return 0;
}
