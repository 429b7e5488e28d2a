#include <mysql/greeting.h>

#include <base/clock.h>
#include <base/os.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static bool waits(int fd, short events, struct leat_time until)
{
    struct leat_time now = leat_now();
    int64_t left_ms = (until.ns - now.ns) / 1000000;
    struct pollfd poll = {.fd = fd, .events = events};
    return left_ms > 0 && leat_os->poll(&poll, 1, (int)(left_ms < 3600000 ? left_ms : 3600000)) > 0;
}

static int connect_to(const struct addrinfo *at, struct leat_time until)
{
    int fd = leat_os->socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    bool is_there = leat_os->connect(fd, at->ai_addr, at->ai_addrlen) == 0 || (errno == EINPROGRESS && waits(fd, POLLOUT, until));
    if (is_there)
        return fd;
    leat_os->close(fd);
    return -1;
}

/* Behind the server's version: capabilities, whose bit 11 is TLS. */
static bool read_tls(const unsigned char *packet, size_t len, bool *has_tls)
{
    enum { VERSION_AT = 5, TO_CAPABILITIES = 4 + 8 + 1, TLS = 0x08 };
    const unsigned char *end = len > VERSION_AT && packet[4] == 10 ? memchr(packet + VERSION_AT, 0, len - VERSION_AT) : NULL;
    if (!end || (size_t)(packet + len - end) < 1 + TO_CAPABILITIES + 2)
        return false;
    *has_tls = end[1 + TO_CAPABILITIES + 1] & TLS;
    return true;
}

static enum greeting read_greeting(int fd, struct leat_time until)
{
    unsigned char packet[512];
    size_t len = 0;
    while (len < sizeof packet) {
        bool has_tls;
        if (!waits(fd, POLLIN, until))
            return GREETING_SILENT;
        ssize_t got = leat_os->recv(fd, packet + len, sizeof packet - len, 0);
        if (got <= 0)
            return GREETING_NONE;
        len += (size_t)got;
        if (read_tls(packet, len, &has_tls))
            return has_tls ? GREETING_TLS : GREETING_PLAIN;
    }
    return GREETING_NONE;
}

enum greeting greeting_ask(const char *host, int64_t port, int64_t timeout_us)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    struct leat_time until = leat_after_us(timeout_us);
    enum greeting greeting = GREETING_NONE;
    char service[32];
    snprintf(service, sizeof service, "%lld", (long long)port);
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return GREETING_NONE;
    for (const struct addrinfo *at = found; at && greeting == GREETING_NONE; at = at->ai_next) {
        int fd = connect_to(at, until);
        if (fd < 0)
            continue;
        greeting = read_greeting(fd, until);
        leat_os->close(fd);
    }
    freeaddrinfo(found);
    return greeting;
}
