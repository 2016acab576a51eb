/* The id that systemd gives each installation is not to be shown to others as it is, so only a
 * digest of it is told. */
#include "machine.h"

#include <string.h>

#include "base/digest.h"
#include "base/file.h"

#define ID_MAX_BYTES 256

void machine_id(const char *host, char out[MACHINE_ID_SIZE])
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    char digest[DIGEST_HEX_SIZE];
    buf_put_str(&text, "millrace ");
    if (file_get("/etc/machine-id", ID_MAX_BYTES, &text) != ERR_OK) {
        buf_put_str(&text, host);
    }
    digest_sha256_hex(buf_slice(&text), digest);
    memcpy(out, digest, MACHINE_ID_SIZE - 1);
    out[MACHINE_ID_SIZE - 1] = '\0';
}
