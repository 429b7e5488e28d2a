#include <http/address.h>

#include <base/os.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#define BACKLOG 128

/* "[::1]:8090" -> "::1", "8090". */
static bool split(const char *where, char host[256], const char **port)
{
    const char *colon = strrchr(where, ':');
    if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5)
        return false;
    const char *from = where, *to = colon;
    if (*from == '[' && to > from + 1 && to[-1] == ']') {
        from++;
        to--;
    }
    if (to - from >= 256)
        return false;
    memcpy(host, from, (size_t)(to - from));
    host[to - from] = '\0';
    *port = colon + 1;
    return true;
}

enum leat_status http_address_check(const char *where, struct leat_error *err)
{
    char host[256];
    const char *port;
    return split(where, host, &port)
               ? LEAT_OK
               : leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                              "listen: \"%s\" is no HOST:PORT; write it like 127.0.0.1:8090", where);
}

static int listen_at(const struct addrinfo *at)
{
    int one = 1;
    int fd = leat_os->socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (leat_os->bind(fd, at->ai_addr, at->ai_addrlen) == 0 && leat_os->listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    leat_os->close(fd);
    errno = error;
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return 0;
    return at.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&at)->sin6_port)
                                    : ntohs(((struct sockaddr_in *)&at)->sin_port);
}

int http_listen(const char *where, uint16_t *port, struct leat_error *err)
{
    char host[256];
    const char *service;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    if (!split(where, host, &service)) {
        http_address_check(where, err);
        return -1;
    }
    int failure = getaddrinfo(host[0] ? host : NULL, service, &hints, &found);
    if (failure) {
        leat_fail(err, LEAT_RETRY, "http: %s: %s", where, gai_strerror(failure));
        return -1;
    }
    int fd = listen_at(found);
    if (fd < 0)
        leat_fail(err, LEAT_RETRY, "http: cannot listen on %s: %s", where, strerror(errno));
    else
        *port = port_of(fd);
    freeaddrinfo(found);
    return fd;
}
