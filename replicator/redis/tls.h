/* tls.h - TLS over a socket that does not block, by OpenSSL. Thread: one at a time. */
#ifndef LEAT_REDIS_TLS_H
#define LEAT_REDIS_TLS_H

#include <leat/error.h>
#include <sys/types.h>

struct tls;
struct tls_config {
    const char *host, *ca, *cert, *key;
    bool verifies;
};

enum leat_status tls_new(struct tls **tls, const struct tls_config *config, int fd, struct leat_error *err);
void tls_free(struct tls *tls); /* NULL is fine */

enum tls_result { TLS_DONE, TLS_WANTS_READ, TLS_WANTS_WRITE, TLS_CLOSED, TLS_FAILED };
enum tls_result tls_handshake(struct tls *tls);
enum tls_result tls_read(struct tls *tls, void *to, size_t room, size_t *len);
enum tls_result tls_write(struct tls *tls, const void *from, size_t len, size_t *sent);
/* Why the last call failed. */
void tls_explain(struct tls *tls, char *text, size_t size);

#endif
