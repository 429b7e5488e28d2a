/* Every file of tests/golden/diagnostics says, word for word, what its .txt holds. LEAT_GOLDEN_WRITE=1 writes
 * the .txt files anew; they are then reviewed like code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/memory.h>
#include <base/os.h>
#include <config/load.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <unit/config/fake_catalog.h>

static struct leat_bytes said;

static void say(void *arg, const struct leat_diagnostic *diagnostic)
{
    leat_diagnostic_print(arg, diagnostic, false);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* NN-name.yaml, and directories NN-name of several files. */
static size_t list_cases(char *names[], size_t most)
{
    size_t count = 0;
    DIR *dir = leat_os->opendir(".");
    assert_non_null(dir);
    for (struct dirent *entry; (entry = leat_os->readdir(dir)) != NULL;) {
        const char *dot = strrchr(entry->d_name, '.');
        if (entry->d_name[0] != '.' && (!dot || strcmp(dot, ".yaml") == 0) && count < most)
            names[count++] = leat_strdup(entry->d_name);
    }
    leat_os->closedir(dir);
    qsort(names, count, sizeof(*names), by_text);
    return count;
}

/* What loading this file says, and whether it was accepted. */
static void load(const char *name)
{
    struct leat_config *config = NULL;
    struct leat_error err = {0};
    leat_bytes_clear(&said);
    enum leat_status status = leat_config_load(&name, 1, &fake_catalog, say, &said, &config, &err);
    if (status == LEAT_OK) {
        leat_bytes_text(&said, "accepted\n");
    } else {
        assert_int_equal(err.cause, LEAT_CAUSE_CONFIG);
        leat_bytes_printf(&said, "%s\n", err.text);
    }
    leat_config_free(config);
    leat_bytes_put(&said, 0);
}

static bool matches(const char *name)
{
    char golden[300], *want = NULL;
    size_t len = 0, stem = strcspn(name, ".");
    snprintf(golden, sizeof(golden), "%.*s.txt", (int)stem, name);
    load(name);
    if (getenv("LEAT_GOLDEN_WRITE")) {
        assert_true(leat_os_replace_file(leat_os, golden, said.data, said.len - 1, 0644));
        return true;
    }
    bool is_there = leat_os_read_file(leat_os, golden, 1 << 20, &want, &len);
    bool is_same = is_there && strcmp(want, (char *)said.data) == 0;
    if (!is_same)
        print_error("%s: wanted\n%s\nbut it says\n%s\n", name, is_there ? want : "(no .txt)", said.data);
    free(want);
    return is_same;
}

static void every_diagnostic_reads_as_reviewed(void **state)
{
    (void)state;
    char *names[200];
    size_t count = list_cases(names, 200), failures = 0;
    assert_true(count >= 24);
    leat_bytes_init(&said, 1 << 20);
    for (size_t i = 0; i < count; i++) {
        failures += !matches(names[i]);
        free(names[i]);
    }
    leat_bytes_fini(&said);
    assert_int_equal(failures, 0);
}

int main(void)
{
    setenv("LEAT_TEST_LIST", "shop.a", 1);
    unsetenv("LEAT_TEST_UNSET");
    if (chdir(LEAT_SOURCE_DIR "/tests/golden/diagnostics") != 0)
        return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_diagnostic_reads_as_reviewed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
