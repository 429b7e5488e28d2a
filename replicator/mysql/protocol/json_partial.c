/* json_partial.c - partial updates of JSON columns (PARTIAL_UPDATE_ROWS), applied to the document before.
 *
 *   diff  operation u8: 0 replace, 1 insert, 2 remove; lenenc length, path; and unless it removes: lenenc length, binary JSON
 *   path  $, then legs: .name, ."quoted name", [number], [last], [last-number]
 *
 * Inserting a member that is there, and anything at a place that is not there, does not fit: the document is another one than the
 * server's. A cell inserted beyond the end of an array comes at its end. [0] of what is no array is that itself.
 *
 * A document is opened along the paths alone; all else stays as it was logged until it is printed. Source: MySQL's
 * json_diff.h and "JSON Path Syntax".
 */
#include <mysql_protocol/internal.h>

enum operation { REPLACE = 0, INSERT = 1, REMOVE = 2 };
enum node_kind { LOGGED, OBJECT, ARRAY };

struct member;

struct node {
    enum node_kind kind;
    struct leat_json_place place; /* LOGGED */
    uint32_t count, cap;
    struct member *members;
};

struct member {
    const uint8_t *key; /* of an OBJECT's */
    size_t key_len;
    struct node node;
};

struct leg {
    bool is_cell, is_from_end;
    uint64_t number;
    const uint8_t *key;
    size_t key_len;
};

/* ---- paths ---- */

static bool cut_number(struct leat_cut *cut, uint64_t *number)
{
    const uint8_t *start = cut->at;
    *number = 0;
    for (; cut->at < cut->end && *cut->at >= '0' && *cut->at <= '9' && *number <= UINT32_MAX; cut->at++)
        *number = *number * 10 + (uint64_t)(*cut->at - '0');
    return cut->at > start && *number <= UINT32_MAX;
}

static bool cut_cell(struct leat_cut *cut, struct leg *leg)
{
    leg->is_cell = true;
    leg->is_from_end = leat_cut_left(cut) >= 4 && memcmp(cut->at, "last", 4) == 0;
    if (leg->is_from_end) {
        cut->at += 4;
        if (cut->at < cut->end && *cut->at == ']')
            return leat_cut_u8(cut) == ']';
        if (leat_cut_u8(cut) != '-')
            return false;
    }
    return cut_number(cut, &leg->number) && leat_cut_u8(cut) == ']';
}

