#include <base/assert.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local char note[120];

void leat_assert_note(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(note, sizeof note, fmt, args);
    va_end(args);
}

_Noreturn void leat_assert_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "leat: %s:%d: broken invariant: %s%s%s\n"
                    "leat: stopping at once; what was acknowledged is safe. Please report this line.\n",
            file, line, expression, note[0] ? "; at " : "", note);
    abort();
}
