/* transform_fixture.h - one transform with options set by name, over rows of people.h. */
#ifndef LEAT_TEST_TRANSFORM_FIXTURE_H
#define LEAT_TEST_TRANSFORM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <transform/chain.h>
#include <unit/script/people.h>

struct given {
    const char *option;
    const void *value; /* copied over the option's field */
    size_t size;
};

static inline const struct leat_transform_type *type_named(const char *name)
{
    for (const struct leat_transform_type *const *t = leat_transforms(); *t; t++)
        if (strcmp((*t)->name, name) == 0)
            return *t;
    fail_msg("no transform %s", name);
    return NULL;
}

static inline struct leat_chain_step make_step(const char *name, const struct given *given,
                                               size_t count)
{
    const struct leat_transform_type *type = type_named(name);
    struct leat_chain_step step = {type, calloc(1, type->size)};
    for (size_t i = 0; i < count; i++) {
        const struct leat_option *option = type->options;
        while (option->name && strcmp(option->name, given[i].option) != 0)
            option++;
        assert_non_null(option->name);
        memcpy((char *)step.self + option->offset, given[i].value, given[i].size);
    }
    struct leat_error err = {0};
    if (type->validate && type->validate(step.self, &err) != LEAT_OK)
        fail_msg("%s", err.text);
    return step;
}

static inline enum leat_status run_steps(struct leat_chain_step *steps, size_t count,
                                         struct leat_batch *batch)
{
    struct leat_chain *chain;
    struct leat_error err = {0};
    if (leat_chain_open(&chain, steps, count, NULL, &err) != LEAT_OK)
        fail_msg("%s", err.text);
    enum leat_status status = leat_chain_apply(chain, batch, &err);
    leat_chain_close(chain);
    for (size_t i = 0; i < count; i++)
        free(steps[i].self);
    return status;
}

static inline enum leat_status run_list(const char *name, const char *option,
                                        const char *const *items, size_t count,
                                        struct leat_batch *batch)
{
    struct leat_list list = {items, count};
    struct given given = {option, &list, sizeof list};
    struct leat_chain_step step = make_step(name, &given, 1);
    return run_steps(&step, 1, batch);
}

static inline const struct leat_value *named(const struct leat_record *rec,
                                             const struct leat_value *row, const char *name)
{
    int32_t at = leat_schema_find(rec->schema, name, strlen(name));
    return at < 0 || row->type != LEAT_STRUCT || (uint32_t)at >= row->len ? NULL
                                                                          : &row->as.items[at];
}

static inline void assert_text(const struct leat_value *value, const char *text)
{
    assert_non_null(value);
    assert_int_equal(value->type, LEAT_TEXT);
    assert_int_equal(value->len, strlen(text));
    assert_memory_equal(value->as.text, text, value->len);
}

#endif
