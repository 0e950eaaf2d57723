"""A server that answers every watch with the same recorded events, as fast as the reader takes them.

`python -m tests.bench.replay EVENTS_FILE` prints its port. A real API server cannot produce 20,000 events faster than
it writes to etcd, so the events are recorded from its pods and only their delivery is replayed.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
VERSION = b'{"gitVersion":"v0.0.0"}'
PIECE = 1 << 18


def chunked(events: bytes) -> bytes:
    """The events as an API server sends them: in chunked encoding, a chunk for each."""
    lines = events.splitlines(keepends=True)
    return b"".join(b"%x\r\n%b\r\n" % (len(line), line) for line in lines) + b"0\r\n\r\n"


async def answer(body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request: the version, or the whole recording."""
    request = await reader.readuntil(b"\r\n\r\n")
    if b"/version" in request.split(b"\r\n")[0]:
        head, body = HEAD + b"Content-Length: %d\r\n\r\n" % len(VERSION), VERSION
    else:
        head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    writer.write(head)
    try:
        for start in range(0, len(body), PIECE):
            writer.write(body[start : start + PIECE])
            await writer.drain()
    except ConnectionError:
        return
    finally:
        writer.close()


async def serve(events: bytes) -> None:
    """Serve until killed."""
    server = await asyncio.start_server(partial(answer, chunked(events)), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]).read_bytes()))
