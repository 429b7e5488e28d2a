/* codecs.h - the built-in envelope formats, one file each: codec_debezium.c, codec_maxwell.c, codec_canal.c, codec_cloudevents.c, codec_json.c, codec_text.c,
 * codec_native_json.c. leat_codec() (leat/codec.h) finds these and those added by plug-ins. */
#ifndef LEAT_MODEL_CODECS_H
#define LEAT_MODEL_CODECS_H

#include <leat/codec.h>

extern const struct leat_codec_type leat_codec_native_json; /* all that a record has; encodes only */
extern const struct leat_codec_type leat_codec_debezium;    /* default of files and Kafka for changes */
extern const struct leat_codec_type leat_codec_maxwell;     /* Maxwell's daemon's JSON */
extern const struct leat_codec_type leat_codec_canal;       /* canal's flat messages */
extern const struct leat_codec_type leat_codec_cloudevents; /* around any other */
extern const struct leat_codec_type leat_codec_json;        /* flat: the row alone */
extern const struct leat_codec_type leat_codec_text;        /* the value as text */
extern const struct leat_codec_type leat_codec_bytes;

/* Adds a plug-in's codec; false: the name is taken. Before threads start. */
bool leat_codec_add(const struct leat_codec_type *type);
/* All, for listings; ends with NULL. */
const struct leat_codec_type *const *leat_codecs(void);

#endif
