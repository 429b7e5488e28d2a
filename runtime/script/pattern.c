#include <script/pattern.h>

#include <ctype.h>

enum { OPEN = -1, POSITION = -2 };

/* ---- cutting a pattern into items ---- */

struct cutter {
    struct pattern *p;
    const char *at, *end;
};

/* The end of "[set]" that starts at `at`. */
static const char *set_end(struct cutter *c, const char *at)
{
    at++;
    if (at < c->end && *at == '^')
        at++;
    bool first = true;
    while (at < c->end && (*at != ']' || first)) {
        first = false;
        at += *at == '%' ? 2 : 1;
    }
    if (at >= c->end)
        luaL_error(c->p->L, "malformed pattern (missing ']')");
    return at + 1;
}

static const char *class_end(struct cutter *c, const char *at)
{
    if (*at == '[')
        return set_end(c, at);
    if (*at != '%')
        return at + 1;
    if (at + 1 >= c->end)
        luaL_error(c->p->L, "malformed pattern (ends with '%%')");
    return at + 2;
}

static void add(struct cutter *c, enum pattern_kind kind, const char *text, const char *end)
{
    if (c->p->count == PATTERN_ITEMS_MAX)
        luaL_error(c->p->L, "pattern too complex");
    c->p->items[c->p->count++] =
        (struct pattern_item){.kind = (uint8_t)kind, .text = text, .end = end};
    c->at = end;
}

static void cut_single(struct cutter *c)
{
    add(c, ITEM_SINGLE, c->at, class_end(c, c->at));
    if (c->at < c->end && memchr("?*+-", *c->at, 4))
        c->p->items[c->p->count - 1].quantifier = *c->at++;
}

/* What a % that is not a class begins; false: it is a class. */
static bool cut_percent(struct cutter *c)
{
    char what = c->at + 1 < c->end ? c->at[1] : '\0';
    if (what == 'b') {
        if (c->end - c->at < 4)
            luaL_error(c->p->L, "malformed pattern (missing arguments to '%%b')");
        add(c, ITEM_BALANCE, c->at + 2, c->at + 4);
    } else if (what == 'f') {
        if (c->end - c->at < 3 || c->at[2] != '[')
            luaL_error(c->p->L, "missing '[' after '%%f' in pattern");
        add(c, ITEM_FRONTIER, c->at + 2, set_end(c, c->at + 2));
    } else if (what >= '0' && what <= '9') {
        add(c, ITEM_BACK, c->at + 1, c->at + 2);
    } else {
        return false;
    }
    return true;
}

static void cut_item(struct cutter *c)
{
    if (*c->at == '(' && c->at + 1 < c->end && c->at[1] == ')')
        add(c, ITEM_POSITION, c->at, c->at + 2);
    else if (*c->at == '(')
        add(c, ITEM_OPEN, c->at, c->at + 1);
    else if (*c->at == ')')
        add(c, ITEM_CLOSE, c->at, c->at + 1);
    else if (*c->at == '$' && c->at + 1 == c->end)
        add(c, ITEM_END, c->at, c->at + 1);
    else if (*c->at != '%' || !cut_percent(c))
        cut_single(c);
}

void pattern_compile(lua_State *L, struct pattern *p, const char *text, size_t len)
{
    p->L = L;
    p->budget = &script_host_of(L)->budget;
    p->is_anchored = len > 0 && *text == '^';
    p->count = 0;
    p->captures = 0;
    struct cutter c = {p, text + p->is_anchored, text + len};
    while (c.at < c.end)
        cut_item(&c);
}

/* ---- one byte against a class ---- */

static bool in_class(int byte, int letter)
{
    bool yes;
    switch (tolower(letter)) {
    case 'a':
        yes = isalpha(byte);
        break;
    case 'c':
        yes = iscntrl(byte);
        break;
    case 'd':
        yes = isdigit(byte);
        break;
    case 'g':
        yes = isgraph(byte);
        break;
    case 'l':
        yes = islower(byte);
        break;
    case 'p':
        yes = ispunct(byte);
        break;
    case 's':
        yes = isspace(byte);
        break;
    case 'u':
        yes = isupper(byte);
        break;
    case 'w':
        yes = isalnum(byte);
        break;
    case 'x':
        yes = isxdigit(byte);
        break;
    default:
        return letter == byte;
    }
    return isupper(letter) ? !yes : yes;
}

static bool in_set(int byte, const char *text, const char *end)
{
    const uint8_t *at = (const uint8_t *)text + 1, *last = (const uint8_t *)end - 1;
    bool yes = true;
    if (at < last && *at == '^') {
        yes = false;
        at++;
    }
    for (; at < last; at++) {
        if (*at == '%') {
            if (in_class(byte, *++at))
                return yes;
        } else if (at + 2 < last && at[1] == '-') {
            if (at[0] <= byte && byte <= at[2])
                return yes;
            at += 2;
        } else if (*at == byte) {
            return yes;
        }
    }
    return !yes;
}

static inline bool fits(const struct pattern_item *item, int byte)
{
    switch (*item->text) {
    case '.':
        return true;
    case '%':
        return in_class(byte, (uint8_t)item->text[1]);
    case '[':
        return in_set(byte, item->text, item->end);
    default:
        return (uint8_t)*item->text == byte;
    }
}

/* ---- matching ---- */

static const char *match(struct pattern *p, const char *at, uint32_t i);

