/* fill.c - ${env:NAME} and ${file:path} in scalars.
 *
 * What is filled in is never parsed again, neither as YAML nor for another ${: a password may hold anything.
 */
#include <config/tree.h>

#include <base/memory.h>
#include <base/os.h>
#include <base/text.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct fill {
    const struct leat_tree *scalar;
    struct leat_arena *arena;
    struct leat_findings *findings;
    struct leat_bytes out;
    bool is_bad;
};

static void fill_env(struct fill *f, const char *name)
{
    const char *value = getenv(name);
    if (value && leat_is_utf8(value, strlen(value))) {
        leat_bytes_text(&f->out, value);
        return;
    }
    f->is_bad = true;
    leat_finding_error(f->findings, &f->scalar->spot, NULL,
                       value ? "environment variable %s is not UTF-8"
                             : "environment variable %s is not set",
                       name);
}

static void fill_file(struct fill *f, const char *path)
{
    const struct leat_text_file *file = f->scalar->spot.file;
    if (*path != '/')
        path = leat_arena_format(f->arena, "%s/%s", file->dir, path);
    char *text = NULL;
    size_t len = 0;
    const char *problem = NULL;
    char buffer[128];
    if (!leat_os_read_file(leat_os, path, LEAT_TREE_FILL_MAX, &text, &len))
        problem = errno == EFBIG ? "is larger than 1 MiB" : strerror_r(errno, buffer, sizeof(buffer));
    else if (!leat_is_utf8(text, len) || memchr(text, 0, len))
        problem = "is not UTF-8 text";
    if (problem) {
        f->is_bad = true;
        leat_finding_error(f->findings, &f->scalar->spot, NULL, "%s: %s", path, problem);
    } else {
        if (len && text[len - 1] == '\n')
            len -= len > 1 && text[len - 2] == '\r' ? 2 : 1;
        leat_bytes_add(&f->out, text, len);
    }
    free(text);
}

/* `at` stands on "${"; returns what follows the brace that closes it. */
static const char *fill_one(struct fill *f, const char *at)
{
    const char *end = strchr(at, '}');
    const char *name = end ? leat_arena_copy(f->arena, at + 2, (size_t)(end - at) - 2) : "";
    if (strncmp(name, "env:", 4) == 0 && name[4]) {
        fill_env(f, name + 4);
    } else if (strncmp(name, "file:", 5) == 0 && name[5]) {
        fill_file(f, name + 5);
    } else {
        f->is_bad = true;
        const char *meant = "${env:NAME} or ${file:path}; a literal ${ is written $${";
        if (end && *name && !strchr(name, ':'))
            meant = leat_arena_format(f->arena, "did you mean ${env:%s}? (a literal ${ is written $${)",
                                      name);
        leat_finding_error(f->findings, &f->scalar->spot, meant,
                           end ? "\"${%s}\" names neither a variable nor a file"
                               : "\"${\" without its closing brace%s",
                           name);
    }
    return end ? end + 1 : at + strlen(at);
}

bool leat_tree_fill(struct leat_tree *scalar, struct leat_arena *arena, struct leat_findings *findings)
{
    if (!strstr(scalar->text, "${"))
        return true;
    struct fill f = {.scalar = scalar, .arena = arena, .findings = findings};
    leat_bytes_init(&f.out, (size_t)4 * LEAT_TREE_FILL_MAX);
    for (const char *at = scalar->text; *at;) {
        if (strncmp(at, "$${", 3) == 0) {
            leat_bytes_text(&f.out, "${");
            at += 3;
        } else if (strncmp(at, "${", 2) == 0) {
            at = fill_one(&f, at);
            scalar->is_filled = true;
        } else {
            leat_bytes_put(&f.out, (uint8_t)*at++);
        }
    }
    if (f.out.is_over) {
        f.is_bad = true;
        leat_finding_error(findings, &scalar->spot, NULL, "the text grows beyond 4 MiB");
    }
    scalar->is_plain = false;
    scalar->is_bad = f.is_bad;
    if (!f.is_bad) {
        scalar->text = leat_arena_copy(arena, f.out.data, f.out.len);
        scalar->len = f.out.len;
    }
    leat_bytes_fini(&f.out);
    return !f.is_bad;
}
