/* OpenSSL's context is made here and not by hiredis, which checks no name. */
#include "queue/store_tls.h"

#ifdef MILLRACE_REDIS_TLS

#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct store_tls {
    SSL_CTX *context;
    bool checks_name;
};

static enum err refuse(struct buf *problem, const char *what, const char *file)
{
    (void)buf_printf(problem, "%s %s cannot be used: allowed is a readable PEM file", what, file);
    return ERR_BAD_REQUEST;
}

static enum err load(SSL_CTX *context, const struct store_url *url, struct buf *problem)
{
    if (url->cacert == NULL && SSL_CTX_set_default_verify_paths(context) != 1) {
        return refuse(problem, "the list of authorities of the", "system");
    }
    if (url->cacert != NULL && SSL_CTX_load_verify_locations(context, url->cacert, NULL) != 1) {
        return refuse(problem, "cacert", url->cacert);
    }
    if (url->cert != NULL && SSL_CTX_use_certificate_chain_file(context, url->cert) != 1) {
        return refuse(problem, "cert", url->cert);
    }
    if (url->key != NULL && SSL_CTX_use_PrivateKey_file(context, url->key, SSL_FILETYPE_PEM) != 1) {
        return refuse(problem, "key", url->key);
    }
    return ERR_OK;
}

enum err store_tls_new(const struct store_url *url, struct store_tls **ret_tls, struct buf *problem)
{
    AUTO(store_tls_free) struct store_tls *tls = xcalloc(1, sizeof(*tls));
    tls->context = SSL_CTX_new(TLS_client_method());
    ensure(tls->context != NULL);
    tls->checks_name = url->cacert == NULL;
    (void)SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    /* What could not be written is tried again after more has been appended to it. */
    (void)SSL_CTX_set_mode(tls->context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    enum err err = load(tls->context, url, problem);
    if (err == ERR_OK) {
        *ret_tls = steal(tls);
    }
    return err;
}

void store_tls_free(struct store_tls *tls)
{
    if (tls != NULL) {
        SSL_CTX_free(tls->context);
        free(tls);
    }
}

/* A name for SNI; addresses are not sent, as the standard has it. */
static bool name_peer(const struct store_tls *tls, SSL *ssl, const char *host)
{
    struct in6_addr address;
    bool is_address =
        inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
    if (!is_address && SSL_set_tlsext_host_name(ssl, host) != 1) {
        return false;
    }
    if (!tls->checks_name) {
        return true;
    }
    return is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1
                      : SSL_set1_host(ssl, host) == 1;
}

enum err store_tls_begin(const struct store_tls *tls, struct redisContext *context,
                         const char *host, struct ssl_st **ret_tls)
{
    SSL *ssl = SSL_new(tls->context);
    if (ssl == NULL) {
        return ERR_IO;
    }
    if (!name_peer(tls, ssl, host)) {
        SSL_free(ssl);
        return ERR_IO;
    }
    *ret_tls = ssl;
    return redisInitiateSSL(context, ssl) == REDIS_OK ? ERR_OK : ERR_IO; /* takes ssl */
}

bool store_tls_wants_read(const struct ssl_st *tls)
{
    return tls != NULL && SSL_want_read(tls);
}

#else

enum err store_tls_new(const struct store_url *url, struct store_tls **ret_tls, struct buf *problem)
{
    (void)url;
    (void)ret_tls;
    (void)buf_put_str(problem,
                      "this build's hiredis has no TLS: use redis:// instead of rediss://, "
                      "or build where hiredis_ssl (hiredis 1.x, as in Debian 13) is there");
    return ERR_BAD_REQUEST;
}

void store_tls_free(struct store_tls *tls)
{
    (void)tls;
}

enum err store_tls_begin(const struct store_tls *tls, struct redisContext *context,
                         const char *host, struct ssl_st **ret_tls)
{
    (void)tls;
    (void)context;
    (void)host;
    (void)ret_tls;
    return ERR_INTERNAL;
}

bool store_tls_wants_read(const struct ssl_st *tls)
{
    (void)tls;
    return false;
}

#endif
