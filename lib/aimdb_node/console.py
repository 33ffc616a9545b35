import asyncio
import sys

from aimdb import check_int, once
from aimdb.polling import readable
from micropython import const

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

_NO_HEAP_MS = const(100)  # Until what there was no heap for is tried again.


def console(longest: int = 80, stream=None) -> "Callable":
    """A source of the lines that are typed, as bytes. Nothing that is typed ends it.

        db.configure("command", Mailbox()).source(console())

    Of a line that is longer than `longest` bytes, that many and one are kept, so that it can be refused. `stream`: what
    to read instead of the board's console. It ends with its stream. Cancel safety: the line that was begun is lost.
    """

    check_int("longest", longest, 1)
    if stream is not None:
        if not hasattr(stream, "readinto"):
            raise TypeError("the stream of a console has a readinto, not %r" % (stream,))
        once("arguments").check_stream("stream", stream)

    def read(producer):
        source = sys.stdin.buffer if stream is None else stream
        byte = bytearray(1)
        line = bytearray(longest + 1)
        count = 0
        is_whole = False
        while True:
            try:
                if is_whole:
                    producer.produce(bytes(line[:count]))
                    count = 0
                    is_whole = False
                yield readable(source)
                got = source.readinto(byte)
            except MemoryError:  # Nothing is lost by it.
                yield from asyncio.sleep_ms(_NO_HEAP_MS)
                continue
            if got == 0:
                return
            if got and byte[0] in b"\r\n":
                is_whole = count > 0
            elif got and count <= longest:
                line[count] = byte[0]
                count += 1

    return read
