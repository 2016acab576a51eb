/* The head of a request: gather, then read.
 *
 * Gathering only looks for line ends and limits, so that a head that comes byte by byte costs no
 * more than one that comes at once, and copies exactly the head's bytes: what follows stays with
 * the caller. Reading happens once, over the whole head: cut the request line, cut the header
 * lines, read the few headers that frame the message, ask llhttp for its agreement.
 *
 * What must never happen: a head accepted whose end, length or target another HTTP implementation
 * could see elsewhere. */
#include "net/http_parse.h"

#define KEEP_BYTES 1024 /* longer heads give their memory back; a usual one is shorter */
#define KEEP_HEADERS 16

#define REQUEST_LINE_MAX (HTTP_LINE_MAX + 64) /* method and version beside the target */

static enum err fault(struct http_parse *parse, enum err err, const char *detail)
{
    parse->detail = detail;
    return err;
}

/* --- gathering --- */

static enum err check_limits(struct http_parse *parse, size_t gathered)
{
    if (parse->line_count == 0) {
        return parse->line_len > REQUEST_LINE_MAX
                   ? fault(parse, ERR_URI_TOO_LONG, "the request line is too long")
                   : ERR_OK;
    }
    if (gathered - parse->target_line_len > HTTP_HEAD_MAX) {
        return fault(parse, ERR_HEADERS_TOO_LARGE, "the request headers are too large");
    }
    if (parse->line_count > HTTP_HEADERS_MAX + 1) {
        return fault(parse, ERR_HEADERS_TOO_LARGE, "too many request headers");
    }
    return ERR_OK;
}

/* One line end has been found; *ret_is_end for the empty line. */
static enum err end_line(struct http_parse *parse, char before, bool *ret_is_end)
{
    if (before != '\r') {
        return fault(parse, ERR_BAD_REQUEST, "a line ends without a carriage return");
    }
    *ret_is_end = parse->line_len == 2;
    if (*ret_is_end) {
        return ERR_OK;
    }
    if (parse->line_count == 0) {
        parse->target_line_len = parse->line_len;
    }
    parse->line_count++;
    parse->line_len = 0;
    return ERR_OK;
}

/* Walks to the end of the head or of the bytes. */
static enum err scan(struct http_parse *parse, struct slice bytes, size_t *ret_used,
                     bool *ret_is_end)
{
    enum err err = ERR_OK;
    size_t at = 0;
    *ret_is_end = false;
    while (err == ERR_OK && at < bytes.len && !*ret_is_end) {
        const char *lf = memchr(bytes.ptr + at, '\n', bytes.len - at);
        size_t piece = lf ? (size_t)(lf - bytes.ptr) + 1 - at : bytes.len - at;
        char before = piece >= 2 ? bytes.ptr[at + piece - 2] : parse->last;
        at += piece;
        parse->line_len += piece;
        parse->last = bytes.ptr[at - 1];
        if (lf != NULL) {
            err = end_line(parse, before, ret_is_end);
        }
        if (err == ERR_OK) {
            err = check_limits(parse, parse->bytes.len + at);
        }
    }
    *ret_used = at;
    return err;
}

/* Empty lines before a request are allowed; some clients end a body with one. */
static size_t skip_line_ends(struct slice bytes)
{
    size_t at = 0;
    while (at < bytes.len && (bytes.ptr[at] == '\r' || bytes.ptr[at] == '\n')) {
        at++;
    }
    return at;
}

static enum err read_head(struct http_parse *parse);

static enum err gather(struct http_parse *parse, struct slice bytes, size_t *ret_used,
                       bool *ret_is_complete)
{
    size_t used = 0;
    bool is_end = false;
    enum err err = scan(parse, bytes, &used, &is_end);
    if (err != ERR_OK) {
        return err;
    }
    err = buf_put(&parse->bytes, bytes.ptr, used);
    if (err == ERR_OK && is_end) {
        err = read_head(parse);
    }
    if (err == ERR_OK) {
        *ret_used += used;
        *ret_is_complete = is_end;
    }
    return err;
}

