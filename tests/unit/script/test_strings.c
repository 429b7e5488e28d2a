/* Our string functions against what Lua's manual says, and exact values. */
#include "script_fixture.h"

#include <stdio.h>

static void assert_runs(const char *body)
{
    char text[4096];
    snprintf(text, sizeof text, "function transform(r, emit)\n%s\nend", body);
    char *reason = refusal_of(text, 1000000, 16 << 20);
    if (*reason)
        fail_msg("%s", reason);
    free(reason);
}

static void find_and_match_do_what_lua_says(void **state)
{
    (void)state;
    assert_runs("local function eq(want, ...) local got = table.concat({...}, '|')\n"
                "  assert(got == want, got .. ' and not ' .. want) end\n"
                "eq('3|4', ('abcd'):find('cd')) eq('1|0', ('abc'):find('')) eq('4|3', "
                "('abc'):find('', 10 - 6))\n"
                "assert(('abc'):find('', 5) == nil) eq('2|2', ('a.c'):find('.', 2, true))\n"
                "eq('2|3|b|c', ('abc'):find('(b)(c)')) eq('3|5', ('a b12 '):find('%w%d%d'))\n"
                "eq('key|value', ('key = value'):match('^(%w+)%s*=%s*(%w+)$'))\n"
                "eq('(b(c)d)', ('a(b(c)d)e'):match('%b()')) eq('3', ('ab'):match('ab()'))\n"
                "eq('THE|the', ('THE (the) fox'):match('%f[%a](%a+)%f[%A].-%f[%a](%a+)'))\n"
                "eq('aa', ('xaay'):match('(a)%1') .. ('xaay'):match('(a)%1')) eq(']', "
                "('a]'):match('[]]'))\n"
                "eq('-', ('a-b'):match('[a-]', 2)) eq('^', ('x^'):match('[%^]')) eq('b', "
                "('ab'):match('[^a]'))\n"
                "eq('ab', ('ab'):match('^ab$')) assert(not ('abc'):match('^ab$')) eq('a$', "
                "('a$'):match('a%$'))\n"
                "eq('', ('bc'):match('a*')) eq('aab', ('aab'):match('a+b')) eq('a', "
                "('aab'):match('a-b?'):len() == 0\n"
                "  and 'a' or 'x') eq('ac', ('ac'):match('ab?c')) eq('x\\0y', "
                "('x\\0y'):match('x%zy') or 'x\\0y')\n"
                "eq('é', ('é'):match('[\\xc3][\\xa9]')) eq('c', ('abc'):match('%a', -1))");
}

static void gsub_and_gmatch_do_what_lua_says(void **state)
{
    (void)state;
    assert_runs(
        "local function eq(want, ...) local got = table.concat({...}, '|')\n"
        "  assert(got == want, got .. ' and not ' .. want) end\n"
        "eq('hexxo|2', ('hello'):gsub('l', 'x')) eq('-a-b-|3', ('ab'):gsub('', '-'))\n"
        "eq('b a|1', ('a b'):gsub('(%w) (%w)', '%2 %1')) eq('<a>|1', ('a'):gsub('.', '<%0>'))\n"
        "eq('100%|1', ('x'):gsub('x', '100%%')) eq('xbc|1', ('abc'):gsub('^%w', 'x'))\n"
        "eq('1 y|2', ('$a $b'):gsub('%$(%w)', {a = 1, b = 'y'})) eq('$a|1', ('$a'):gsub('%$(%w)', "
        "{}))\n"
        "eq('AB|2', ('ab'):gsub('%w', string.upper)) eq('Xb|1', ('ab'):gsub('%w', 'X', 1))\n"
        "eq('abc|0', ('abc'):gsub('x*$y', '')) eq('x-x|2', ('abc-abc'):gsub('%w+', 'x'))\n"
        "eq('abc|1', ('  abc  '):gsub('^%s*(.-)%s*$', '%1'))\n"
        "local t = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do t[#t + 1] = k .. v end\n"
        "eq('a1|b2', table.unpack(t))\n"
        "local n = 0 for _ in ('abc'):gmatch('') do n = n + 1 end assert(n == 4)\n"
        "eq('x,x,x', ('x'):rep(3, ',')) eq('', ('x'):rep(0)) eq('', ('x'):rep(-1))\n"
        "for _, bad in ipairs{'[a', '%', '(a', 'a)', '%b', '%f', '%1'} do\n"
        "  assert(not pcall(string.match, 'aaa', bad), bad) end\n"
        "assert(not pcall(string.gsub, 'a', 'a', '%2')) assert(not pcall(string.gsub, 'a', 'a', "
        "'%x'))");
}

