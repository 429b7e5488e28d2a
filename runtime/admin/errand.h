/* errand.h - what an operator asks for that changes what is in a log; at the socket alone.
 *
 *   POST /dead/replay?id=&connector=&topic=    letters go to who refused them once more; 200: done, with a report
 *   POST /dead/drop?id=&connector=&topic=      they are settled without that
 *   POST /replay?sink=&from=                   sends a sink back
 *   POST /snapshot/start?pipeline=&tables=&where=&anew=    tables are read again; /snapshot/stop
 *
 * 409: it was not done, or not all of it; the text says why.
 */
#ifndef LEAT_ADMIN_ERRAND_H
#define LEAT_ADMIN_ERRAND_H

#include <base/buffer.h>
#include <control/control.h>

/* Value of an argument in the URL, NULL where it is missing. */
typedef const char *leat_argument_f(void *arg, const char *name);

unsigned leat_errand(struct leat_control *control, const char *url, leat_argument_f *argument, void *arg,
                     struct leat_bytes *out);

#endif
