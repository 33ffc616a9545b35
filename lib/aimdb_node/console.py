import asyncio
import sys

from micropython import const

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable


def console(longest: int = 80, stream=None) -> "Callable":
    """A source of the lines that are typed, as bytes: whatever they are, they end nothing.

        db.configure("command", Mailbox()).source(console())

    Of a line that is longer than `longest` bytes, that many and one are kept, so that it can be refused. `stream`: what
    to read instead of the board's console. It ends with its stream. Cancel safety: the line that was begun is lost.
    """

    async def read(producer):
        reader = asyncio.StreamReader(stream or sys.stdin.buffer)
        line = bytearray()
        while True:
            byte = await reader.read(1)
            if not byte:
                return
            if byte not in b"\r\n":
                if len(line) <= longest:
                    line.extend(byte)
            elif line:
                producer.produce(bytes(line))
                line = bytearray()

    return read
