/* Loaded before h2load, which cannot show a client certificate itself: each context of TLS that it makes gets one.
 *
 * OpenSSL's two functions are declared by hand, so that its headers need not be installed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

#define PEM 1

typedef struct ssl_ctx_st SSL_CTX;
int SSL_CTX_use_certificate_chain_file(SSL_CTX *context, const char *file);
int SSL_CTX_use_PrivateKey_file(SSL_CTX *context, const char *file, int type);

SSL_CTX *SSL_CTX_new(const void *method) {
    SSL_CTX *(*original)(const void *) = (SSL_CTX * (*)(const void *)) dlsym(RTLD_NEXT, "SSL_CTX_new");
    SSL_CTX *context = original(method);
    const char *certificate = getenv("CLIENT_CERTIFICATE"), *key = getenv("CLIENT_KEY");
    if (!context || !certificate || !key || SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, PEM) != 1)
        exit(3);
    return context;
}
