/* option.h - the table that says which options a plugin takes.
 *
 * The one source of parsing, checking, `leat plugins NAME`, the JSON Schema of the pipeline file and the
 * reference page. A table ends with an entry whose name is NULL. The host writes the checked values into
 * the plugin's private struct ("self") at `offset`, before any other call; what they point to lives as
 * long as self.
 *
 *     struct self { const char *path; int64_t max_bytes; };
 *     static const struct leat_option options[] = {
 *         {.name = "path", .type = LEAT_OPT_TEXT, .flags = LEAT_OPT_REQUIRED | LEAT_OPT_MAIN,
 *          .offset = offsetof(struct self, path), .about = "File to write.", .example = "out.ndjson"},
 *         {.name = "max_size", .type = LEAT_OPT_SIZE, .offset = offsetof(struct self, max_bytes),
 *          .preset = "1MiB", .min = 1, .max = INT64_MAX, .about = "Largest file."},
 *         {0}};
 */
#ifndef LEAT_OPTION_H
#define LEAT_OPTION_H

#include <leat/value.h>

#ifdef __cplusplus
extern "C" {
#endif

enum leat_option_type {
    LEAT_OPT_BOOL,     /* bool */
    LEAT_OPT_INT,      /* int64_t in min..max */
    LEAT_OPT_SIZE,     /* int64_t bytes in min..max; in text 64KiB, 1MiB, 10GB */
    LEAT_OPT_TIME,     /* int64_t microseconds in min..max; in text 200ms, 5s, 1h, 7d */
    LEAT_OPT_NUMBER,   /* double */
    LEAT_OPT_TEXT,     /* const char *, terminated; NULL when unset */
    LEAT_OPT_PATH,     /* const char *, made absolute against the pipeline file's directory */
    LEAT_OPT_CHOICE,   /* int64_t: index into choices */
    LEAT_OPT_TEMPLATE, /* const char *: text with {placeholders}, checked */
    LEAT_OPT_LIST,     /* struct leat_list: a list of texts; one text alone is a list of one */
    LEAT_OPT_PATHS,    /* struct leat_list: each as LEAT_OPT_PATH; shell patterns are fine */
    LEAT_OPT_PATTERNS, /* struct leat_list: patterns of dotted names, checked */
    LEAT_OPT_FIELDS,   /* struct leat_list: field paths, checked */
    LEAT_OPT_PAIRS,    /* struct leat_pairs: text -> text, in the order written */
    LEAT_OPT_VALUE,    /* struct leat_value: any tree (MAP, ARRAY, scalars by YAML 1.2 core) */
    LEAT_OPT_FORMAT,   /* struct leat_format: a codec's name, or {name: {its options}} */
};

enum leat_option_flag {
    LEAT_OPT_REQUIRED = 1,
    LEAT_OPT_SECRET = 2, /* never printed */
    LEAT_OPT_MAIN = 4,   /* the plugin's value may be this option's value alone */
    LEAT_OPT_HIDDEN = 8, /* for tests; not in any listing */
    LEAT_OPT_BY_ALIAS = 32, /* its alias is a name of it, too */
    LEAT_OPT_OF_PATH = 16, /* TEMPLATE: of a path, made absolute as LEAT_OPT_PATH; "-" stays */
};

struct leat_list {
    const char *const *items;
    size_t count;
};

struct leat_pairs {
    const char *const *names;
    const char *const *values;
    size_t count;
};

struct leat_codec_type;
struct leat_format {
    const struct leat_codec_type *codec; /* NULL: unset */
    const void *self; /* its options in a struct of the codec's size, which each open one begins as; NULL: all zero */
};

struct leat_option {
    const char *name;
    enum leat_option_type type;
    uint32_t flags;
    size_t offset;
    const char *preset; /* the default as a user would write it; NULL: none */
    int64_t min, max;   /* INT, SIZE, TIME; both 0: unbounded */
    const char *const *choices; /* CHOICE: ends with NULL */
    const char *about;          /* one sentence */
    const char *example;
    const char *alias; /* the name that Kafka Connect or Debezium gives it, or NULL */
};

#ifdef __cplusplus
}
#endif
#endif
