/* transform.c - `lua` as a transform: one call of the script per record. */
#include <script/host.h>
#include <script/script.h>
#include <script/transform.h>

#include <base/memory.h>
#include <base/os.h>
#include <errno.h>
#include <model/batch.h>
#include <stdlib.h>

enum { FILE_MAX = 4 << 20, EMITTED_MAX = 100000 };

struct lua_options {
    const char *file, *script;
    int64_t time_us, memory_bytes, every_us;
    struct script_host *host;
    bool is_timed; /* the first call of the timer is one `every` after the start */
};

enum leat_status script_transform_open(struct script_host **out, struct leat_task *task,
                                       const char *text, size_t len, const char *chunk,
                                       int64_t time_us, int64_t memory_bytes,
                                       struct leat_error *err)
{
    struct script_host *host = leat_calloc(1, sizeof *host);
    host->task = task;
    host->name = task ? leat_task_name(task) : NULL;
    enum leat_status status = script_open(host, text, len, chunk, time_us, memory_bytes, err);
    if (status != LEAT_OK) {
        script_close(host);
        free(host);
        host = NULL;
    }
    *out = host;
    return status;
}

void script_transform_close(struct script_host **host)
{
    if (!*host)
        return;
    script_close(*host);
    free(*host);
    *host = NULL;
}

/* ---- emit ---- */

struct leat_record *script_emitted_add(lua_State *L, struct script_host *host)
{
    if (host->emitted_count == EMITTED_MAX)
        luaL_error(L, "more than %d records emitted for one", (int)EMITTED_MAX);
    script_arena_count(L, host, sizeof host->emitted[0]);
    if (host->emitted_count == host->emitted_cap) {
        host->emitted_cap = host->emitted_cap ? 2 * host->emitted_cap : 16;
        host->emitted = leat_realloc(host->emitted, host->emitted_cap * sizeof host->emitted[0]);
    }
    return &host->emitted[host->emitted_count++];
}

/* Puts what was emitted after record `at`; returns how many. */
static uint32_t take_emitted(struct script_host *host, struct leat_batch *batch, uint32_t at)
{
    for (uint32_t i = 0; i < host->emitted_count; i++) {
        uint32_t place = at + 1 + i;
        *leat_batch_insert(batch, place) = host->emitted[i];
    }
    uint32_t count = host->emitted_count;
    struct leat_record *rec = leat_batch_edit(batch, at);
    if (count > 0 && (rec->flags & LEAT_ENDS_TRANSACTION)) {
        rec->flags &= (uint8_t)~LEAT_ENDS_TRANSACTION;
        leat_batch_edit(batch, at + count)->flags |= LEAT_ENDS_TRANSACTION;
    }
    host->emitted_count = 0;
    return count;
}

/* ---- one record ---- */

static void refuse(struct script_host *host, struct leat_batch *batch, uint32_t index)
{
    const char *reason = lua_tostring(host->L, -1);
    if (reason && strcmp(reason, "not enough memory") == 0)
        reason = "the memory budget of the script is used up";
    leat_batch_reject(batch, index, "%s", reason ? reason : "an error without a text");
}

/* The record as it comes out, or a refusal of it as it came in; false: refused. */
static bool transform_record(struct script_host *host, struct leat_batch *batch, uint32_t index)
{
    lua_State *L = host->L;
    struct leat_record *rec = leat_batch_edit(batch, index);
    const struct leat_record before = *rec;
    host->main->rec = rec;
    host->main->owned = 0;
    host->current = &before;
    host->commit_us = batch->reads ? leat_batch_commit_us(batch, rec) : 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->transform_ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->main_ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->emit_ref);
    bool done = script_call(host, 2, 1);
    if (!done) {
        *rec = before;
        host->emitted_count = 0;
        refuse(host, batch, index);
    } else if (lua_type(L, -1) == LUA_TBOOLEAN && !lua_toboolean(L, -1)) {
        rec->flags |= LEAT_DROPPED;
    }
    lua_settop(L, 0);
    host->current = NULL;
    host->commit_us = 0;
    host->main->rec = NULL;
    return done;
}

