/* select.h - the common part of drop and keep: rows with fewer fields. */
#ifndef LEAT_TRANSFORM_SELECT_H
#define LEAT_TRANSFORM_SELECT_H

#include <transform/rows.h>

struct leat_select {
    const char *verb;  /* for messages */
    leat_keep_f *keep; /* asked of dotted names; gets `fields` */
    bool keys_stay;    /* key fields are kept whatever `keep` says; else that refuses the record */
    const struct leat_list *fields;
    bool is_deep; /* some path goes below the top of the row */
    struct leat_plans plans;
};

/* Sets up what open() needs; `fields` must stay where it is. */
void leat_select_init(struct leat_select *select, const struct leat_list *fields);
void leat_select_fini(struct leat_select *select);
enum leat_status leat_select_apply(struct leat_select *select, struct leat_batch *batch);

#endif
