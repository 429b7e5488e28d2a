#include <oms/access.h>

#include <ctype.h>

#define PREFIX "oms:"
#define FORM "oms:DRIVER://[ACCOUNT@]HOST[:PORT][,HOST[:PORT]]/REGION"

/* Copies one part of the URL where it fits. */
static bool take(char *to, size_t room, const char *from, size_t len)
{
    if (len >= room)
        return false;
    memcpy(to, from, len);
    to[len] = '\0';
    return true;
}

static enum leat_status too_long(struct leat_error *err, const char *text, const char *part, size_t room)
{
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                        "access point \"%.80s\": %s is longer than %zu bytes", text, part, room - 1);
}

static bool is_name(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) && text[i] != '_' && text[i] != '-')
            return false;
    return len > 0;
}

/* host[:port], where a host may be an IPv6 address in brackets. */
static bool is_host(const char *text, size_t len)
{
    const char *end = text + len, *p = text;
    if (p < end && *p == '[') {
        p = memchr(p, ']', len);
        if (!p || p == text + 1)
            return false;
        p++;
    } else {
        while (p < end && (isalnum((unsigned char)*p) || *p == '.' || *p == '-' || *p == '_'))
            p++;
        if (p == text)
            return false;
    }
    if (p == end)
        return true;
    unsigned long port = 0;
    if (*p++ != ':' || p == end)
        return false;
    for (; p < end && port <= 65535; p++) {
        if (!isdigit((unsigned char)*p))
            return false;
        port = port * 10 + (unsigned long)(*p - '0');
    }
    return port > 0 && port <= 65535;
}

/* The specification's own example has a space behind the comma. */
static enum leat_status parse_hosts(const char *text, const char *from, size_t len, struct leat_url *url,
                                    struct leat_error *err)
{
    const char *end = from + len;
    size_t at = 0;
    for (const char *p = from; p <= end; p++) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        while (p > from && *p == ' ')
            p++;
        size_t part = (size_t)((comma ? comma : end) - p);
        if (!is_host(p, part))
            return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                                "access point \"%s\": the host \"%.*s\" is not HOST or HOST:PORT", text, (int)part,
                                p);
        if (at + part + 1 >= sizeof url->hosts)
            return too_long(err, text, "the list of hosts", sizeof url->hosts);
        if (at > 0)
            url->hosts[at++] = ',';
        memcpy(url->hosts + at, p, part);
        at += part;
        p += part;
    }
    url->hosts[at] = '\0';
    return LEAT_OK;
}

static enum leat_status parse_place(const char *text, const char *rest, struct leat_url *url, struct leat_error *err)
{
    const char *slash = strchr(rest, '/');
    size_t len = slash ? (size_t)(slash - rest) : strlen(rest);
    const char *at = memchr(rest, '@', len);
    if (at && at == rest)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "access point \"%s\": the account before the @ is empty", text);
    if (at && !take(url->account, sizeof url->account, rest, (size_t)(at - rest)))
        return too_long(err, text, "the account", sizeof url->account);
    const char *hosts = at ? at + 1 : rest;
    enum leat_status status = parse_hosts(text, hosts, len - (size_t)(hosts - rest), url, err);
    if (status != LEAT_OK || !slash)
        return status;
    if (!take(url->region, sizeof url->region, slash + 1, strcspn(slash + 1, "?"))) /* then the driver's own properties */
        return too_long(err, text, "the region", sizeof url->region);
    if (strpbrk(url->region, "/#@"))
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "access point \"%s\": the region \"%s\" is not one plain name", text, url->region);
    return LEAT_OK;
}

/* The drivers inside the process have no host: what follows "//" is a path, or nothing. */
static enum leat_status parse_path(const char *text, const char *rest, struct leat_url *url, struct leat_error *err)
{
    const char *path = strncmp(rest, "//", 2) == 0 ? rest + 2 : rest;
    if (path[0] != '\0' && path[0] != '/')
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "access point \"%s\": the path \"%s\" is not absolute; write oms:%s:///%s", text, path,
                            url->driver, path);
    if (!take(url->region, sizeof url->region, path, strlen(path)))
        return too_long(err, text, "the path", sizeof url->region);
    return LEAT_OK;
}

enum leat_status leat_url_parse(const char *text, struct leat_url *url, struct leat_error *err)
{
    *url = (struct leat_url){.driver = ""};
    if (strncmp(text, PREFIX, sizeof PREFIX - 1) != 0)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "access point \"%s\": the scheme must be \"oms:\", as in " FORM, text);
    const char *driver = text + sizeof PREFIX - 1;
    const char *colon = strchr(driver, ':');
    if (!colon || !is_name(driver, (size_t)(colon - driver)))
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "access point \"%s\": the driver must be a name between two colons, as in %s", text,
                            colon ? FORM : "oms:commitlog:");
    if (!take(url->driver, sizeof url->driver, driver, (size_t)(colon - driver)))
        return too_long(err, text, "the driver's name", sizeof url->driver);
    const char *rest = colon + 1;
    bool is_inside = strcmp(url->driver, "commitlog") == 0 || strcmp(url->driver, "memory") == 0;
    if (rest[0] == '\0' || (is_inside && rest[0] == '/'))
        return parse_path(text, rest, url, err);
    if (strncmp(rest, "//", 2) != 0)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                            "access point \"%s\": what follows the driver does not begin with //", text);
    return parse_place(text, rest + 2, url, err);
}
