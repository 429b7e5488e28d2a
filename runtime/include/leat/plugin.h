/* plugin.h - the one symbol that a plugin (.so in a folder of `plugin_path`) exports.
 *
 *     const struct leat_plugin leat_plugin = {
 *         .struct_size = sizeof(struct leat_plugin), .abi = LEAT_ABI, .name = "sample", .version = "1.0",
 *         .licence = "Apache-2.0", .sources = sources, .sinks = sinks};
 *
 * There is no promise about the ABI before 1.0: a plugin of another LEAT_ABI is refused by name.
 */
#ifndef LEAT_PLUGIN_H
#define LEAT_PLUGIN_H

#include <leat/codec.h>
#include <leat/driver.h>
#include <leat/sink.h>
#include <leat/source.h>
#include <leat/transform.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LEAT_ABI 1

struct leat_plugin {
    uint32_t struct_size;
    uint32_t abi;
    const char *name, *version, *licence;
    /* Each list ends with NULL; a NULL list is an empty one. */
    const struct leat_source_type *const *sources;
    const struct leat_sink_type *const *sinks;
    const struct leat_transform_type *const *transforms;
    const struct leat_driver_type *const *drivers;
    const struct leat_codec_type *const *codecs;
};

#if defined(__GNUC__)
#define LEAT_EXPORT __attribute__((visibility("default"))) /* seen even where -fvisibility=hidden hides the rest */
#else
#define LEAT_EXPORT
#endif

extern LEAT_EXPORT const struct leat_plugin leat_plugin;

#ifdef __cplusplus
}
#endif
#endif
