/* Attacks on the host: each must end as the refusal of one record, and the next record must work.
 */
#include "script_fixture.h"

#include <base/clock.h>
#include <base/thread.h>
#include <stdio.h>
#include <time.h>

/* One record that attacks (id 1), one that does not (id 2). */
static void assert_held_within(int64_t budget_us, const char *attack, const char *reason)
{
    char text[2048];
    snprintf(text, sizeof text,
             "local function attack(r, emit)\n%s\nend\n"
             "function transform(r, emit) if r.value.id == 1 then attack(r, emit) end\n"
             "r.value.name = 'well' end",
             attack);
    struct leat_batch *batch = leat_batch_new(1 << 20, 10);
    add_person(batch, LEAT_CREATE, 1);
    add_person(batch, LEAT_CREATE, 2);
    struct script_host *host = open_script_with(text, budget_us, 16 << 20);
    struct leat_error err;
    struct leat_time start = leat_now();
    if (script_transform_apply(host, batch, &err) != LEAT_REJECT)
        fail_msg("was not held: %s", attack);
    assert_true(leat_now().ns - start.ns < 20000000000);
    assert_int_equal(batch->refusal_count, 1);
    assert_int_equal(batch->refusals[0].index, 0);
    if (!strstr(batch->refusals[0].reason, reason))
        fail_msg("%s: %s", attack, batch->refusals[0].reason);
    assert_text(field_of(&leat_batch_get(batch, 0)->value, F_NAME), "Ada");
    assert_text(field_of(&leat_batch_get(batch, 1)->value, F_NAME), "well");
    script_transform_close(&host);
    leat_batch_free(batch);
}

static void assert_held(const char *attack, const char *reason)
{
    assert_held_within(50000, attack, reason);
}

static void endless_loops_end(void **state)
{
    (void)state;
    assert_held("while true do end", "time budget");
    assert_held("for i = 1, 1 << 60 do end", "time budget");
    assert_held("goto a; ::a:: goto a", "time budget");
    assert_held("local function f() return f() end f()", "time budget");
}

static void pcall_does_not_hold_the_loop_up(void **state)
{
    (void)state;
    assert_held("while true do pcall(function() while true do end end) end", "time budget");
    assert_held("local function f() pcall(f) while true do end end f()", "time budget");
    assert_held("while true do xpcall(error, function() while true do end end) end", "time budget");
    assert_held("xpcall(function() while true do end end, function() while true do end end)",
                "time budget");
    assert_held("local t <close> = setmetatable({}, {__close = function() while true do end end})\n"
                "while true do end",
                "time budget");
    assert_held("error(setmetatable({}, {__tostring = function() while true do end end}))",
                "is a table");
}

static void loops_inside_c_functions_end(void **state)
{
    (void)state;
    assert_held("(('a'):rep(60)):find(('.-'):rep(9) .. 'b')", "time budget");
    assert_held("(('a'):rep(100000)):gsub(('a*'):rep(20) .. 'b', '')", "time budget");
    assert_held("for _ in (('a'):rep(100000)):gmatch(('a-'):rep(20) .. 'b') do end", "time budget");
    assert_held("table.move({}, 1, 1 << 30, 2)", "time budget");
    assert_held("table.move({}, 1, 1 << 61, 2)", "too many");
    assert_held("table.insert(setmetatable({}, {__len = function() return 1 << 60 end}), 1, 1)",
                "time budget");
    assert_held("table.remove(setmetatable({}, {__len = function() return 1 << 60 end}), 1)",
                "time budget");
    assert_held("table.sort(setmetatable({}, {__len = function() return (1 << 31) - 2 end,\n"
                "__index = function() return 1 end, __newindex = function() end}))",
                "time budget");
    assert_held(
        "table.sort(setmetatable({}, {__len = function() return (1 << 31) - 2 end}), rawequal)",
        "");
    assert_held(
        "table.concat(setmetatable({}, {__len = function() return 1 << 60 end, __index = rawlen}))",
        "");
    assert_held("local s = ('').rep('', 1 << 60) while true do end", "time budget");
}

