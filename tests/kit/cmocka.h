/* cmocka.h - cmocka with the headers that it wants before it, and an assertion that prints what went wrong. */
#ifndef LEAT_KIT_CMOCKA_H
#define LEAT_KIT_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>
#include <leat/error.h>

/* Compares statuses and shows the error's text where they differ. */
#define assert_status(expression, wanted, err)                                            \
    do {                                                                                  \
        enum leat_status got_ = (expression);                                             \
        if (got_ != (wanted))                                                             \
            fail_msg("%s: %s instead of %s: %s", #expression, leat_status_name(got_),      \
                     leat_status_name(wanted), (err)->text);                              \
    } while (0)

#endif
