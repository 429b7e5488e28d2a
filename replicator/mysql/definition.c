#include <mysql/definition.h>

#include <base/assert.h>
#include <strings.h>

struct shape { /* the columns while a statement is applied */
    struct column *columns;
    uint32_t count, room;
    struct leat_arena *arena;
    const char *charset; /* the table's default; NULL: not known */
};

static struct column *find(const struct shape *shape, const char *name)
{
    for (uint32_t i = 0; i < shape->count; i++)
        if (strcasecmp(shape->columns[i].name, name) == 0)
            return &shape->columns[i];
    return NULL;
}

static void insert(struct shape *shape, uint32_t place, const struct column *column)
{
    leat_assert(shape->count < shape->room && place <= shape->count);
    memmove(&shape->columns[place + 1], &shape->columns[place], (shape->count - place) * sizeof *column);
    shape->columns[place] = *column;
    shape->count++;
}

static void take_out(struct shape *shape, uint32_t place)
{
    shape->count--;
    memmove(&shape->columns[place], &shape->columns[place + 1], (shape->count - place) * sizeof *shape->columns);
}

static uint32_t place_of(const struct shape *shape, const struct column *column)
{
    return (uint32_t)(column - shape->columns);
}

static struct column copied(const struct column *from, struct leat_arena *arena)
{
    struct column column = *from;
    column.name = leat_arena_strdup(arena, from->name);
    column.type = leat_arena_strdup(arena, from->type);
    column.data_type = leat_arena_strdup(arena, from->data_type);
    column.charset = leat_arena_strdup(arena, from->charset);
    return column;
}

/* False: it takes the table's charset, and that is not known. */
static bool described(const struct leat_ddl_column *written, const struct shape *shape, struct column *column)
{
    struct leat_ddl_column settled = *written;
    if (!settled.charset && !shape->charset)
        return false;
    leat_ddl_settle(&settled, shape->charset ? shape->charset : "", shape->arena);
    *column = copied(&(struct column){.name = settled.name, .type = settled.type, .data_type = settled.data_type,
                                      .charset = settled.charset, .is_nullable = settled.is_nullable,
                                      .is_json = settled.is_json},
                     shape->arena);
    return true;
}

/* ---- the primary key ---- */

static void drop_key(struct shape *shape)
{
    for (uint32_t i = 0; i < shape->count; i++)
        shape->columns[i].key_place = 0;
}

static bool set_key(struct shape *shape, const struct leat_ddl_step *step)
{
    drop_key(shape);
    for (uint32_t i = 0; i < step->key_count; i++) {
        struct column *column = find(shape, step->key[i]);
        if (!column)
            return false;
        column->key_place = i + 1;
        column->is_nullable = false;
    }
    return step->key_count > 0;
}

/* Behind a column of the key that was dropped, the others move up. */
static void close_key(struct shape *shape)
{
    for (uint32_t place = 1, next; place <= shape->count; place++) {
        struct column *first = NULL;
        for (uint32_t i = 0; i < shape->count; i++)
            if (shape->columns[i].key_place >= place && (!first || shape->columns[i].key_place < first->key_place))
                first = &shape->columns[i];
        if (!first)
            return;
        next = place;
        first->key_place = next;
    }
}

static void note_key(struct shape *shape, const struct leat_ddl_column *written)
{
    struct column *column = written->is_key ? find(shape, written->name) : NULL;
    if (column) {
        drop_key(shape);
        column->key_place = 1;
    }
}

/* ---- columns: first what is there is dropped and changed where it stands, then all is put where it belongs ---- */

static bool drop_column(struct shape *shape, const struct leat_ddl_change *change)
{
    struct column *column = find(shape, change->old);
    if (column)
        take_out(shape, place_of(shape, column));
    return column || change->is_conditional;
}

/* By the names from before the statement: CHANGE a b, CHANGE b a swaps them. `found` is the column's number then. */
static bool change_column(struct shape *shape, const struct leat_ddl_change *change, uint32_t found)
{
    struct column *column = &shape->columns[found];
    uint32_t key_place = column->key_place;
    if (change->kind == LEAT_DDL_RENAME_COLUMN) {
        column->name = leat_arena_strdup(shape->arena, change->column.name);
        return true;
    }
    bool is_good = described(&change->column, shape, column);
    column->key_place = key_place;
    column->is_nullable = column->is_nullable && !key_place;
    return is_good;
}

static bool change_all(struct shape *shape, const struct leat_ddl_step *step)
{
    uint32_t *found = leat_arena_alloc(shape->arena, (step->change_count + 1) * sizeof *found);
    for (uint32_t i = 0; i < step->change_count; i++) {
        const struct leat_ddl_change *change = &step->changes[i];
        bool changes = change->kind == LEAT_DDL_CHANGE || change->kind == LEAT_DDL_RENAME_COLUMN;
        const struct column *column = changes ? find(shape, change->old) : NULL;
        found[i] = column ? place_of(shape, column) : UINT32_MAX;
        if (changes && !column && !change->is_conditional)
            return false;
    }
    for (uint32_t i = 0; i < step->change_count; i++)
        if (found[i] != UINT32_MAX && !change_column(shape, &step->changes[i], found[i]))
            return false;
    return true;
}

