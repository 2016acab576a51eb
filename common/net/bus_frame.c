/* Frames to bytes and back: kind, three length bytes, ep, id, token, then the payload. */
#include "net/bus.h"

#define HEAD_SIZE 4

static bool kind_is_known(unsigned kind)
{
    return kind == BUS_LOOK || kind == BUS_FINAL || kind == BUS_CHUNKS;
}

enum err bus_encode(const struct bus_frame *frame, struct buf *out)
{
    const struct slice names[] = {frame->ep, frame->id, frame->token};
    unsigned char head[HEAD_SIZE] = {(unsigned char)frame->kind};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (names[i].len > 255) {
            return ERR_BAD_REQUEST;
        }
        head[i + 1] = (unsigned char)names[i].len;
    }
    enum err err = buf_put(out, head, sizeof(head));
    for (size_t i = 0; i < COUNT_OF(names) && err == ERR_OK; i++) {
        err = buf_put_slice(out, names[i]);
    }
    return err == ERR_OK ? buf_put_slice(out, frame->payload) : err;
}

enum err bus_decode(struct slice bytes, struct bus_frame *ret_frame)
{
    const unsigned char *head = (const unsigned char *)bytes.ptr;
    if (bytes.len < HEAD_SIZE || !kind_is_known(head[0])) {
        return ERR_BAD_REQUEST;
    }
    size_t ep = head[1], id = head[2], token = head[3];
    if (bytes.len < HEAD_SIZE + ep + id + token) {
        return ERR_BAD_REQUEST;
    }
    const char *at = bytes.ptr + HEAD_SIZE;
    *ret_frame = (struct bus_frame){
        .kind = (enum bus_kind)head[0],
        .ep = {at, ep},
        .id = {at + ep, id},
        .token = {at + ep + id, token},
        .payload = slice_from(bytes, HEAD_SIZE + ep + id + token),
    };
    return ERR_OK;
}
