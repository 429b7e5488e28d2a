#include <admin/listen.h>

#include <base/memory.h>
#include <base/os.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define BACKLOG 64

static int failed(int fd, const char *where, struct leat_error *err)
{
    leat_fail(err, LEAT_STOP, "cannot listen on %s: %s", where, strerror(errno));
    if (fd >= 0)
        leat_os->close(fd);
    return -1;
}

int leat_listen_unix(const char *data_dir, struct leat_error *err)
{
    char *path = leat_format_dup("%s/admin.sock", data_dir);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int dir = leat_os->open(data_dir, O_RDONLY | O_DIRECTORY, 0);
    if (strlen(path) < sizeof address.sun_path)
        snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    else
        snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/admin.sock", dir);
    leat_os->unlink(path);
    int fd = leat_os->socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || dir < 0 || leat_os->bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        leat_os->chmod(path, 0660) != 0 || leat_os->listen(fd, BACKLOG) != 0)
        fd = failed(fd, path, err);
    if (dir >= 0)
        leat_os->close(dir);
    free(path);
    return fd;
}

/* "[::1]:8083" -> "::1", "8083"; false where there is no port. */
static bool split_host(const char *where, char *host, size_t host_size, const char **port)
{
    const char *colon = strrchr(where, ':');
    if (!colon || !colon[1])
        return false;
    const char *from = where, *to = colon;
    if (*from == '[' && to > from && to[-1] == ']') {
        from++;
        to--;
    }
    if ((size_t)(to - from) >= host_size)
        return false;
    memcpy(host, from, (size_t)(to - from));
    host[to - from] = '\0';
    *port = colon + 1;
    return true;
}

static int listen_at(const struct addrinfo *at)
{
    int one = 1;
    int fd = leat_os->socket(at->ai_family, at->ai_socktype, at->ai_protocol);
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

int leat_listen_tcp(const char *where, struct leat_error *err)
{
    char host[256];
    const char *port;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    if (!split_host(where, host, sizeof host, &port)) {
        leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "admin: \"%s\" is no HOST:PORT", where);
        return -1;
    }
    int failure = getaddrinfo(host[0] ? host : NULL, port, &hints, &found);
    if (failure) {
        leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "admin: %s: %s", where, gai_strerror(failure));
        return -1;
    }
    int fd = listen_at(found);
    freeaddrinfo(found);
    return fd < 0 ? failed(-1, where, err) : fd;
}
