#pragma once
#include <zlib.h>

// Macros in zlib's header, which Swift can't call.

// One gzip member.
static inline int czlib_gzip_begin(z_stream *stream) {
    return deflateInit2(stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

// A gzip member from its first byte.
static inline int czlib_gunzip_begin(z_stream *stream) { return inflateInit2(stream, 15 + 16); }

// Compressed data without a header, from a point where it was flushed.
static inline int czlib_inflate_begin(z_stream *stream) { return inflateInit2(stream, -15); }
