/* host.h - one Lua state, the sandbox round it, and the views through which a script sees records.
 *
 *   script  --- record.value.email --->  __index of a view  --->  struct leat_value in the batch's
 * arena
 *           <-- Lua string -----------
 *
 * Only the fields that a script touches cross the border. A write copies the row's array of values
 * once (16 bytes each), so the record as it came is still there when the script fails half-way: it
 * is put back, and refused as it came.
 *
 * What holds a script:
 *   time     CPU time of the thread, ticked by a timer; the tick arms a hook which then stays
 * armed, so that pcall cannot swallow it. C functions that loop are ours, and look at the same
 * flag. memory   the allocator of the state; writes into the batch's arena are counted too. stack
 * threads have small ones: functions that can recurse through C ask script_check_stack().
 *
 * Thread: a host belongs to the owner thread of its task.
 */
#ifndef LEAT_SCRIPT_HOST_H
#define LEAT_SCRIPT_HOST_H

#include <base/hash.h>
#include <leat/transform.h>
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <time.h>

/* ---- budget.c ---- */

struct script_budget {
    lua_State *state;
    timer_t timer;
    bool has_timer;
    int64_t limit_us; /* of CPU time, from the first tick in a call */
    /* Between the thread and its own signal handler. */
    volatile sig_atomic_t serial; /* of the call that runs; changes with each */
    volatile sig_atomic_t is_over;
    sig_atomic_t seen; /* the handler's: the call that it saw last, and when first */
    int64_t seen_us;
    size_t memory_used, memory_limit;
    size_t arena_used; /* by this call, in the batch */
    const char *stack_top;
};

void *script_allocate(void *budget, void *old, size_t old_size, size_t new_size);
enum leat_status script_budget_start(struct script_budget *budget, lua_State *L, int64_t time_us,
                                     struct leat_error *err);
void script_budget_stop(struct script_budget *budget);
/* Round all calls of one batch: the tick is let in. */
void script_budget_enter(struct script_budget *budget);
void script_budget_leave(struct script_budget *budget);
/* Before each call: a full budget. */
void script_budget_renew(struct script_budget *budget);
/* From C code that loops: raises when time is over. */
void script_check_time(lua_State *L, const struct script_budget *budget);
void script_check_stack(lua_State *L);

/* ---- host.c ---- */

enum script_part { PART_VALUE, PART_BEFORE, PART_KEY, PART_HEADERS, PART_SOURCE, PART_COUNT };

/* Field numbers of one schema, found by the address of an interned Lua string. */
struct script_shape;

struct script_host {
    lua_State *L;
    struct script_budget budget;
    const char *name; /* of the connector */
    struct leat_task *task;
    struct leat_batch *batch;          /* during a call */
    const struct leat_record *current; /* the record of this call; NULL in init, timer, close */
    int64_t commit_us;                 /* of that record, on the sink side; else 0 */
    uint64_t serial;                   /* of this call: views of older ones are over */
    uint64_t seeded;                   /* the call for which random numbers were seeded */
    struct leat_record *emitted;
    uint32_t emitted_count, emitted_cap;
    struct leat_table shapes;
    struct script_shape *last_shape;
    bool is_frozen;  /* init is over: globals are read-only */
    uint64_t shares; /* grows when arrays become shared: what nodes own is theirs no more */
    struct script_record *main; /* the one view that transform() gets */
    int main_ref, transform_ref, timer_ref, close_ref, emit_ref, traceback_ref, env_ref;
    int names_ref; /* of shape.c: strings kept alive */
};

static inline struct script_host *script_host_of(lua_State *L)
{
    return *(struct script_host **)lua_getextraspace(L);
}

/* Makes the state, the sandbox and the views; loads the text (named `chunk` in messages), runs it
 * and init. */
enum leat_status script_open(struct script_host *host, const char *text, size_t len,
                             const char *chunk, int64_t time_us, int64_t memory_bytes,
                             struct leat_error *err);
void script_close(struct script_host *host);
/* Calls the function on the stack with `args` under the budget; false: its error text is on the
 * stack. */
bool script_call(struct script_host *host, int args, int results);
/* Counts bytes that are written for this record; raises when there are too many. */
void script_arena_count(lua_State *L, struct script_host *host, size_t bytes);
/* Bytes in the batch's arena, counted. */
void *script_arena(lua_State *L, struct script_host *host, size_t bytes);

/* ---- view.c: records and rows ---- */

struct script_row {
    struct script_record *of;
    enum script_part part;
};

struct script_record {
    struct leat_record *rec;
    uint64_t serial; /* of the call in which it may be used; main: always */
    bool is_main;
    uint8_t owned; /* bit per part: its top array was copied in this call */
};

