/* image.h - a directory tree in memory whose bytes a test can change, and bring back as they were.
 *
 *   image_new()   write a log through image_os()   image_keep()   change bytes, open, look   image_back()   ...
 *
 * Nothing here loses power or fails (sim_disk.h does): what is written is there. image_back() copies only what was
 * changed since image_keep(), so that a hundred thousand damages of one log are a matter of seconds.
 *
 * The table of calls has no argument, so there is one image at a time, for one thread.
 */
#ifndef LEAT_KIT_IMAGE_H
#define LEAT_KIT_IMAGE_H

#include <base/os.h>

void image_new(void); /* with an empty directory "/d" */
void image_free(void);
const struct leat_os *image_os(void);

/* What image_back() brings back: kept while a log is open, it is what a process leaves that is killed then. Descriptors are
 * gone when it is back. */
void image_keep(void);
void image_back(void);

/* The bytes of a file, to be changed in place; NULL: it is not there. */
uint8_t *image_bytes(const char *path, size_t *len);
/* As they were at image_keep(); NULL: it was not there. */
const uint8_t *image_kept(const char *path, size_t *len);
/* Is it another file than then, or gone, or one that was not there? */
bool image_is_changed(const char *path);
void image_resize(const char *path, size_t len); /* zeros where it grows */
void image_remove(const char *path);
void image_put(const char *path, const void *bytes, size_t len); /* made, or made anew */
/* Names of files whose path begins with `prefix`, in order; NULL after the last. */
const char *image_name(const char *prefix, size_t at);

#endif
