/* load.h - pipeline files to definitions. All that is wrong in all files is said at once:
 *
 *   shop.yaml:12:9: error: unknown option "tabels" for source mysql
 *      12 |         tabels: [shop.orders]
 *         |         ^~~~~~ did you mean "tables"?
 */
#ifndef LEAT_CONFIG_LOAD_H
#define LEAT_CONFIG_LOAD_H

#include <base/buffer.h>
#include <config/definition.h>

enum leat_severity { LEAT_IS_ERROR, LEAT_IS_WARNING };

struct leat_diagnostic {
    enum leat_severity severity;
    const char *file;
    uint32_t line, column; /* from 1; 0: the file as a whole */
    uint32_t width;        /* characters to underline; 0: none */
    const char *text;
    const char *excerpt; /* the line; NULL: none */
    const char *hint;    /* `did you mean "tables"?`; NULL: none */
};
typedef void leat_diagnostic_f(void *arg, const struct leat_diagnostic *diagnostic);

/* `paths`: files or directories (*.yaml in them, by name). LEAT_STOP with cause CONFIG when there was an error
 * (each was reported; err has their number); *config is then NULL. Free with leat_config_free(). */
enum leat_status leat_config_load(const char *const *paths, size_t count, const struct leat_catalog *catalog,
                                  leat_diagnostic_f *report, void *arg, struct leat_config **config,
                                  struct leat_error *err);
void leat_config_free(struct leat_config *config);

/* The top-level keys that must be known before plug-ins are loaded (plugin_path, data); lenient: whatever is
 * wrong is left for leat_config_load() to say. The caller frees *data and plugin_path->items (one block). */
enum leat_status leat_config_peek(const char *const *paths, size_t count, const char **data,
                                  struct leat_list *plugin_path, struct leat_error *err);

/* The same pipeline, wherever it stands in its file. One whose transforms read files of their own never is: those may have
 * changed. And: may one process go from one configuration to the other without ending? (Pipelines aside.) */
bool leat_pipeline_equal(const struct leat_pipeline_def *a, const struct leat_pipeline_def *b);
bool leat_config_same_process(const struct leat_config *a, const struct leat_config *b);

/* Prints one diagnostic as shown above; `colours` for terminals. */
void leat_diagnostic_print(struct leat_bytes *out, const struct leat_diagnostic *diagnostic, bool colours);
void leat_diagnostic_json(struct leat_bytes *out, const struct leat_diagnostic *diagnostic);

#endif
