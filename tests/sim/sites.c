#include "sites.h"

#include <base/assert.h>
#include <base/memory.h>
#include <execinfo.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES      4 /* a helper may call a helper */
#define STACKS_MOST 2000
#define SITES_MOST  500

/* ---- stacks ---- */

struct stack {
    enum os_call call;
    void *frames[FRAMES]; /* return addresses, innermost first; NULL: no more */
};

static struct stack stacks[STACKS_MOST];
static size_t stack_count;

static struct stack stack_of(enum os_call call, const void *caller)
{
    struct stack stack = {.call = call};
    void *all[32];
    int count = backtrace(all, 32), at = 0;
    while (at < count && all[at] != caller)
        at++;
    leat_assert(at < count);
    for (int i = 0; i < FRAMES && at + i < count; i++)
        stack.frames[i] = all[at + i];
    return stack;
}

static bool is_known(const struct stack *stack)
{
    for (size_t i = 0; i < stack_count; i++)
        if (stacks[i].call == stack->call &&
            memcmp(stacks[i].frames, stack->frames, sizeof stack->frames) == 0)
            return true;
    return false;
}

bool sites_has_failed(enum os_call call, const void *caller)
{
    struct stack stack = stack_of(call, caller);
    return is_known(&stack);
}

void sites_failed(enum os_call call, const void *caller)
{
    struct stack stack = stack_of(call, caller);
    if (is_known(&stack))
        return;
    leat_assert(stack_count < STACKS_MOST);
    stacks[stack_count++] = stack;
}

/* ---- sites, as the source has them: FILE:LINE:FUNCTION ---- */

struct site {
    char *name;
    bool has_failed;
};

static struct site sites[SITES_MOST];
static size_t site_count;

/* Where one thread alone cannot come: an index is stored while another thread lets its segment go. */
static bool takes_two_threads(const char *file, const char *function)
{
    return strcmp(file, "runtime/commitlog/hold.c") == 0 && strncmp(function, "unlink", 6) == 0;
}

static void add_site(const char *file, unsigned line, const char *function, int len)
{
    if (takes_two_threads(file, function))
        return;
    leat_assert(site_count < SITES_MOST);
    sites[site_count++].name = leat_format_dup("%s:%u:%.*s", file, line, len, function);
}

/* os->NAME( and leat_os_NAME(, where it is a call and no definition, and can fail. */
static void read_line(const char *file, unsigned line, const char *text)
{
    static const char *const helpers[] = {
        "leat_os_write_all",   "leat_os_pwrite_all", "leat_os_pwritev_all", "leat_os_pread_all",
        "leat_os_sync_parent", "leat_os_make_dirs",  "leat_os_read_file",   "leat_os_replace_file"};
    if (strstr(text, "!leat_planted(")) /* no call of an ordinary build */
        return;
    for (const char *at = text; (at = strstr(at, "os->")); at += 4)
        for (int call = 0; call < OS_CALLS; call++)
            if (strncmp(at + 4, os_call_names[call], strlen(os_call_names[call])) == 0 &&
                at[4 + strlen(os_call_names[call])] == '(')
                add_site(file, line, os_call_names[call], (int)strlen(os_call_names[call]));
    for (size_t i = 0; text[0] == ' ' && i < sizeof helpers / sizeof *helpers; i++) {
        const char *at = strstr(text, helpers[i]);
        if (at && at[strlen(helpers[i])] == '(')
            add_site(file, line, helpers[i], (int)strlen(helpers[i]));
    }
}

static void read_source(const char *file)
{
    char *path = leat_format_dup("%s/%s", LEAT_SOURCE_DIR, file), text[1000];
    FILE *source = fopen(path, "r");
    leat_assert(source);
    for (unsigned line = 1; fgets(text, sizeof text, source); line++)
        read_line(file, line, text);
    fclose(source);
    free(path);
}

static void read_sources(void)
{
    const struct leat_os *os = &leat_os_real;
    DIR *dir = os->opendir(LEAT_SOURCE_DIR "/runtime/commitlog");
    struct dirent *entry;
    leat_assert(dir);
    while ((entry = os->readdir(dir))) {
        char *file = leat_format_dup("runtime/commitlog/%s", entry->d_name);
        if (strcmp(file + strlen(file) - 2, ".c") == 0)
            read_source(file);
        free(file);
    }
    os->closedir(dir);
    read_source("runtime/base/files.c");
}

/* ---- what the stacks are in the source ---- */

static int note_base(struct dl_phdr_info *info, size_t size, void *base)
{
    (void)size;
    *(uintptr_t *)base = info->dlpi_addr;
    return 1; /* the program comes first */
}

static void mark(const char *place, const char *callee)
{
    const char *file = strstr(place, "runtime/");
    for (size_t i = 0; file && i < site_count; i++) {
        size_t len = strlen(file);
        if (strncmp(sites[i].name, file, len) == 0 && sites[i].name[len] == ':' &&
            strcmp(sites[i].name + len + 1, callee) == 0)
            sites[i].has_failed = true;
    }
}

/* addr2line answers with two lines for each address: function, and FILE:LINE. */
static void mark_stack(const struct stack *stack, FILE *answers)
{
    char callee[200], function[200], place[1000];
    snprintf(callee, sizeof callee, "%s", os_call_names[stack->call]);
    for (int i = 0; i < FRAMES && stack->frames[i]; i++) {
        leat_assert(fgets(function, sizeof function, answers) &&
                    fgets(place, sizeof place, answers));
        function[strcspn(function, "\n")] = '\0';
        place[strcspn(place, " \n")] = '\0'; /* "(discriminator 3)" may follow */
        mark(place, callee);
        snprintf(callee, sizeof callee, "%s", function);
    }
}

static void mark_stacks(const char *program)
{
    uintptr_t base = 0;
    size_t cap = 200 + stack_count * FRAMES * 20, len;
    char *command = leat_malloc(cap);
    dl_iterate_phdr(note_base, &base);
    len = (size_t)snprintf(command, cap, "addr2line -f -e '%s'", program);
    for (size_t i = 0; i < stack_count; i++)
        for (int k = 0; k < FRAMES && stacks[i].frames[k];
             k++) /* -1: within the call, not behind it */
            len += (size_t)snprintf(command + len, cap - len, " %lx",
                                    (unsigned long)((uintptr_t)stacks[i].frames[k] - base - 1));
    FILE *answers = popen(command, "r");
    leat_assert(answers);
    for (size_t i = 0; i < stack_count; i++)
        mark_stack(&stacks[i], answers);
    leat_assert(pclose(answers) == 0);
    free(command);
}

bool sites_tell(const char *program)
{
    size_t missing = 0;
    read_sources();
    mark_stacks(program);
    for (size_t i = 0; i < site_count; i++) {
        if (!sites[i].has_failed)
            printf("never failed: %s\n", sites[i].name);
        missing += !sites[i].has_failed;
        free(sites[i].name);
    }
    printf("%zu places in the source call the system, %zu of them have seen it fail\n", site_count,
           site_count - missing);
    return missing == 0;
}
