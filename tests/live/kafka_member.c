/* kafka_member BROKERS NAMESPACE INSTANCE SESSION_MS - a member of a group that shares slots, without tasks.
 *
 * Prints a line for each change, "slots HEX kept|lost", and lets go of slots at once, but of those that it was told to keep
 * busy: a line "busy HEX" on its standard input. "leave" leaves; the end of the input closes. */
#include <base/clock.h>
#include <base/os.h>
#include <kafka/member.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int look(struct leat_coordinator *member, uint64_t *slots)
{
    struct leat_holding holding;
    struct leat_error err;
    if (kafka_member_look(member, &holding, &err) != LEAT_OK) {
        printf("over %s\n", err.text);
        return 1;
    }
    if (holding.slots != *slots)
        printf("slots %016llx %s\n", (unsigned long long)holding.slots, holding.is_lost ? "lost" : "kept");
    *slots = holding.slots;
    return 0;
}

static void follow(struct leat_coordinator *member)
{
    struct pollfd fds[2] = {{.fd = kafka_member_fd(member), .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    uint64_t slots = 0, busy = 0;
    char line[64];
    while (look(member, &slots) == 0) {
        kafka_member_tell(member, busy);
        poll(fds, 2, -1);
        if (!fds[1].revents)
            continue;
        ssize_t len = read(STDIN_FILENO, line, sizeof line - 1);
        if (len <= 0)
            return;
        line[len] = 0;
        if (strncmp(line, "busy ", 5) == 0)
            busy = strtoull(line + 5, NULL, 16);
        else if (strncmp(line, "leave", 5) == 0)
            kafka_member_leave(member);
    }
}

int main(int argc, char **argv)
{
    struct leat_error err;
    struct leat_coordinator *member;
    if (argc != 5)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct kafka_access access = {.brokers = argv[1]};
    struct kafka_group group = {.access = &access, .namespace = argv[2], .replication = 1};
    struct leat_coordinator_config config = {.instance = argv[3], .session_us = strtoll(argv[4], NULL, 10) * 1000};
    if (kafka_member_open(&group, &config, &member, &err) != LEAT_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    follow(member);
    kafka_member_close(member);
    puts("closed");
    return 0;
}