static bool put_at(struct shape *shape, const struct leat_ddl_change *change, const struct column *column)
{
    uint32_t place = change->place == LEAT_DDL_FIRST ? 0 : shape->count;
    if (change->place == LEAT_DDL_AFTER) {
        const struct column *before = find(shape, change->after);
        if (!before)
            return false;
        place = place_of(shape, before) + 1;
    }
    insert(shape, place, column);
    return true;
}

static bool place_column(struct shape *shape, const struct leat_ddl_change *change)
{
    struct column column, *there = change->column.name ? find(shape, change->column.name) : NULL;
    if (change->kind == LEAT_DDL_ADD) {
        if (there)
            return change->is_conditional;
        return described(&change->column, shape, &column) && put_at(shape, change, &column);
    }
    if (change->kind != LEAT_DDL_CHANGE || change->place == LEAT_DDL_LEFT_THERE || !there)
        return true;
    column = *there;
    take_out(shape, place_of(shape, there));
    return put_at(shape, change, &column);
}

static void convert_all(struct shape *shape, const char *charset)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        struct column *column = &shape->columns[i];
        struct leat_ddl_column text = {.name = column->name, .type = column->type, .data_type = column->data_type,
                                       .charset = column->charset};
        if (column->is_json)
            continue;
        leat_ddl_convert(&text, charset, shape->arena);
        column->type = text.type;
        column->data_type = leat_arena_strdup(shape->arena, text.data_type);
        column->charset = leat_arena_strdup(shape->arena, text.charset);
    }
}

static bool apply(struct shape *shape, const struct leat_ddl_step *step)
{
    bool is_good = true;
    if (step->charset)
        shape->charset = step->charset[0] ? step->charset : NULL;
    for (uint32_t i = 0; is_good && i < step->change_count; i++)
        if (step->changes[i].kind == LEAT_DDL_DROP)
            is_good = drop_column(shape, &step->changes[i]);
    if (step->drops_key)
        drop_key(shape);
    close_key(shape);
    if (step->convert_to)
        convert_all(shape, step->convert_to);
    is_good = is_good && change_all(shape, step);
    for (uint32_t i = 0; is_good && i < step->change_count; i++) {
        is_good = place_column(shape, &step->changes[i]);
        note_key(shape, &step->changes[i].column);
    }
    return is_good && (!step->sets_key || set_key(shape, step));
}

/* ---- whole tables ---- */

static struct shape begin(struct table *fresh, uint32_t room, const char *charset)
{
    table_forget(fresh);
    return (struct shape){
        .columns = leat_arena_zeroed(&fresh->arena, (room + 1) * sizeof(struct column)),
        .room = room,
        .arena = &fresh->arena,
        .charset = charset,
    };
}

static bool end(struct table *fresh, const struct shape *shape, bool is_mariadb)
{
    fresh->columns = shape->columns;
    fresh->column_count = shape->count;
    fresh->charset = shape->charset ? leat_arena_strdup(&fresh->arena, shape->charset) : "";
    fresh->is_changed = true;
    return shape->count > 0 && table_finish(fresh, is_mariadb);
}

bool definition_create(struct table *fresh, const struct leat_ddl_step *step, const char *charset, bool is_mariadb)
{
    struct shape shape = begin(fresh, step->change_count, charset);
    return !step->is_unclear && apply(&shape, step) && end(fresh, &shape, is_mariadb);
}

bool definition_alter(struct table *fresh, const struct table *before, const struct leat_ddl_step *step, bool is_mariadb)
{
    bool is_unclear = step->is_unclear || (step->convert_to && step->convert_to[0] == '\0');
    struct shape shape = begin(fresh, before->column_count + step->change_count, before->charset[0] ? before->charset : NULL);
    for (uint32_t i = 0; i < before->column_count; i++) {
        struct column column = copied(&before->columns[i], shape.arena);
        insert(&shape, shape.count, &column);
    }
    return !is_unclear && apply(&shape, step) && end(fresh, &shape, is_mariadb);
}

bool definition_copy(struct table *fresh, const struct table *from, bool is_mariadb)
{
    static const struct leat_ddl_step nothing;
    return from->is_known && definition_alter(fresh, from, &nothing, is_mariadb);
}

bool definition_matters(const struct leat_ddl_step *step)
{
    return step->kind != LEAT_DDL_ALTER || step->is_unclear || step->change_count > 0 || step->drops_key || step->sets_key ||
           step->convert_to || step->charset;
}
