"""Where peers come in by TCP."""

import asyncio
import errno

from aimdb.loop import readable

from . import once
from .tcp_frames import sockets_of


def serve(server):
    """Accept peers until cancelled. A task; nothing that the network does ends it."""
    complaint = door = None
    try:
        while True:
            try:
                door = once("admission").listen(server)
                if complaint:
                    complaint.end()
                yield from _accept(server, door)
            except (OSError, MemoryError) as er:
                try:
                    if not complaint:
                        complaint = once("admission").complaint(server)
                    server.last_error = "cannot listen at port %d: %r" % (server.tcp, er)
                    complaint.begin()
                except MemoryError:
                    pass
            if door:
                door.close()
                door = None
            yield from asyncio.sleep_ms(1000)
    finally:
        if complaint:
            complaint.end()
        if door:
            door.close()
            sockets_of.pop(server.tcp, None)


def _accept(server, door):
    failures = 0
    while True:
        yield readable(door)
        try:
            raw, _ = door.accept()
            failures = 0
        except OSError as er:
            failures += er.errno != errno.EAGAIN
            if failures > 3:
                raise
            yield from asyncio.sleep_ms(100)
            continue
        try:
            once("admission").admit(server, raw)
        except Exception as er:
            raw.close()
            server.turned_away_count += 1
            server.last_error = "a peer could not be let in: %r" % (er,)