enum leat_status script_transform_apply(struct script_host *host, struct leat_batch *batch,
                                        struct leat_error *err)
{
    if (host->transform_ref == LUA_NOREF)
        return LEAT_OK;
    enum leat_status status = LEAT_OK;
    host->batch = batch;
    script_budget_enter(&host->budget);
    for (uint32_t i = 0; i < leat_batch_count(batch); i++) {
        const struct leat_record *rec = leat_batch_get(batch, i);
        if ((rec->flags & LEAT_DROPPED) || leat_op_is_control(rec->op))
            continue;
        if (!transform_record(host, batch, i))
            status = leat_fail(err, LEAT_REJECT, "the script refused a record");
        i += take_emitted(host, batch, i);
    }
    script_budget_leave(&host->budget);
    host->batch = NULL;
    return status;
}

/* A timer has no record that could be refused in its place: its error stops the connector. */
enum leat_status script_transform_timer(struct script_host *host, struct leat_batch *batch,
                                        struct leat_error *err)
{
    if (host->timer_ref == LUA_NOREF)
        return LEAT_OK;
    enum leat_status status = LEAT_OK;
    host->batch = batch;
    script_budget_enter(&host->budget);
    lua_rawgeti(host->L, LUA_REGISTRYINDEX, host->timer_ref);
    lua_rawgeti(host->L, LUA_REGISTRYINDEX, host->emit_ref);
    if (!script_call(host, 1, 0)) {
        status = leat_fail(err, LEAT_STOP, "timer: %s", lua_tostring(host->L, -1));
        host->emitted_count = 0;
    }
    for (uint32_t i = 0; i < host->emitted_count; i++)
        *leat_batch_add(batch) = host->emitted[i];
    host->emitted_count = 0;
    lua_settop(host->L, 0);
    script_budget_leave(&host->budget);
    host->batch = NULL;
    return status;
}

/* ---- the type ---- */

/* Nothing runs here: a script that does not even name one of them defines none. */
static bool names_a_function(const char *text, size_t len)
{
    return memmem(text, len, "transform", 9) || memmem(text, len, "timer", 5);
}

/* Syntax, and that there is something to call: nothing runs. */
static enum leat_status check_text(struct lua_options *lua, struct leat_task *task,
                                   const char *text, size_t len, const char *chunk,
                                   struct leat_error *err)
{
    (void)lua, (void)task;
    lua_State *L = luaL_newstate();
    if (!L)
        return leat_fail(err, LEAT_STOP, "out of memory");
    enum leat_status status = LEAT_OK;
    if (luaL_loadbufferx(L, text, len, chunk, "t") != LUA_OK)
        status = leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "%s", lua_tostring(L, -1));
    else if (!names_a_function(text, len))
        status = leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                              "%s: defines no function transform(record, emit)", chunk + 1);
    lua_close(L);
    return status;
}

/* A timer that nobody calls, or a period without a timer, is a mistake that would show as silence.
 */
static enum leat_status check_timer(struct lua_options *lua, struct leat_error *err)
{
    bool has_timer = lua->host->timer_ref != LUA_NOREF;
    if (has_timer == (lua->every_us > 0))
        return LEAT_OK;
    script_transform_close(&lua->host);
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG,
                        has_timer ? "lua: the script has a timer(): say how often with every: 10s"
                                  : "lua: every is given, and the script has no timer()");
}

static enum leat_status open_text(struct lua_options *lua, struct leat_task *task, const char *text,
                                  size_t len, const char *chunk, struct leat_error *err)
{
    enum leat_status status = script_transform_open(&lua->host, task, text, len, chunk,
                                                    lua->time_us, lua->memory_bytes, err);
    return status == LEAT_OK ? check_timer(lua, err) : status;
}

