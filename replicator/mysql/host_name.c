#include <mysql/host_name.h>

#include <stdlib.h>
#include <string.h>

bool host_name_read(const char *item, int64_t preset_port, char *name, size_t size, int64_t *port)
{
    const char *end = item + strlen(item), *colon = strrchr(item, ':');
    bool has_brackets = item[0] == '[';
    *port = preset_port;
    if (has_brackets) {
        end = strchr(++item, ']');
        if (!end || (end[1] && end[1] != ':'))
            return false;
        colon = end[1] ? end + 1 : NULL;
    } else if (colon) {
        if (strchr(item, ':') != colon) /* an address of IPv6 is all colons */
            return false;
        end = colon;
    }
    if (colon) {
        char *after;
        *port = strtoll(colon + 1, &after, 10);
        if (colon[1] < '0' || colon[1] > '9' || *after || *port < 1 || *port > 65535)
            return false;
    }
    size_t len = (size_t)(end - item);
    if (len == 0 || len >= size)
        return false;
    memcpy(name, item, len);
    name[len] = '\0';
    return true;
}