static bool cut_hex(struct leat_cut *cut, uint32_t *code)
{
    const uint8_t *digits = leat_cut_bytes(cut, 4);
    *code = 0;
    for (int i = 0; digits && i < 4; i++) {
        uint8_t c = digits[i] | 0x20;
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
        *code = *code << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return digits != NULL;
}

/* Behind a backslash. The server writes control characters so, and no others. */
static bool cut_escape(struct leat_cut *cut, struct leat_bytes *text)
{
    static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    uint8_t letter = leat_cut_u8(cut);
    const char *at = letter ? strchr(letters, letter) : NULL;
    uint32_t code;
    if (at) {
        leat_bytes_put(text, (uint8_t)bytes[at - letters]);
        return true;
    }
    if (letter != 'u' || !cut_hex(cut, &code) || code >= 0x80)
        return false;
    leat_bytes_put(text, (uint8_t)code);
    return true;
}

/* The text inside the quotes, of which the first is cut already. */
static bool cut_quoted(struct leat_cut *cut, struct leg *leg, struct leat_arena *arena)
{
    struct leat_bytes text;
    leat_bytes_init(&text, 1 << 17);
    bool is_good = true;
    uint8_t c = 0;
    while (is_good && !cut->is_bad && (c = leat_cut_u8(cut)) != '"') {
        if (c == '\\')
            is_good = cut_escape(cut, &text);
        else
            leat_bytes_put(&text, c);
    }
    is_good = is_good && !cut->is_bad && !text.is_over;
    leg->key = (const uint8_t *)leat_arena_copy(arena, text.data ? (const void *)text.data : "", text.len);
    leg->key_len = text.len;
    leat_bytes_fini(&text);
    return is_good;
}

static bool cut_leg(struct leat_cut *cut, struct leg *leg, struct leat_arena *arena)
{
    *leg = (struct leg){.is_cell = false};
    uint8_t first = leat_cut_u8(cut);
    if (first == '[')
        return cut_cell(cut, leg);
    if (first != '.' || leat_cut_left(cut) == 0)
        return false;
    if (*cut->at == '"') {
        cut->at++;
        return cut_quoted(cut, leg, arena);
    }
    leg->key = cut->at;
    while (cut->at < cut->end && *cut->at != '.' && *cut->at != '[')
        cut->at++;
    leg->key_len = (size_t)(cut->at - leg->key);
    return leg->key_len > 0;
}

/* ---- nodes ---- */

/* Objects have their keys in this order, in a log and in the server's text. */
static int compare_keys(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    return a_len != b_len ? (a_len < b_len ? -1 : 1) : memcmp(a, b, a_len);
}

/* Makes the members of a logged object or array nodes; other values stay what they are. */
static bool open_node(struct node *node, struct leat_arena *arena)
{
    struct leat_json_box box;
    if (node->kind != LOGGED || node->place.type > LEAT_JSONB_LARGE_ARRAY)
        return true;
    if (!leat_json_open(&box, node->place.type, node->place.at, node->place.end))
        return false;
    *node = (struct node){.kind = box.is_object ? OBJECT : ARRAY, .count = box.count, .cap = box.count};
    node->members = leat_arena_zeroed(arena, box.count * sizeof *node->members);
    for (uint32_t i = 0; i < box.count; i++) {
        struct member *member = &node->members[i];
        if (!leat_json_member(&box, i, &member->node.place) ||
            (box.is_object && !leat_json_key(&box, i, &member->key, &member->key_len)))
            return false;
    }
    return true;
}

/* Where the leg points to in `node`; `is_there` false: where a member would come. False: it cannot be there. */
static bool find(const struct node *node, const struct leg *leg, uint32_t *at, bool *is_there)
{
    if (leg->is_cell) {
        uint64_t cell = leg->number;
        if (leg->is_from_end)
            cell = cell < node->count ? node->count - cell - 1 : 0;
        *at = (uint32_t)(cell < node->count ? cell : node->count);
        *is_there = leg->number < node->count;
        return node->kind == ARRAY;
    }
    uint32_t low = 0, high = node->count;
    if (node->kind != OBJECT)
        return false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct member *member = &node->members[middle];
        if (compare_keys(member->key, member->key_len, leg->key, leg->key_len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *at = low;
    *is_there = low < node->count &&
                compare_keys(node->members[low].key, node->members[low].key_len, leg->key, leg->key_len) == 0;
    return true;
}

static void insert_member(struct node *node, uint32_t at, const struct leg *leg, struct leat_json_place value,
                          struct leat_arena *arena)
{
    if (node->count == node->cap) {
        struct member *old = node->members;
        node->cap = node->cap * 2 + 4;
        node->members = leat_arena_alloc(arena, node->cap * sizeof *node->members);
        if (node->count > 0)
            memcpy(node->members, old, node->count * sizeof *old);
    }
    memmove(&node->members[at + 1], &node->members[at], (node->count - at) * sizeof *node->members);
    node->members[at] = (struct member){.key = leg->key, .key_len = leg->key_len, .node = {.place = value}};
    node->count++;
}

static void remove_member(struct node *node, uint32_t at)
{
    node->count--;
    memmove(&node->members[at], &node->members[at + 1], (node->count - at) * sizeof *node->members);
}

/* ---- diffs ---- */

static bool apply_at(struct node *parent, const struct leg *leg, enum operation operation, struct leat_json_place value,
                     struct leat_arena *arena)
{
    uint32_t at;
    bool is_there;
    if (!find(parent, leg, &at, &is_there) || is_there != (operation != INSERT || (leg->is_cell && is_there)))
        return false;
    if (operation == INSERT)
        insert_member(parent, at, leg, value, arena);
    else if (operation == REMOVE)
        remove_member(parent, at);
    else
        parent->members[at].node = (struct node){.place = value};
    return true;
}

static bool apply_path(struct node *root, struct leat_cut path, enum operation operation, struct leat_json_place value,
                       struct leat_arena *arena)
{
    struct node *node = root;
    if (leat_cut_u8(&path) != '$')
        return false;
    if (leat_cut_left(&path) == 0) {
        *root = (struct node){.place = value};
        return operation == REPLACE;
    }
    for (unsigned depth = 0; depth <= LEAT_JSON_MAX_DEPTH; depth++) {
        struct leg leg;
        uint32_t at;
        bool is_there;
        if (!cut_leg(&path, &leg, arena) || !open_node(node, arena))
            return false;
        bool is_last = leat_cut_left(&path) == 0, is_itself = leg.is_cell && leg.number == 0 && node->kind != ARRAY;
        if (is_last && is_itself && operation == REPLACE) {
            *node = (struct node){.place = value};
            return true;
        }
        if (is_last)
            return apply_at(node, &leg, operation, value, arena);
        if (is_itself)
            continue;
        if (!find(node, &leg, &at, &is_there) || !is_there)
            return false;
        node = &node->members[at].node;
    }
    return false;
}

static bool cut_value(struct leat_cut *cut, struct leat_json_place *value)
{
    uint64_t len = leat_cut_lenenc(cut);
    const uint8_t *bytes = leat_cut_bytes(cut, len);
    if (!bytes || len == 0)
        return false;
    *value = (struct leat_json_place){.type = bytes[0], .at = bytes + 1, .end = bytes + len};
    return true;
}

static bool print_node(struct leat_json_printer *printer, const struct node *node, unsigned depth)
{
    if (node->kind == LOGGED)
        return leat_json_print(printer, &node->place, depth);
    if (depth >= LEAT_JSON_MAX_DEPTH)
        return false;
    leat_bytes_put(printer->out, node->kind == OBJECT ? '{' : '[');
    for (uint32_t i = 0; i < node->count; i++) {
        const struct member *member = &node->members[i];
        if (i > 0)
            leat_bytes_text(printer->out, ", ");
        if (node->kind == OBJECT) {
            leat_json_put_string(printer->out, member->key, member->key_len);
            leat_bytes_text(printer->out, ": ");
        }
        if (!print_node(printer, &member->node, depth + 1))
            return false;
    }
    leat_bytes_put(printer->out, node->kind == OBJECT ? '}' : ']');
    return true;
}

bool leat_json_partial_text(struct leat_bytes *out, const uint8_t *before, size_t before_len, const uint8_t *diffs,
                            size_t diffs_len, struct leat_arena *arena)
{
    static const uint8_t null_value[] = {0};
    struct leat_json_place place = {.type = LEAT_JSONB_LITERAL, .at = null_value, .end = null_value + 1};
    if (before_len > 0)
        place = (struct leat_json_place){.type = before[0], .at = before + 1, .end = before + before_len};
    struct node root = {.place = place};
    struct leat_cut cut = leat_cut(diffs, diffs_len);
    while (leat_cut_left(&cut) > 0) {
        struct leat_json_place value = {.type = 0};
        uint8_t operation = leat_cut_u8(&cut);
        uint64_t len = leat_cut_lenenc(&cut);
        const uint8_t *path = leat_cut_bytes(&cut, len);
        if (!path || operation > REMOVE || (operation != REMOVE && !cut_value(&cut, &value)) ||
            !apply_path(&root, leat_cut(path, len), operation, value, arena))
            return false;
    }
    size_t len = before_len + diffs_len;
    struct leat_json_printer printer = {.out = out, .out_limit = out->len + 32 * len + 64, .values_left = len + 1};
    return print_node(&printer, &root, 0) && !out->is_over;
}