enum err http_parse_feed(struct http_parse *parse, struct slice bytes, size_t *ret_used,
                         bool *ret_is_complete)
{
    *ret_is_complete = false;
    *ret_used = http_parse_is_empty(parse) ? skip_line_ends(bytes) : 0;
    bytes = slice_from(bytes, *ret_used);
    if (bytes.len == 0) {
        return ERR_OK;
    }
    /* Another protocol (a TLS hello) is told so at once, it would never send a line end. */
    if (http_parse_is_empty(parse) && (bytes.ptr[0] < 'A' || bytes.ptr[0] > 'Z')) {
        return fault(parse, ERR_BAD_REQUEST, "this is not an HTTP request");
    }
    return gather(parse, bytes, ret_used, ret_is_complete);
}

/* --- reading: the request line --- */

static enum http_method method_of(struct slice name)
{
    static const struct {
        const char *name;
        enum http_method method;
    } known[] = {
        {"GET", HTTP_GET},         {"POST", HTTP_POST},     {"HEAD", HTTP_HEAD},
        {"PUT", HTTP_PUT},         {"DELETE", HTTP_DELETE}, {"PATCH", HTTP_PATCH},
        {"OPTIONS", HTTP_OPTIONS},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (slice_is(name, known[i].name)) {
            return known[i].method;
        }
    }
    return HTTP_OTHER;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum err read_version(struct http_parse *parse, struct slice version)
{
    if (slice_is(version, "HTTP/1.1")) {
        return ERR_OK;
    }
    if (slice_is(version, "HTTP/1.0")) {
        parse->head.is_v10 = true;
        return ERR_OK;
    }
    bool is_version = version.len == 8 && slice_starts(version, SLICE("HTTP/")) &&
                      is_digit(version.ptr[5]) && version.ptr[6] == '.' && is_digit(version.ptr[7]);
    return is_version ? fault(parse, ERR_HTTP_VERSION, "only HTTP/1.0 and HTTP/1.1 are spoken here")
                      : fault(parse, ERR_BAD_REQUEST, "malformed request line");
}

/* "http://host/path" becomes "/path". */
static struct slice drop_origin(struct slice target)
{
    static const struct slice schemes[] = {{"http://", 7}, {"https://", 8}};
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        if (target.len < schemes[i].len ||
            !slice_eq_nocase((struct slice){target.ptr, schemes[i].len}, schemes[i])) {
            continue;
        }
        size_t at = schemes[i].len;
        while (at < target.len && target.ptr[at] != '/' && target.ptr[at] != '?') {
            at++;
        }
        return slice_from(target, at);
    }
    return target;
}

/* Collapses duplicate slashes in place and drops a trailing one. */
static struct slice normalise(struct slice path)
{
    char *out = (char *)(uintptr_t)path.ptr; /* the parser's own bytes */
    size_t len = 0;
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] != '/' || len == 0 || out[len - 1] != '/') {
            out[len++] = path.ptr[i];
        }
    }
    if (len > 1 && out[len - 1] == '/') {
        len--;
    }
    return (struct slice){out, len};
}

static enum err read_target(struct http_parse *parse, struct slice target)
{
    if (target.len > HTTP_LINE_MAX) {
        return fault(parse, ERR_URI_TOO_LONG, "the request target is too long");
    }
    struct slice rest = drop_origin(target);
    bool is_absolute = rest.ptr != target.ptr;
    struct slice whole = slice_cut(&rest, '#'); /* fragments are no business of servers */
    struct slice path = slice_cut(&whole, '?');
    parse->head.query = whole;
    if (path.len == 0 && is_absolute) {
        path = SLICE("/");
        parse->head.path = path;
        return ERR_OK;
    }
    bool is_star = slice_is(path, "*") && parse->head.method == HTTP_OPTIONS;
    if (!is_star && (path.len == 0 || path.ptr[0] != '/')) {
        return fault(parse, ERR_BAD_REQUEST, "malformed request target");
    }
    parse->head.path = normalise(path);
    return ERR_OK;
}

static bool is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

/* Eight bytes at a time: is one of them below 0x20 or DEL? A tab is, too; the caller looks closer.
 */
static bool may_have_control(const char *eight)
{
    static const uint64_t ones = 0x0101010101010101;
    uint64_t word;
    memcpy(&word, eight, sizeof(word));
    uint64_t low = (word - ones * 0x20) & ~word;
    uint64_t del = word ^ (ones * 0x7f);
    del = (del - ones) & ~del;
    return ((low | del) & (ones * 0x80)) != 0;
}

