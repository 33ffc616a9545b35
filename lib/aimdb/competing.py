from micropython import const

from .buffer import Buffer, Reader
from .errors import BufferClosed, error
from .line import Line, Turn

_MASK = const(0x1FFFFFFF)


class Competing(Buffer):
    """Base of the buffers whose values go to exactly one reader each, first come, first served.

    Needs `_take()` from its subclass, which removes and returns the next value.
    """

    def __init__(self):
        super().__init__()
        self._values = Line(0)  # One for every value held: who has it may take a value.

    def subscribe(self) -> "CompetingReader":
        return CompetingReader(self)

    def wake(self) -> None:
        self._values.look_again()


class CompetingReader(Reader):
    def __init__(self, buffer: Competing):
        super().__init__(buffer)
        self._turn = Turn(buffer._values, self)

    def has_value(self) -> bool:
        return self.buffer._values.free > 0

    def hopeless(self) -> bool:
        # Asked by the turn before it waits.
        return self.closed or self.buffer.closed

    def take(self):
        self.buffer._values.free -= 1
        return self._taken()

    def _taken(self):
        buffer = self.buffer
        buffer.consumed_count = (buffer.consumed_count & _MASK) + 1
        return buffer._take()

    def _next_turn(self, keep):
        turn = self._turn
        if turn.ticket is not None:
            turn = Turn(self.buffer._values, self)  # Another task waits on this reader as well.
        turn.keep = keep
        return turn

    def ready(self):
        return self._next_turn(False)

    async def recv(self, timeout_ms: "int | None" = None):
        if timeout_ms is not None:
            return await self._recv_within(timeout_ms)
        turn = self._next_turn(True)
        await turn
        if turn.granted:
            turn.granted = False
            if not self.closed:
                return self._taken()
            self.buffer._values.release()
        raise error(BufferClosed, None, self.buffer)