static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Each script of a task has a timer on the same thread. */
static void the_time_is_the_same_with_other_scripts_beside(void **state)
{
    (void)state;
    struct script_host *others[5];
    for (size_t i = 0; i < 5; i++)
        others[i] = open_script("function transform() end");
    int64_t began_us = cpu_us();
    char *reason = refusal_of("function transform() while true do end end", 200000, 16 << 20);
    int64_t took_us = cpu_us() - began_us;
    assert_non_null(strstr(reason, "time budget"));
    free(reason);
    for (size_t i = 0; i < 5; i++)
        script_transform_close(&others[i]);
    assert_true(took_us >= 190000);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    assert_held("local t = {} while true do t[#t + 1] = {} end", "budget");
    assert_held("local s = 'x' while true do s = s .. s end", "budget");
    assert_held("return ('x'):rep(1 << 40)", "too large");
    assert_held("local s = ('x'):rep(1 << 20) while true do r.value.name = s end", "budget");
    assert_held("while true do emit(r) end", "");
    assert_held_within(10000000, /* long enough for the memory to end first */
                "local s = ('x'):rep(1 << 20) for i = 1, 8 do r.value.name = s end\n"
                "for i = 1, 99999 do emit(r) end while true do r.value.name = s end",
                "memory budget");
    assert_held("local t = {} t.t = t r.value.name = t", "nested too deeply");
}

struct deep {
    const char *attack;
    enum leat_status opened, applied;
};

/* In a thread as tasks have: its stack is small. cmocka's asserts belong to the main thread. */
static void run_deep(void *arg)
{
    struct deep *deep = arg;
    char text[1024];
    struct leat_error err;
    struct script_host *host;
    snprintf(text, sizeof text, "function transform(r, emit)\n%s\nend", deep->attack);
    struct leat_batch *batch = leat_batch_new(1 << 20, 10);
    add_person(batch, LEAT_CREATE, 1);
    deep->opened =
        script_transform_open(&host, NULL, text, strlen(text), "@t", 100000, 64 << 20, &err);
    deep->applied = deep->opened == LEAT_OK ? script_transform_apply(host, batch, &err) : LEAT_OK;
    script_transform_close(&host);
    leat_batch_free(batch);
}

static void deep_calls_do_not_reach_the_end_of_the_stack(void **state)
{
    (void)state;
    static const char *const attacks[] = {
        "local function f() return 1 + f() end f()",
        "local function f(s) return (s:gsub('.', f)) end f('aa')",
        "local t = setmetatable({}, {}) local m = {} setmetatable(t, m) m.__tostring = function() "
        "return\n"
        "string.format('%s', t) end tostring(t)",
        "local t = {} setmetatable(t, {__index = function(_, i) return table.concat(t, '', i, i) "
        "end})\n"
        "return t[1]",
        "local function f() assert(pcall(f)) end f()",
        "local t = {} setmetatable(t, {__index = function(_, i) return t[i + 1] end}) return t[1]",
        "local function f(a, b) table.sort({1, 2, 3}, f) return a < b end f(1, 2)",
        "local s = ('x'):rep(1000) local function f() return s:gsub('x', function() return\n"
        "table.concat(setmetatable({}, {__len = function() return 1 end, __index = f})) end) end "
        "f()",
        "('a'):rep(400):match(('a?'):rep(400))",
        "('a'):rep(400):match(('()'):rep(40))",
    };
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        struct deep deep = {.attack = attacks[i]};
        struct leat_error err;
        pthread_t thread;
        assert_int_equal(leat_thread_start(&thread, "deep", run_deep, &deep, &err), LEAT_OK);
        leat_thread_join(thread);
        assert_int_equal(deep.opened, LEAT_OK);
        if (deep.applied != LEAT_REJECT)
            fail_msg("was not held: %s", attacks[i]);
    }
}