static bool has_control(struct slice text)
{
    const char *at = text.ptr, *end = text.ptr + text.len;
    while (end - at >= 8 && !may_have_control(at)) {
        at += 8;
    }
    if (end - at < 8 && text.len >= 8 && !may_have_control(end - 8)) {
        return false; /* the rest, and some of what came before it */
    }
    while (at < end && !is_control(*at)) {
        at++;
    }
    return at < end;
}

static enum err read_request_line(struct http_parse *parse, struct slice line)
{
    struct slice rest = line;
    struct slice name = slice_cut(&rest, ' ');
    struct slice target = slice_cut(&rest, ' ');
    if (name.len == 0 || target.len == 0 || has_control(line) ||
        memchr(line.ptr, '\t', line.len) != NULL) {
        return fault(parse, ERR_BAD_REQUEST, "malformed request line");
    }
    enum err err = read_version(parse, rest);
    if (err != ERR_OK) {
        return err;
    }
    if (slice_is(name, "CONNECT")) {
        return fault(parse, ERR_METHOD_NOT_ALLOWED, "this is no proxy");
    }
    parse->head.method = method_of(name);
    parse->head.method_name = name;
    return read_target(parse, target);
}

/* --- reading: the headers that frame the message --- */

/* What has been seen of headers that may occur once. */
struct seen {
    unsigned hosts;
    unsigned lengths;
    unsigned codings;
    bool has_close, has_keep_alive;
};

static enum err read_length(struct http_parse *parse, struct slice value)
{
    int64_t length = 0;
    if (value.len == 0 || value.len > 18 || !is_digit(value.ptr[0]) ||
        slice_to_i64(value, &length) != ERR_OK) {
        return fault(parse, ERR_BAD_REQUEST, "malformed Content-Length");
    }
    parse->head.content_length = length;
    return ERR_OK;
}

static enum err read_coding(struct http_parse *parse, struct slice value)
{
    if (parse->head.is_v10 || !slice_eq_nocase(value, SLICE("chunked"))) {
        return fault(parse, ERR_BAD_REQUEST, "no Transfer-Encoding but chunked is supported");
    }
    parse->head.is_chunked = true;
    return ERR_OK;
}

static void read_connection(struct slice value, struct seen *seen)
{
    while (value.len > 0) {
        struct slice token = slice_trim(slice_cut(&value, ','));
        seen->has_close |= slice_eq_nocase(token, SLICE("close"));
        seen->has_keep_alive |= slice_eq_nocase(token, SLICE("keep-alive"));
    }
}

static enum err read_known(struct http_parse *parse, struct http_header header, struct seen *seen)
{
    switch (header.name.len) { /* most names are told apart by their length */
    case 4:
        seen->hosts += slice_eq_nocase(header.name, SLICE("Host"));
        break;
    case 6:
        if (slice_eq_nocase(header.name, SLICE("Expect"))) {
            parse->head.expects_continue = slice_eq_nocase(header.value, SLICE("100-continue"));
        }
        break;
    case 10:
        if (slice_eq_nocase(header.name, SLICE("Connection"))) {
            read_connection(header.value, seen);
        }
        break;
    case 14:
        if (slice_eq_nocase(header.name, SLICE("Content-Length"))) {
            seen->lengths++;
            return read_length(parse, header.value);
        }
        break;
    case 17:
        if (slice_eq_nocase(header.name, SLICE("Transfer-Encoding"))) {
            seen->codings++;
            return read_coding(parse, header.value);
        }
        break;
    default:
        break;
    }
    return ERR_OK;
}

static enum err check_framing(struct http_parse *parse, const struct seen *seen)
{
    if (seen->hosts > 1 || (seen->hosts == 0 && !parse->head.is_v10)) {
        return fault(parse, ERR_BAD_REQUEST, "exactly one Host header is required");
    }
    if (seen->lengths > 1 || seen->codings > 1) {
        return fault(parse, ERR_BAD_REQUEST, "the length of the body is given twice");
    }
    if (seen->lengths > 0 && seen->codings > 0) {
        return fault(parse, ERR_BAD_REQUEST, "Content-Length beside Transfer-Encoding");
    }
    parse->head.is_keep_alive =
        parse->head.is_v10 ? seen->has_keep_alive && !seen->has_close : !seen->has_close;
    parse->head.expects_continue = parse->head.expects_continue && !parse->head.is_v10;
    return ERR_OK;
}

