#include <redis/tls.h>

#include <base/memory.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

struct tls {
    SSL_CTX *context;
    SSL *ssl;
};

static enum leat_status failed(const char *what, const char *name, struct leat_error *err)
{
    char text[256];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    return leat_fail_as(err, LEAT_STOP, LEAT_CAUSE_CONFIG, "%s %s: %s", what, name, text);
}

static enum leat_status load_files(SSL_CTX *context, const struct tls_config *config, struct leat_error *err)
{
    ERR_clear_error();
    if (config->ca ? !SSL_CTX_load_verify_locations(context, config->ca, NULL) : !SSL_CTX_set_default_verify_paths(context))
        return failed("tls_ca", config->ca ? config->ca : "of the system", err);
    if (config->cert && SSL_CTX_use_certificate_chain_file(context, config->cert) != 1)
        return failed("tls_cert", config->cert, err);
    if (config->key && SSL_CTX_use_PrivateKey_file(context, config->key, SSL_FILETYPE_PEM) != 1)
        return failed("tls_key", config->key, err);
    return LEAT_OK;
}

/* The certificate must be for `host`, which may be an address. */
static bool expect_host(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
        return true;
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

enum leat_status tls_new(struct tls **made, const struct tls_config *config, int fd, struct leat_error *err)
{
    struct tls *tls = *made = leat_calloc(1, sizeof *tls);
    tls->context = SSL_CTX_new(TLS_client_method());
    if (!tls->context)
        return failed("tls", "cannot begin", err);
    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    SSL_CTX_set_mode(tls->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(tls->context, config->verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    enum leat_status status = load_files(tls->context, config, err);
    if (status != LEAT_OK)
        return status;
    tls->ssl = SSL_new(tls->context);
    if (!tls->ssl || SSL_set_fd(tls->ssl, fd) != 1 || (config->verifies && !expect_host(tls->ssl, config->host)))
        return failed("tls", "cannot begin", err);
    return LEAT_OK;
}

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    SSL_free(tls->ssl);
    SSL_CTX_free(tls->context);
    free(tls);
}

static enum tls_result result_of(struct tls *tls, int result)
{
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        return TLS_FAILED;
    }
}

enum tls_result tls_handshake(struct tls *tls)
{
    ERR_clear_error();
    return result_of(tls, SSL_connect(tls->ssl));
}

enum tls_result tls_read(struct tls *tls, void *to, size_t room, size_t *len)
{
    ERR_clear_error();
    int got = SSL_read(tls->ssl, to, room > INT_MAX ? INT_MAX : (int)room);
    *len = got > 0 ? (size_t)got : 0;
    return result_of(tls, got);
}

enum tls_result tls_write(struct tls *tls, const void *from, size_t len, size_t *sent)
{
    ERR_clear_error();
    int count = SSL_write(tls->ssl, from, len > INT_MAX ? INT_MAX : (int)len);
    *sent = count > 0 ? (size_t)count : 0;
    return result_of(tls, count);
}

void tls_explain(struct tls *tls, char *text, size_t size)
{
    long verified = SSL_get_verify_result(tls->ssl);
    unsigned long code = ERR_peek_error();
    if (verified != X509_V_OK)
        snprintf(text, size, "its certificate: %s", X509_verify_cert_error_string(verified));
    else if (code)
        ERR_error_string_n(code, text, size);
    else
        snprintf(text, size, "the connection was broken off");
}
