#include <model/json.h>
#include <model/positions.h>

void leat_positions_json(const struct leat_positions *positions, struct leat_bytes *out)
{
    leat_bytes_put(out, '[');
    for (uint32_t i = 0; i < leat_positions_count(positions); i++) {
        const struct leat_value *key, *value;
        leat_positions_at(positions, i, &key, &value);
        leat_bytes_text(out, i > 0 ? ",{\"key\":" : "{\"key\":");
        leat_json_value(out, key);
        leat_bytes_text(out, ",\"value\":");
        leat_json_value(out, value);
        leat_bytes_put(out, '}');
    }
    leat_bytes_put(out, ']');
}
