#include <mysql/forms.h>

#include <base/assert.h>
#include <model/plain.h>
#include <openssl/evp.h>

static struct leat_value hash(const char *salt, struct leat_batch *batch, const struct leat_value *value)
{
    static const char digits[] = "0123456789abcdef";
    char room[LEAT_PLAIN_MAX];
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int count = 0;
    size_t len = 0;
    const char *text = leat_value_plain(value, room, &len);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
                   EVP_DigestUpdate(context, salt, strlen(salt)) == 1 && EVP_DigestUpdate(context, text, len) == 1 &&
                   EVP_DigestFinal_ex(context, sum, &count) == 1;
    EVP_MD_CTX_free(context);
    leat_assert(is_good && count == 32);
    char *hex = leat_batch_alloc(batch, 64);
    for (unsigned int i = 0; i < count; i++) {
        hex[2 * i] = digits[sum[i] >> 4];
        hex[2 * i + 1] = digits[sum[i] & 15];
    }
    return leat_value_text(hex, 64);
}

/* Bytes of the first `most` characters. */
static uint32_t cut(const struct leat_value *value, uint32_t most)
{
    uint32_t at = 0;
    for (uint32_t count = 0; at < value->len; at++) {
        bool begins = ((uint8_t)value->as.text[at] & 0xc0) != 0x80;
        if (begins && count++ == most)
            break;
    }
    return at;
}

static struct leat_value mask(const struct form_column *column, const struct leat_field *field)
{
    if (field->type != LEAT_TEXT || field->meaning != LEAT_PLAIN)
        return leat_value_null();
    struct leat_value text = leat_value_text(column->text, strlen(column->text));
    if (field->width > 0)
        text.len = cut(&text, field->width);
    return text;
}

struct leat_value form_hide(const struct form_column *column, const struct leat_field *field, const char *salt,
                            struct leat_batch *batch, const struct leat_value *value)
{
    struct leat_value shown = *value;
    if (value->type <= LEAT_NULL || column->act == FORM_KEEP)
        return shown;
    if (column->act == FORM_HASH)
        return hash(salt, batch, value);
    if (column->act == FORM_MASK)
        return mask(column, field);
    if (value->type == LEAT_TEXT && field->meaning == LEAT_PLAIN)
        shown.len = cut(value, column->most);
    else if (value->type == LEAT_BYTES && value->len > column->most)
        shown.len = column->most;
    return shown;
}
