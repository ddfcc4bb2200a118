#pragma once
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/sha.h>

// Swift cannot call macros.

static inline void copenssl_prepare_context(SSL_CTX *context) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}
static inline int copenssl_set_server_name(SSL *session, const char *name) {
    return (int)SSL_set_tlsext_host_name(session, name);
}

// The hashes whose state can be read and written: OpenSSL calls these functions deprecated, for its newer ones hide it.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
static inline void copenssl_sha256_begin(SHA256_CTX *context) { SHA256_Init(context); }
static inline void copenssl_sha256_add(SHA256_CTX *context, const void *bytes, size_t count) {
    SHA256_Update(context, bytes, count);
}
static inline void copenssl_sha256_end(SHA256_CTX *context, unsigned char *digest) { SHA256_Final(digest, context); }
static inline void copenssl_sha512_begin(SHA512_CTX *context) { SHA512_Init(context); }
static inline void copenssl_sha512_add(SHA512_CTX *context, const void *bytes, size_t count) {
    SHA512_Update(context, bytes, count);
}
static inline void copenssl_sha512_end(SHA512_CTX *context, unsigned char *digest) { SHA512_Final(digest, context); }
#pragma clang diagnostic pop
