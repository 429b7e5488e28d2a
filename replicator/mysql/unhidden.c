#include <mysql/unhidden.h>

#include <strings.h>

bool form_hides(const struct form *form)
{
    return form && form->columns;
}

enum shown { NOT_THERE, HIDDEN, SHOWN };

static enum shown find(const struct form *form, const char *name)
{
    uint32_t at = 0;
    while (at < form->of->field_count && strcasecmp(form->of->fields[at].name, name) != 0)
        at++;
    if (at == form->of->field_count)
        return NOT_THERE;
    for (uint32_t i = 0; form->columns && i < form->schema->field_count; i++)
        if (form->columns[i].from == at)
            return form->columns[i].act == FORM_KEEP ? SHOWN : HIDDEN;
    return form->columns ? HIDDEN : SHOWN;
}

static void say(const struct form *was, const char *old, const struct table *table, const char *column, const struct leat_task *task)
{
    if (find(was, old) == HIDDEN && find(form_of(table), column) == SHOWN)
        leat_say(LEAT_WARNING, leat_task_name(task),
                 "column %s of %s is shown as it is from here on: it was %s.%s.%s, which `columns` hides; name it there by its new name too",
                 column, table->full, was->of->space, was->of->name, old);
}

void unhidden_say(const struct leat_ddl_step *step, const struct form *was, const struct table *table, const struct leat_task *task)
{
    if (!form_hides(was) || !table->is_captured || !table->is_known || !form_of(table))
        return;
    for (uint32_t i = 0; step->kind == LEAT_DDL_ALTER && i < step->change_count; i++) {
        const struct leat_ddl_change *change = &step->changes[i];
        bool is_renamed = change->kind == LEAT_DDL_CHANGE || change->kind == LEAT_DDL_RENAME_COLUMN;
        if (is_renamed && strcasecmp(change->old, change->column.name) != 0)
            say(was, change->old, table, change->column.name, task);
    }
    for (uint32_t i = 0; step->kind == LEAT_DDL_RENAME && i < was->of->field_count; i++)
        say(was, was->of->fields[i].name, table, was->of->fields[i].name, task);
}
