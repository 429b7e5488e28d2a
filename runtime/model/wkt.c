/* wkt.c - well-known binary to text.
 *
 * WKB: byte order (1: little-endian), u32 type, then by type: a point is two doubles; a line a count and points; a polygon a
 * count and rings, each as a line; the rest a count and whole geometries, each with order and type of its own. */
#include <model/sqltext.h>

#include <base/number.h>

#define DEPTH_MOST 32 /* of collections in collections */

enum shape { POINT = 1, LINESTRING, POLYGON, MULTIPOINT, MULTILINESTRING, MULTIPOLYGON, COLLECTION };

struct walk {
    const uint8_t *at, *end;
    bool is_little;
    struct leat_bytes *out;
};

static bool take_u32(struct walk *walk, uint32_t *v)
{
    if (walk->end - walk->at < 4)
        return false;
    *v = 0;
    for (int i = 0; i < 4; i++)
        *v = *v << 8 | walk->at[walk->is_little ? 3 - i : i];
    walk->at += 4;
    return true;
}

static bool put_number(struct walk *walk)
{
    uint64_t bits = 0;
    double v;
    if (walk->end - walk->at < 8)
        return false;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | walk->at[walk->is_little ? 7 - i : i];
    walk->at += 8;
    memcpy(&v, &bits, 8);
    if (!leat_bytes_reserve(walk->out, LEAT_NUMBER_MAX))
        return true;
    char *to = (char *)walk->out->data + walk->out->len;
    size_t len = leat_print_double(to, v);
    if (len > 2 && to[len - 2] == '.' && to[len - 1] == '0')
        len -= 2;
    walk->out->len += len;
    return true;
}

static bool put_pair(struct walk *walk)
{
    if (!put_number(walk))
        return false;
    leat_bytes_put(walk->out, ' ');
    return put_number(walk);
}

typedef bool part_f(struct walk *walk, int depth);

/* "(a, b)" of as many parts as are counted, or "EMPTY" where there is none. */
static bool put_parts(struct walk *walk, part_f *put_part, int depth)
{
    uint32_t count;
    if (!take_u32(walk, &count))
        return false;
    if (count == 0) {
        leat_bytes_text(walk->out, "EMPTY");
        return true;
    }
    leat_bytes_put(walk->out, '(');
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            leat_bytes_text(walk->out, ", ");
        if (!put_part(walk, depth))
            return false;
    }
    leat_bytes_put(walk->out, ')');
    return true;
}

static bool put_point(struct walk *walk, int depth)
{
    (void)depth;
    return put_pair(walk);
}

static bool put_ring(struct walk *walk, int depth)
{
    return put_parts(walk, put_point, depth);
}

static bool take_head(struct walk *walk, uint32_t *shape)
{
    if (walk->at >= walk->end || *walk->at > 1)
        return false;
    walk->is_little = *walk->at++ == 1;
    return take_u32(walk, shape) && *shape >= POINT && *shape <= COLLECTION;
}

static bool put_shape(struct walk *walk, uint32_t shape, int depth);

/* A part of a MULTI...: its kind is known, and not named again. */
static bool put_bare(struct walk *walk, int depth)
{
    uint32_t shape;
    return take_head(walk, &shape) && shape <= POLYGON && put_shape(walk, shape, depth);
}

static bool put_named(struct walk *walk, int depth)
{
    static const char *const names[] = {"", "POINT ", "LINESTRING ", "POLYGON ", "MULTIPOINT ", "MULTILINESTRING ",
                                        "MULTIPOLYGON ", "GEOMETRYCOLLECTION "};
    uint32_t shape;
    if (depth > DEPTH_MOST || !take_head(walk, &shape))
        return false;
    leat_bytes_text(walk->out, names[shape]);
    return put_shape(walk, shape, depth + 1);
}

static bool put_shape(struct walk *walk, uint32_t shape, int depth)
{
    switch (shape) {
    case POINT:
        leat_bytes_put(walk->out, '(');
        if (!put_pair(walk))
            return false;
        leat_bytes_put(walk->out, ')');
        return true;
    case LINESTRING:
        return put_parts(walk, put_point, depth);
    case POLYGON:
        return put_parts(walk, put_ring, depth);
    case COLLECTION:
        return put_parts(walk, put_named, depth);
    default:
        return put_parts(walk, put_bare, depth);
    }
}

bool leat_sql_wkt(struct leat_bytes *out, const uint8_t *bytes, size_t len)
{
    size_t before = out->len;
    struct walk walk = {.at = bytes + (len < 4 ? len : 4), .end = bytes + len, .out = out};
    if (put_named(&walk, 0) && walk.at == walk.end)
        return true;
    out->len = before;
    return false;
}
