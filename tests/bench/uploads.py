"""`uploads`: how long others wait while many large bodies arrive. 20 clients send 20 MiB each at the same
time; another asks /healthz without a pause. Standard library only."""

import multiprocessing
import socket
import time

from subjects import Folder, Millrace, exchange, parked_document


def body_of(mib):
    """Many small numbers: what a scan takes longest for."""
    return b'{"input": {"numbers": [' + b"1234567, " * ((mib << 20) // 9 - 8) + b"0]}}"


def upload(target, body):
    head = ("POST /v2/bench/run HTTP/1.1\r\nHost: h\r\n%sContent-Length: %d\r\n\r\n"
            % (target.headers, len(body))).encode()
    with socket.create_connection(("127.0.0.1", target.port)) as connection:
        connection.sendall(head)
        connection.sendall(body)
        raise SystemExit(0 if b"IN_QUEUE" in exchange(connection, b"") else 1)


def longest_wait(target, uploads):
    """Milliseconds of each /healthz while the processes `uploads` run."""
    times = []
    with socket.create_connection(("127.0.0.1", target.port)) as connection:
        while any(one.is_alive() for one in uploads):
            since = time.monotonic()
            exchange(connection, b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            times.append((time.monotonic() - since) * 1000)
            time.sleep(0.001)
    return sorted(times)


def bench_uploads(options):
    print("\n20 uploads at once, milliseconds that a /healthz beside them takes (aim: 100)")
    for mib in options.upload_mib:
        limit = 100 << 20
        document = dict(parked_document(), payload={"runBytes": limit, "runsyncBytes": limit})
        with Folder() as folder:
            target = Millrace(options.build, folder, "--agents", "0", document=document)
            try:
                body = body_of(mib)
                uploads = [multiprocessing.Process(target=upload, args=(target, body))
                           for _ in range(20)]
                began = time.monotonic()
                for one in uploads:
                    one.start()
                times = longest_wait(target, uploads)
                print("%3d MiB: %4d asked, p50 %.1f, p99 %.1f, longest %.1f; all stored after %.1f s" % (
                    mib, len(times), times[len(times) // 2], times[len(times) * 99 // 100], times[-1],
                    time.monotonic() - began))
                if any(one.exitcode for one in uploads):
                    raise SystemExit("bench: an upload was not accepted")
            finally:
                target.close()