static void tables_do_what_lua_says(void **state)
{
    (void)state;
    assert_runs(
        "local function eq(want, t) local got = table.concat(t, ',')\n"
        "  assert(got == want, got .. ' and not ' .. want) end\n"
        "local t = {1, 2, 3} table.insert(t, 4) table.insert(t, 1, 0) table.insert(t, 3, 9)\n"
        "eq('0,1,9,2,3,4', t) assert(table.remove(t) == 4 and table.remove(t, 1) == 0) "
        "eq('1,9,2,3', t)\n"
        "assert(table.remove({}) == nil) assert(not pcall(table.insert, t, 9, 1))\n"
        "table.sort(t) eq('1,2,3,9', t) table.move(t, 1, 3, 2) eq('1,1,2,3', t)\n"
        "table.move(t, 2, 4, 1) eq('1,2,3,3', t) eq('7,1,2', table.move(t, 1, 2, 2, {7}))\n"
        "assert(select('#', table.unpack(t)) == 4)\n"
        "local ok, e = xpcall(error, function(m) return m .. '!' end, 'x') assert(not ok and e == "
        "'x!')\n"
        "local ok, a, b = xpcall(function(...) return ... end, print, 1, 2) assert(ok and a == 1 "
        "and b == 2)\n"
        "assert(tonumber('0x10') == 16 and tonumber('z', 36) == 35 and not tonumber('x') and "
        "tonumber(' 7 ') == 7)\n"
        "assert(tonumber('1e1') == 10.0 and not pcall(tonumber))");
}

static void exact_values_keep_their_type_and_compare(void **state)
{
    (void)state;
    assert_runs(
        "local v = r.value\n"
        "assert(tostring(v.price) == '12.50' and v.price == leat.decimal('12.5') and "
        "tonumber(v.price) == 12.5)\n"
        "assert(v.price > 12 and v.price < leat.decimal('12.51') and v.price <= 12.5 and not "
        "(v.price > 12.5))\n"
        "assert(leat.decimal('-1.5') < leat.decimal('-1.4') and leat.decimal('100') > "
        "leat.decimal('99.9'))\n"
        "assert(tostring(v.big) == '18446744073709551615' and v.big > math.maxinteger)\n"
        "assert(v.big == leat.uint('18446744073709551615') and v.big ~= leat.uint(1))\n"
        "assert(tostring(v.born) == '1815-12-10' and v.born.year == 1815 and v.born.type == "
        "'DATE')\n"
        "assert(v.born == leat.date('1815-12-10') and v.born < leat.date('1900-01-01'))\n"
        "assert(#v.data == 3 and tostring(v.data) == '\\0\\xff\\x10' and v.data == "
        "leat.bytes('\\0\\xff\\x10'))\n"
        "assert('x' .. v.price == 'x12.50' and v.price .. '' == '12.50')\n"
        "assert(tostring(leat.datetime('2026-01-31 23:59:59.5')) == '2026-01-31 23:59:59.5')\n"
        "assert(tostring(leat.time('-838:59:59')) == '-838:59:59' and leat.time('10:00:00').hour "
        "== 10)\n"
        "assert(tostring(leat.timestamp('2026-01-31T23:59:59.250Z')):find('^2026%-01%-31T23:59:59%."
        "250'))\n"
        "for _, bad in ipairs{'', '1.', '.5', '1e3', '1.2.3', ' 1'} do assert(not "
        "pcall(leat.decimal, bad)) end\n"
        "assert(not pcall(leat.date, '2026-13-01') and not pcall(leat.uint, "
        "'18446744073709551616'))\n"
        "assert(leat.type(v, 'price') == 'DECIMAL' and leat.type(v, 'nothing') == 'ABSENT')\n"
        "v.extra = {d = v.price, b = v.born} assert(v.extra.d == v.price and v.extra.b == v.born)\n"
        "assert(r.time.type == 'TIMESTAMP' and leat.now().type == 'TIMESTAMP')\n"
        "assert(r.op == 'u' and r.database == 'shop' and r.table == 'people' and r.topic == "
        "'shop.people')\n"
        "assert(not pcall(function() return r.vlaue end) and not pcall(function() r.vlaue = 1 "
        "end))");
}

static void text_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    char *reason = refusal_of("function transform(r) r.value.name = '\\xff' end", 100000, 16 << 20);
    assert_non_null(strstr(reason, "UTF-8"));
    free(reason);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find_and_match_do_what_lua_says),
        cmocka_unit_test(gsub_and_gmatch_do_what_lua_says),
        cmocka_unit_test(tables_do_what_lua_says),
        cmocka_unit_test(exact_values_keep_their_type_and_compare),
        cmocka_unit_test(text_that_is_not_utf8_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