static void deep_nesting_of_the_source_is_an_error(void **state)
{
    (void)state;
    char attack[900];
    memset(attack, '(', sizeof attack - 1);
    memcpy(attack, "return ", 7);
    attack[sizeof attack - 1] = '\0';
    struct deep deep = {.attack = attack};
    struct leat_error err;
    pthread_t thread;
    assert_int_equal(leat_thread_start(&thread, "deep", run_deep, &deep, &err), LEAT_OK);
    leat_thread_join(thread);
    assert_int_equal(deep.opened, LEAT_STOP);
}

static void the_sandbox_has_no_door(void **state)
{
    (void)state;
    const char *const absent[] = {
        "io",       "os",     "debug",          "package",   "require", "load", "loadstring",
        "loadfile", "dofile", "collectgarbage", "coroutine", "rawset",  "_G",   NULL};
    for (const char *const *name = absent; *name; name++) {
        char text[128];
        snprintf(text, sizeof text, "function transform(r) assert(%s == nil) end", *name);
        char *reason = refusal_of(text, 100000, 16 << 20);
        assert_string_equal(reason, "");
        free(reason);
    }
    assert_held("string.dump(transform)", "nil value");
    assert_held("string.find = 1", "read-only");
    assert_held("leat.null = 1", "read-only");
    assert_held("setmetatable(string, {})", "protected");
    assert_held("getmetatable('').__index = {}", "boolean");
    assert_held("getmetatable(r).__index = nil", "boolean");
    assert_held("setmetatable({}, {__gc = function() end})", "__gc");
    assert_held("count = 1", "read-only after init");
    assert_held("_ENV.count = 1", "read-only after init");
}

static void a_refusal_tells_where_and_how(void **state)
{
    (void)state;
    char *reason = refusal_of("local function inner(x)\n  return x.name + 1\nend\n"
                              "function transform(r)\n  inner(r.value)\nend",
                              100000, 16 << 20);
    assert_non_null(strstr(reason, "test.lua:2:"));
    assert_non_null(strstr(reason, "stack traceback:"));
    assert_non_null(strstr(reason, "test.lua:5:"));
    free(reason);
}

static void open_says_what_is_wrong_and_where(void **state)
{
    (void)state;
    const char *const cases[][2] = {
        {"function transform(r\n  local x = 1\nend", "test.lua:2:"},
        {"local x = nil\nx.y = 1", "test.lua:2:"},
        {"function transfrom() end", "transform"},
        {"while true do end", "time budget"},
        {"\x1bLua", "binary"},
        {"function init() error('no table of names') end function transform() end",
         "no table of names"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct script_host *host;
        struct leat_error err = {0};
        assert_int_equal(script_transform_open(&host, NULL, cases[i][0], strlen(cases[i][0]),
                                               "@test.lua", 50000, 16 << 20, &err),
                         LEAT_STOP);
        assert_null(host);
        if (!strstr(err.text, cases[i][1]))
            fail_msg("%s: %s", cases[i][0], err.text);
    }
}

static void globals_may_be_set_in_init(void **state)
{
    (void)state;
    char *reason = refusal_of("function init() names = {Ada = 'A'} end\n"
                              "function transform(r) r.value.name = names[r.value.name] end",
                              100000, 16 << 20);
    assert_string_equal(reason, "");
    free(reason);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endless_loops_end),
        cmocka_unit_test(pcall_does_not_hold_the_loop_up),
        cmocka_unit_test(loops_inside_c_functions_end),
        cmocka_unit_test(the_time_is_the_same_with_other_scripts_beside),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(deep_calls_do_not_reach_the_end_of_the_stack),
        cmocka_unit_test(deep_nesting_of_the_source_is_an_error),
        cmocka_unit_test(the_sandbox_has_no_door),
        cmocka_unit_test(a_refusal_tells_where_and_how),
        cmocka_unit_test(open_says_what_is_wrong_and_where),
        cmocka_unit_test(globals_may_be_set_in_init),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