static const char *match_balance(const struct pattern *p, const char *at,
                                 const struct pattern_item *item)
{
    if (at >= p->subject_end || *at != item->text[0])
        return NULL;
    ptrdiff_t depth = 1;
    for (at++; at < p->subject_end; at++) {
        if (*at == item->text[1]) {
            if (--depth == 0)
                return at + 1;
        } else if (*at == item->text[0]) {
            depth++;
        }
    }
    return NULL;
}

static const char *match_back(const struct pattern *p, const char *at,
                              const struct pattern_item *item)
{
    uint32_t index = (uint32_t)(*item->text - '1');
    if (index >= p->captures || p->capture[index].len == OPEN)
        luaL_error(p->L, "invalid capture index %%%c", *item->text);
    ptrdiff_t len = p->capture[index].len;
    if (len < 0 || p->subject_end - at < len ||
        memcmp(p->capture[index].start, at, (size_t)len) != 0)
        return NULL;
    return at + len;
}

static bool at_frontier(const struct pattern *p, const char *at, const struct pattern_item *item)
{
    int before = at > p->subject ? (uint8_t)at[-1] : 0;
    int here = at < p->subject_end ? (uint8_t)*at : 0;
    return !in_set(before, item->text, item->end) && in_set(here, item->text, item->end);
}

static const char *match_open(struct pattern *p, const char *at, uint32_t i, ptrdiff_t len)
{
    if (p->captures == PATTERN_CAPTURES_MAX)
        luaL_error(p->L, "too many captures");
    p->capture[p->captures].start = at;
    p->capture[p->captures++].len = len;
    const char *end = match(p, at, i + 1);
    if (!end)
        p->captures--;
    return end;
}

static const char *match_close(struct pattern *p, const char *at, uint32_t i)
{
    uint32_t index = p->captures;
    while (index > 0 && p->capture[index - 1].len != OPEN)
        index--;
    if (index == 0)
        luaL_error(p->L, "invalid pattern capture");
    p->capture[index - 1].len = at - p->capture[index - 1].start;
    const char *end = match(p, at, i + 1);
    if (!end)
        p->capture[index - 1].len = OPEN;
    return end;
}

static const char *match_longest(struct pattern *p, const char *at, uint32_t i, ptrdiff_t least)
{
    const struct pattern_item *item = &p->items[i];
    ptrdiff_t count = 0;
    while (at + count < p->subject_end && fits(item, (uint8_t)at[count]))
        count++;
    if (i + 1 == p->count) /* nothing follows: no way back is needed */
        return count >= least ? at + count : NULL;
    for (; count >= least; count--) {
        const char *end = match(p, at + count, i + 1);
        if (end)
            return end;
    }
    return NULL;
}

static const char *match_shortest(struct pattern *p, const char *at, uint32_t i)
{
    for (;; at++) {
        const char *end = match(p, at, i + 1);
        if (end)
            return end;
        if (at >= p->subject_end || !fits(&p->items[i], (uint8_t)*at))
            return NULL;
    }
}

static const char *match(struct pattern *p, const char *at, uint32_t i)
{
    script_check_time(p->L, p->budget);
    for (; i < p->count; i++) {
        const struct pattern_item *item = &p->items[i];
        switch ((enum pattern_kind)item->kind) {
        case ITEM_OPEN:
            return match_open(p, at, i, OPEN);
        case ITEM_POSITION:
            return match_open(p, at, i, POSITION);
        case ITEM_CLOSE:
            return match_close(p, at, i);
        case ITEM_BACK:
            at = match_back(p, at, item);
            break;
        case ITEM_BALANCE:
            at = match_balance(p, at, item);
            break;
        case ITEM_FRONTIER:
            at = at_frontier(p, at, item) ? at : NULL;
            break;
        case ITEM_END:
            return at == p->subject_end ? at : NULL;
        case ITEM_SINGLE:
            if (item->quantifier == '*' || item->quantifier == '+')
                return match_longest(p, at, i, item->quantifier == '+');
            if (item->quantifier == '-')
                return match_shortest(p, at, i);
            bool one = at < p->subject_end && fits(item, (uint8_t)*at);
            if (item->quantifier == '?' && one) {
                const char *end = match(p, at + 1, i + 1);
                if (end)
                    return end;
            } else if (item->quantifier != '?') {
                at = one ? at + 1 : NULL;
            }
            break;
        }
        if (!at)
            return NULL;
    }
    return at;
}

const char *pattern_match(struct pattern *p, const char *at)
{
    p->captures = 0;
    return match(p, at, 0);
}

void pattern_push_capture(struct pattern *p, uint32_t index, const char *start, const char *end)
{
    if (index >= p->captures) {
        if (index != 0)
            luaL_error(p->L, "invalid capture index %%%d", (int)index + 1);
        lua_pushlstring(p->L, start, (size_t)(end - start));
    } else if (p->capture[index].len == POSITION) {
        lua_pushinteger(p->L, p->capture[index].start - p->subject + 1);
    } else if (p->capture[index].len == OPEN) {
        luaL_error(p->L, "unfinished capture");
    } else {
        lua_pushlstring(p->L, p->capture[index].start, (size_t)p->capture[index].len);
    }
}

int pattern_push_captures(struct pattern *p, const char *start, const char *end, bool whole)
{
    uint32_t count = p->captures == 0 && whole ? 1 : p->captures;
    luaL_checkstack(p->L, (int)count, "too many captures");
    for (uint32_t i = 0; i < count; i++)
        pattern_push_capture(p, i, start, end);
    return (int)count;
}