/* --- reading: the header lines --- */

static bool is_name(struct slice name)
{
    static const bool may_be_in_name[256] = {
        ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['!'] = true,
        ['#'] = true,         ['$'] = true,         ['%'] = true,         ['&'] = true,
        ['\''] = true,        ['*'] = true,         ['+'] = true,         ['-'] = true,
        ['.'] = true,         ['^'] = true,         ['_'] = true,         ['`'] = true,
        ['|'] = true,         ['~'] = true,
    };
    bool is_good = name.len > 0;
    for (size_t i = 0; i < name.len; i++) {
        is_good &= may_be_in_name[(unsigned char)name.ptr[i]];
    }
    return is_good;
}

static enum err read_header(struct http_parse *parse, struct slice line, struct http_header *ret)
{
    if (line.ptr[0] == ' ' || line.ptr[0] == '\t') {
        return fault(parse, ERR_BAD_REQUEST, "folded header lines are obsolete");
    }
    const char *colon = memchr(line.ptr, ':', line.len);
    if (colon == NULL) {
        return fault(parse, ERR_BAD_REQUEST, "a header line has no colon");
    }
    struct slice name = {line.ptr, (size_t)(colon - line.ptr)};
    struct slice value = slice_from(line, name.len + 1);
    if (!is_name(name)) {
        return fault(parse, ERR_BAD_REQUEST, "malformed header name");
    }
    if (has_control(value)) {
        return fault(parse, ERR_BAD_REQUEST, "control bytes in a header value");
    }
    *ret = (struct http_header){name, slice_trim(value)};
    return ERR_OK;
}

/* Cuts a line off the rest; scan() has seen that every line ends with CRLF. */
static struct slice cut_line(struct slice *rest)
{
    struct slice line = slice_cut(rest, '\n');
    ensure(line.len > 0);
    line.len--;
    return line;
}

static void reserve_headers(struct http_parse *parse, size_t count)
{
    if (count > parse->header_cap) {
        parse->header_cap = count < KEEP_HEADERS ? KEEP_HEADERS : count;
        parse->headers = xrealloc(parse->headers, parse->header_cap * sizeof(*parse->headers));
    }
}

static enum err read_headers(struct http_parse *parse, struct slice rest)
{
    struct seen seen = {0};
    size_t count = parse->line_count - 1;
    reserve_headers(parse, count);
    for (size_t i = 0; i < count; i++) {
        struct http_header *header = &parse->headers[i];
        enum err err = read_header(parse, cut_line(&rest), header);
        if (err == ERR_OK) {
            err = read_known(parse, *header, &seen);
        }
        if (err != ERR_OK) {
            return err;
        }
    }
    parse->head.headers = parse->headers;
    parse->head.header_count = count;
    return check_framing(parse, &seen);
}

static enum err read_head(struct http_parse *parse)
{
    struct slice rest = buf_slice(&parse->bytes);
    /* Before the path is normalised in place. */
    enum err judged = http_judge(rest, &parse->detail);
    parse->head.content_length = -1;
    enum err err = read_request_line(parse, cut_line(&rest));
    if (err == ERR_OK) {
        err = read_headers(parse, rest);
    }
    return err != ERR_OK ? err : judged;
}

/* --- life --- */

bool http_parse_is_empty(const struct http_parse *parse)
{
    return parse->bytes.len == 0;
}

void http_parse_done(struct http_parse *parse)
{
    buf_done(&parse->bytes);
    free(parse->headers);
    *parse = (struct http_parse){0};
}

void http_parse_reset(struct http_parse *parse)
{
    if (parse->bytes.len > KEEP_BYTES || parse->header_cap > KEEP_HEADERS) {
        http_parse_done(parse);
        return;
    }
    buf_clear(&parse->bytes);
    *parse = (struct http_parse){
        .bytes = parse->bytes, .headers = parse->headers, .header_cap = parse->header_cap};
}

void http_parse_lend(struct http_parse *from, struct http_parse *to)
{
    if (to->bytes.ptr == NULL && to->headers == NULL) {
        to->bytes = from->bytes;
        to->headers = from->headers;
        to->header_cap = from->header_cap;
        *from = (struct http_parse){0};
    }
}
