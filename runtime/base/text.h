/* text.h - small questions about text. */
#ifndef LEAT_BASE_TEXT_H
#define LEAT_BASE_TEXT_H

#include <leat/option.h>
#include <base/buffer.h>

/* The one of `count` names that a typist most likely meant, or NULL: edit distance (with swaps) of at most
 * a third of the length. */
const char *leat_did_you_mean(const char *typed, const char *const *names, size_t count);

/* Anchored pattern of dotted names: * and ? stay inside one part. */
bool leat_pattern_matches(const char *pattern, const char *name, bool ignore_case);

/* Patterns with ! exclusions: matched by one without !, and by none with. */
bool leat_patterns_match(const struct leat_list *patterns, const char *name, bool ignore_case);

/* A copy in one block, which free() of its items frees; of NULL an empty one. */
struct leat_list leat_list_dup(const struct leat_list *list);

/* Appends text with control bytes as \xNN, for messages. */
void leat_text_escape(struct leat_bytes *out, const char *text, size_t len);

bool leat_is_utf8(const void *bytes, size_t len);
/* Appends `len` bytes as valid UTF-8: bad bytes become U+FFFD. */
void leat_text_utf8(struct leat_bytes *out, const void *bytes, size_t len);

/* Base64 (RFC 4648 §4, padded). decode: false for anything else. */
void leat_base64_encode(struct leat_bytes *out, const void *bytes, size_t len);
bool leat_base64_decode(struct leat_bytes *out, const char *text, size_t len);

/* "1.2 GiB", "412,000", "3 s", "2 h 5 min" for people; `out` of 32 bytes. */
const char *leat_text_size(char out[32], uint64_t bytes);
const char *leat_text_count(char out[32], uint64_t n);
const char *leat_text_duration(char out[32], int64_t us);

/* RFC 3339 in UTC, "2026-01-02T03:04:05.678Z"; digits of fraction 0..6, -1: as many as needed. Returns the
 * length; out of 40 bytes. */
size_t leat_text_time(char *out, int64_t wall_us, int digits);
bool leat_parse_time(const char *text, size_t len, int64_t *wall_us); /* RFC 3339 with zone */

#endif
