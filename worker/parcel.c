/* Netstrings say how long they are before they come, so payloads stay as they are; the digest at
 * the end tells a file that was cut or damaged. */
#include "parcel.h"

#include <assert.h>

#include "base/digest.h"
#include "base/id.h"

#define MAGIC "MRSPOOL2\n"
#define SUFFIX ".spool"

static_assert(PARCEL_SEAL == DIGEST_HEX_SIZE - 1, "all digits of the digest");

static void put_string(struct buf *out, struct slice text)
{
    buf_put_i64(out, (int64_t)text.len);
    buf_put_char(out, ':');
    buf_put_slice(out, text);
    buf_put_char(out, ',');
}

static void put_number(struct buf *out, int64_t value)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    buf_put_i64(&text, value);
    put_string(out, buf_slice(&text));
}

static enum err cut_string(struct slice *rest, struct slice *ret_text)
{
    struct slice left = *rest;
    struct slice digits = slice_cut(&left, ':');
    int64_t len = slice_to_i64_or(digits, -1);
    if (len < 0 || (uint64_t)len >= left.len || left.ptr[len] != ',') {
        return ERR_BAD_REQUEST;
    }
    *ret_text = (struct slice){left.ptr, (size_t)len};
    *rest = slice_from(left, (size_t)len + 1);
    return ERR_OK;
}

static enum err cut_number(struct slice *rest, int64_t *ret_value)
{
    struct slice text;
    enum err err = cut_string(rest, &text);
    return err == ERR_OK ? slice_to_i64(text, ret_value) : err;
}

void parcel_put_chunk(struct buf *chunks, struct slice chunk)
{
    put_string(chunks, chunk);
}

enum err parcel_chunk(struct slice *rest, struct slice *ret_chunk)
{
    return rest->len > 0 ? cut_string(rest, ret_chunk) : ERR_NOT_FOUND;
}

void parcel_put(struct buf *out, const struct parcel *parcel)
{
    buf_put_str(out, MAGIC);
    put_string(out, parcel->ep);
    put_string(out, parcel->job);
    put_number(out, parcel->attempt);
    put_string(out, parcel->worker);
    put_number(out, parcel->duration_ms);
    put_number(out, parcel->retention_ms);
    put_number(out, parcel->first);
    put_number(out, (int64_t)parcel->chunk_count);
    put_string(out, parcel->chunks);
    put_string(out, parcel->is_failed ? SLICE("F") : SLICE("C"));
    put_string(out, parcel->members);
}

void parcel_seal(struct buf *out)
{
    char digest[DIGEST_HEX_SIZE];
    digest_sha256_hex(buf_slice(out), digest);
    buf_put_str(out, digest);
}

static bool is_whole(struct slice bytes)
{
    char digest[DIGEST_HEX_SIZE];
    if (bytes.len < PARCEL_SEAL || !slice_starts(bytes, SLICE(MAGIC))) {
        return false;
    }
    struct slice text = {bytes.ptr, bytes.len - PARCEL_SEAL};
    digest_sha256_hex(text, digest);
    return slice_is(slice_from(bytes, text.len), digest);
}

static enum err read_fields(struct slice rest, struct parcel *parcel)
{
    struct slice outcome = SLICE_NONE;
    int64_t count = 0;
    if (cut_string(&rest, &parcel->ep) != ERR_OK || cut_string(&rest, &parcel->job) != ERR_OK ||
        cut_number(&rest, &parcel->attempt) != ERR_OK ||
        cut_string(&rest, &parcel->worker) != ERR_OK ||
        cut_number(&rest, &parcel->duration_ms) != ERR_OK ||
        cut_number(&rest, &parcel->retention_ms) != ERR_OK ||
        cut_number(&rest, &parcel->first) != ERR_OK || cut_number(&rest, &count) != ERR_OK ||
        cut_string(&rest, &parcel->chunks) != ERR_OK || cut_string(&rest, &outcome) != ERR_OK ||
        cut_string(&rest, &parcel->members) != ERR_OK || rest.len > 0 || count < 0) {
        return ERR_BAD_REQUEST;
    }
    parcel->chunk_count = (size_t)count;
    parcel->is_failed = slice_is(outcome, "F");
    return ERR_OK;
}

enum err parcel_read(struct slice bytes, struct parcel *ret_parcel)
{
    struct parcel parcel = {0};
    if (!is_whole(bytes)) {
        return ERR_BAD_REQUEST;
    }
    struct slice text = {bytes.ptr, bytes.len - PARCEL_SEAL};
    enum err err = read_fields(slice_from(text, sizeof(MAGIC) - 1), &parcel);
    if (err == ERR_OK) {
        *ret_parcel = parcel;
    }
    return err;
}

char *parcel_name(struct slice ep, struct slice job, int64_t attempt)
{
    return xasprintf("%.*s.%.*s.%lld" SUFFIX, SLICE_ARG(ep), SLICE_ARG(job), (long long)attempt);
}

enum err parcel_parse_name(struct slice name, struct parcel *ret_parcel)
{
    struct slice rest = name;
    struct parcel parcel = {.ep = slice_cut(&rest, '.'), .job = slice_cut(&rest, '.')};
    parcel.attempt = slice_to_i64_or(slice_cut(&rest, '.'), -1);
    if (!slice_is(rest, "spool") || !id_is_valid(parcel.ep) || !id_is_valid(parcel.job) ||
        parcel.attempt < 1) {
        return ERR_BAD_REQUEST;
    }
    *ret_parcel = parcel;
    return ERR_OK;
}
