from asyncio import core  # type: ignore[attr-defined]

from aimdb import Reader
from aimdb.errors import EMPTY, BufferClosed, BufferEmpty, error
from aimdb.timeout import timed
from micropython import const

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Any

    from .flash_queue import FlashQueue

_MASK = const(0x1FFFFFFF)


class FlashReader(Reader):
    """Reads a `FlashQueue`, in competition with its other readers. What it has read is its own until `commit`.

    A reader that is done should be closed, so that others get what it did not commit. What a forgotten reader had
    read comes again only after a restart.
    """

    def __init__(self, buffer: "FlashQueue"):
        super().__init__(buffer)
        self._taken: list = []  # Numbers of the values that were read and not committed, in the order of reading.

    def has_value(self) -> bool:
        return self.buffer._line.free > 0

    def try_recv(self):
        buffer = self.buffer
        if self.closed or buffer._line.free <= 0:
            raise error(BufferClosed, None, buffer) if self.closed or buffer._ended() else EMPTY
        sequence, data = buffer._upcoming()
        self._taken.append(sequence)
        ledger = buffer._ledger
        if ledger.again:
            ledger.again.pop(0)
        else:
            ledger.next = sequence + 1
        buffer._line.free -= 1
        if buffer._read_by is not core.cur_task:
            buffer._read_by = core.cur_task if buffer._read_by is None else False
        buffer.consumed_count = (buffer.consumed_count & _MASK) + 1
        try:
            return buffer.codec.decode(data)
        except Exception as er:
            from .codecs import CodecError

            raise CodecError(data, buffer, er)

    def commit(self, count: "int | None" = None) -> "Awaitable[None]":
        """Acknowledge the oldest `count` values that were read with this reader and not committed; None: all.

        It counts at once: when this reader is closed, they are not given back. A power cut may still bring them
        back; await the result for the acknowledgement to be on flash, which raises `StorageError` when that fails.
        When it is not awaited, the acknowledgement goes to flash with the next flush. Values that were committed
        before they went to flash never go there.

        Raises `ValueError` when `count` is negative, or more than was read, and `BufferClosed` after `release`.

        Cancel safety: cancelled, the values stay acknowledged. IRQ safety: none.
        """
        taken = self._taken
        if count is None:
            count = len(taken)
        elif not 0 <= count <= len(taken):
            raise ValueError(
                "record %r: cannot commit %r values; %d are read and not committed"
                % (self.buffer.key, count, len(taken))
            )
        committed = taken[:count]
        self._taken = taken[count:]
        return self.buffer._commit(committed)

    def _nothing_yet(self):
        return self.buffer._line.free <= 0 and not self.closed and not self.buffer._ended()

    async def ready(self) -> None:
        line = self.buffer._line
        ticket = None
        while self._nothing_yet():
            ticket = await line.wait(ticket)
        if line.free > 0:
            line.look_again(1)  # The next in line must not sleep on when this task does not take it.

    async def recv(self, timeout_ms: "int | None" = None) -> "Any":
        if timeout_ms is not None and timeout_ms > 0:
            return await timed(self.recv(), timeout_ms)
        ticket = None
        while True:
            while timeout_ms is None and self._nothing_yet():
                ticket = await self.buffer._line.wait(ticket)
            if self.closed:
                self.buffer.wake()  # What was kept for this reader goes to the others.
            try:
                return self.try_recv()
            except BufferEmpty:
                # What was counted on has turned out to be damaged, or was dropped.
                if timeout_ms is not None:
                    await core.sleep_ms(0)  # A task that only looks, in a loop, must not starve the others.
                    raise core.TimeoutError

    def close(self) -> None:
        """Detach, and give what was not committed back to the other readers, in order.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if not self.closed:
            super().close()
            self.buffer._detached(self._taken)
            self._taken = []