typedef enum leat_status text_f(struct lua_options *lua, struct leat_task *task, const char *text,
                                size_t len, const char *chunk, struct leat_error *err);

static enum leat_status with_text(struct lua_options *lua, struct leat_task *task, text_f *use,
                                  struct leat_error *err)
{
    if (lua->script)
        return use(lua, task, lua->script, strlen(lua->script), "=script", err);
    char *text;
    size_t len;
    if (!leat_os_read_file(leat_os, lua->file, FILE_MAX, &text, &len))
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "%s: %s", lua->file,
                            strerror(errno));
    const char *slash = strrchr(lua->file, '/');
    char *chunk = leat_format_dup("@%s", slash ? slash + 1 : lua->file);
    enum leat_status status = use(lua, task, text, len, chunk, err);
    free(chunk);
    free(text);
    return status;
}

static enum leat_status lua_validate(void *self, struct leat_error *err)
{
    struct lua_options *lua = self;
    if (!lua->file == !lua->script)
        return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "lua: give either file or script");
    return with_text(lua, NULL, check_text, err);
}

static enum leat_status lua_open(void *self, struct leat_task *task, struct leat_error *err)
{
    struct lua_options *lua = self;
    lua->is_timed = false;
    return with_text(lua, task, open_text, err);
}

static enum leat_status lua_apply(void *self, struct leat_task *task, struct leat_batch *batch,
                                  struct leat_error *err)
{
    (void)task;
    struct lua_options *lua = self;
    return script_transform_apply(lua->host, batch, err);
}

static enum leat_status lua_timer(void *self, struct leat_task *task, struct leat_batch *batch,
                                  struct leat_time *due, struct leat_error *err)
{
    (void)task;
    struct lua_options *lua = self;
    bool is_first = !lua->is_timed;
    lua->is_timed = true;
    *due = lua->every_us > 0 && lua->host->timer_ref != LUA_NOREF ? leat_after_us(lua->every_us)
                                                                  : LEAT_NEVER;
    return is_first || lua->every_us == 0 ? LEAT_OK : script_transform_timer(lua->host, batch, err);
}

static void lua_close_transform(void *self, struct leat_task *task)
{
    (void)task;
    struct lua_options *lua = self;
    script_transform_close(&lua->host);
}

static const struct leat_option options[] = {
    {.name = "file",
     .type = LEAT_OPT_PATH,
     .flags = LEAT_OPT_MAIN,
     .offset = offsetof(struct lua_options, file),
     .about = "Lua 5.4 source with a function transform(record, emit).",
     .example = "mask.lua"},
    {.name = "script",
     .type = LEAT_OPT_TEXT,
     .offset = offsetof(struct lua_options, script),
     .about = "The source itself, in place of a file."},
    {.name = "time",
     .type = LEAT_OPT_TIME,
     .offset = offsetof(struct lua_options, time_us),
     .preset = "200ms",
     .min = 5000,
     .max = 60000000,
     .about = "Most CPU time for one record."},
    {.name = "memory",
     .type = LEAT_OPT_SIZE,
     .offset = offsetof(struct lua_options, memory_bytes),
     .preset = "64MiB",
     .min = 1 << 20,
     .max = (int64_t)4 << 30,
     .about = "Most memory of the script; and as much again for what it writes into one record."},
    {.name = "every",
     .type = LEAT_OPT_TIME,
     .offset = offsetof(struct lua_options, every_us),
     .min = 10000,
     .max = 86400000000,
     .about = "How often timer(emit) is called; before the topic alone.",
     .example = "10s"},
    {0}};

const struct leat_transform_type leat_transform_lua = {
    .struct_size = sizeof(struct leat_transform_type),
    .traits = LEAT_STATELESS,
    .name = "lua",
    .about = "Changes, drops, adds and routes records by a Lua script.",
    .size = sizeof(struct lua_options),
    .options = options,
    .validate = lua_validate,
    .open = lua_open,
    .apply = lua_apply,
    .timer = lua_timer,
    .close = lua_close_transform,
};
