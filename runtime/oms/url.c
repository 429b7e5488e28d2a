#include <oms/access.h>

#include <stdio.h>

/* Copies [from, to) into a part of the URL; false where it is too long. */
static bool take(char *into, size_t size, const char *from, const char *to)
{
    if ((size_t)(to - from) >= size)
        return false;
    memcpy(into, from, (size_t)(to - from));
    into[to - from] = '\0';
    return true;
}

static bool is_driver_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-'))
            return false;
    return name[0] != '\0';
}

static enum leat_status bad(struct leat_error *err, const char *text, const char *why)
{
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                        "topics: \"%s\": %s; an access point is oms:DRIVER:[//[ACCOUNT@]HOST:PORT[,...]/REGION], as in "
                        "oms:commitlog: or oms:kafka://host:9092/shop",
                        text, why);
}

/* Behind "//": account@hosts/region. */
static bool parse_rest(const char *rest, struct leat_url *url)
{
    const char *slash = strchr(rest, '/'), *end = rest + strlen(rest);
    const char *hosts_end = slash ? slash : end;
    const char *at = memchr(rest, '@', (size_t)(hosts_end - rest));
    bool is_good = true;
    if (at)
        is_good = take(url->account, sizeof url->account, rest, at);
    is_good = is_good && take(url->hosts, sizeof url->hosts, at ? at + 1 : rest, hosts_end);
    return is_good && (!slash || take(url->region, sizeof url->region, slash + 1, end));
}

enum leat_status leat_url_parse(const char *text, struct leat_url *url, struct leat_error *err)
{
    *url = (struct leat_url){{0}, {0}, {0}, {0}};
    if (strncmp(text, "oms:", 4) != 0)
        return bad(err, text, "it does not begin with oms:");
    const char *driver = text + 4, *colon = strchr(driver, ':');
    if (!colon || !take(url->driver, sizeof url->driver, driver, colon) || !is_driver_name(url->driver))
        return bad(err, text, "it names no driver");
    const char *rest = colon + 1;
    if (*rest == '\0')
        return LEAT_OK;
    if (strncmp(rest, "//", 2) != 0)
        return bad(err, text, "what follows the driver does not begin with //");
    rest += 2;
    if (strcmp(url->driver, "commitlog") == 0) /* everything is a path */
        return take(url->region, sizeof url->region, rest, rest + strlen(rest)) ? LEAT_OK
                                                                                : bad(err, text, "its path is too long");
    return parse_rest(rest, url) ? LEAT_OK : bad(err, text, "a part of it is too long");
}
