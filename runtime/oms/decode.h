/* decode.h - records and keyed state of a log's frames, for who has the frames and no open log: dump and salvage. */
#ifndef LEAT_OMS_DECODE_H
#define LEAT_OMS_DECODE_H

#include <base/wire.h>
#include <leat/driver.h>

struct oms_decoder;

struct oms_decoder *oms_decoder_new(void);
void oms_decoder_free(struct oms_decoder *decoder);

/* Keyed state, as units set it: the schemas are learnt from it. */
void oms_decoder_state(struct oms_decoder *decoder, const void *key, size_t key_len, const void *value, size_t value_len, bool is_set);

/* Each record of a frame's stream: its topic by slot, its values until the next record. False: not decodable from there on;
 * *why says it. `each` may be NULL. */
typedef void oms_decoder_f(void *arg, uint32_t slot, struct leat_record *rec);
bool oms_decoder_records(struct oms_decoder *decoder, uint16_t record_format, const uint8_t *stream, size_t len,
                         const struct leat_topic *const *topics, uint32_t topic_count, oms_decoder_f *each, void *arg,
                         const char **why);

/* What an item of keyed state is: "position", "transform", "hint", "intent", "epoch", "schema"; NULL: unknown. Connector and
 * key are appended as text, the value as JSON. */
const char *oms_decoder_name(const void *key, size_t key_len, struct leat_bytes *connector, struct leat_bytes *name);
void oms_decoder_value(const void *key, size_t key_len, const void *value, size_t value_len, struct leat_bytes *json);

#endif