void script_view_register(lua_State *L); /* metatables */
/* Pushes a record view with its rows. */
struct script_record *script_record_push(lua_State *L, struct leat_record *rec);
struct script_record *script_record_check(lua_State *L, int arg);
struct script_row *script_row_check(lua_State *L, int arg);
struct script_row *script_row_test(lua_State *L, int arg); /* NULL: something else */
/* The name and type of member `index` of a part that is a STRUCT. */
const struct leat_field *script_part_field(const struct script_record *record,
                                           enum script_part part, uint32_t index);
/* The value of a part, to read; or the same with a top array that may be written. */
struct leat_value *script_part_value(struct script_record *record, enum script_part part);
/* The value of the field named at `key` of the view at `arg` (record, row, node), or NULL. */
const struct leat_value *script_look(lua_State *L, int arg, int key);
/* Assigns the Lua value at `arg` to a part of the record (as record.value = ... does). */
void script_part_assign(lua_State *L, struct script_record *record, enum script_part part, int arg);

/* ---- shape.c ---- */

struct script_shape *script_shape_of(struct script_host *host, const struct leat_schema *schema);
void script_shapes_free(struct script_host *host);
/* Index of the field named by the string at `arg`, or -1. */
int32_t script_shape_find(lua_State *L, struct script_host *host, struct script_shape *shape,
                          int arg);
/* The schema in which `field` may hold any type; raises when there are too many schemas. */
const struct leat_schema *script_shape_loosened(lua_State *L, struct script_shape *shape,
                                                uint32_t field);
/* The schema with the field that is named by the string at `arg` at its end. */
const struct leat_schema *script_shape_added(lua_State *L, struct script_shape *shape, int arg);

/* ---- node.c: MAPs and ARRAYs, at the top of a row and inside ---- */

void script_node_register(lua_State *L);
/* The MAP or ARRAY that a node stands for; NULL: no node, or one that is gone. */
const struct leat_value *script_node_value(lua_State *L, int arg);
/* Pushes member `key` of the container, which the view at `parent` stands for. */
void script_container_get(lua_State *L, const struct leat_value *container, int parent, int key);
/* Sets or (nil) removes a member. The array of the container may be written to. */
void script_container_set(lua_State *L, struct leat_value *container, int key, int arg);
/* A value on the way out of the view at `parent`: scalars as they are, others as nodes. */
void script_member_push(lua_State *L, const struct leat_value *value, int parent,
                        const struct leat_value *key, uint32_t index);
/* Where a row's member lies now (node.c asks on every access); `writable` copies the row's array
 * first. */
struct leat_value *script_row_member(lua_State *L, struct script_row *row,
                                     const struct leat_value *key, uint32_t index, bool writable);
/* MAP member by name: its number, or -1. */
int64_t script_map_find(const struct leat_value *map, const char *name, size_t len);
/* pairs(): over a table of names that is on top of the stack, reading from the view at 1. */
int script_pairs_over(lua_State *L);
/* Pushes the table of a container's names. */
void script_push_names(lua_State *L, const struct leat_value *container);

/* ---- exact.c: Lua values that Lua has no type for ---- */

void script_exact_register(lua_State *L);
/* Pushes a scalar; containers are the caller's. NULL and ABSENT: nil. */
void script_push(lua_State *L, const struct leat_value *value);
/* The exact value at `arg`, or NULL when it is something else. */
const struct leat_value *script_exact(lua_State *L, int arg);
void script_exact_push(lua_State *L, const struct leat_value *value);
/* Text of an exact value, as tostring() gives it. */
void script_exact_text(lua_State *L, const struct leat_value *value);

/* ---- values.c ---- */

/* The Lua value at `arg` as a value in the batch's arena; nil: ABSENT. Raises for functions and the
 * like. */
struct leat_value script_value(lua_State *L, int arg);
/* The same for a field: in the field's own type where that holds it exactly. *fits tells. */
struct leat_value script_field_value(lua_State *L, int arg, const struct leat_field *field,
                                     bool *fits);
/* Deep copy as Lua tables. */
void script_push_deep(lua_State *L, const struct leat_value *value);

/* ---- sandbox.c, tables.c, strings.c, library.c ---- */

/* Builds the environment of scripts (host->env_ref). */
void script_sandbox(lua_State *L);
void script_strings(lua_State *L); /* replaces the functions of the table on top of the stack */
void script_tables(lua_State *L);  /* the same */
void script_library(lua_State *L); /* pushes the table `leat` */
int script_emit(lua_State *L);
struct leat_record *script_emitted_add(lua_State *L, struct script_host *host);
/* Makes a C function that calls `f` after a look at the stack, and pushes it. */
void script_push_guarded(lua_State *L, lua_CFunction f);

#endif
