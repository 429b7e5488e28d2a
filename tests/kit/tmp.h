/* tmp.h - throw-away directories for tests. */
#ifndef LEAT_KIT_TMP_H
#define LEAT_KIT_TMP_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline char *kit_tmp_dir(const char *name)
{
    const char *base = getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/leat-test-%s-XXXXXX", base ? base : "/tmp", name) < 0 || !mkdtemp(path))
        abort();
    return path;
}

static inline int kit_remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

/* Removes the directory with all in it, and frees the text. */
static inline void kit_tmp_remove(char *path)
{
    nftw(path, kit_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}

#endif
