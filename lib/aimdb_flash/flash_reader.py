from asyncio import core  # type: ignore[attr-defined]

from aimdb import Reader
from aimdb.errors import EMPTY, BufferClosed, BufferEmpty, error
from micropython import const

from .errors import CodecError, StorageError

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
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
        if self.closed:
            raise BufferClosed(None, buffer)
        sequence, data = upcoming(buffer)
        self._taken.append(sequence)
        ledger = buffer._flusher.ledger
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
        buffer = self.buffer
        flusher = buffer._flusher
        taken = self._taken
        if not flusher.log:
            raise BufferClosed(None, buffer)
        if count is None:
            count = len(taken)
        elif not 0 <= count <= len(taken):
            raise ValueError(
                "record %r: cannot commit %r values; %d are read and not committed" % (buffer.key, count, len(taken))
            )
        self._taken = taken[count:]
        flusher.acknowledge(taken[:count])
        return flusher.reached(-1, flusher.ledger.commits, buffer.flush_ms)

    async def ready(self) -> None:
        buffer = self.buffer
        line = buffer._line
        ticket = None
        while line.free <= 0 and not self.closed and (buffer._flusher.unread or not buffer.closed):
            ticket = await line.wait(ticket)
        if line.free > 0:
            line.look_again(1)  # This task may leave it; the next in line must not sleep on then.

    async def recv(self, timeout_ms: "int | None" = None) -> "Any":
        if timeout_ms is not None and timeout_ms > 0:
            from aimdb.timeout import timed

            return await timed(self.recv(), timeout_ms)
        while True:
            if timeout_ms is None:
                await self.ready()
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
            buffer = self.buffer
            buffer._readers -= 1
            ledger = buffer._flusher.ledger
            for sequence in self._taken:
                if not ledger.has(sequence):  # Else it was dropped meanwhile.
                    ledger.again.append(sequence)
                    buffer._line.release()
            ledger.again.sort()
            self._taken = []
            buffer._flusher.look_again()


def upcoming(queue: "FlashQueue") -> "tuple[int, bytes]":
    """The number and the bytes of the value that comes next. Raises what `try_recv` does.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    flusher = queue._flusher
    ledger = flusher.ledger
    line = queue._line
    while flusher.log and line.free > 0:
        again = bool(ledger.again)
        wanted = ledger.again[0] if again else ledger.next
        try:
            found = flusher.log.get(wanted)
        except OSError as er:
            raise StorageError(None, queue, er)
        if not found:
            entry = flusher.find(wanted)
            found = entry and (entry.sequence, entry.data)
        if found and flusher.unread and found[0] >= flusher.unread[0].sequence:
            found = None  # Not to be read yet.
        if found and (found[0] == wanted or not again):
            if found[0] > wanted:
                ledger.lose(wanted, found[0])
            return found
        # Values that were there when they were counted cannot be read now.
        lost = 1 if again else line.free
        line.free -= lost
        queue._held -= lost
        queue.damaged_count += 1
        if again:
            ledger.lose(wanted, wanted + 1)
    raise error(BufferClosed, None, queue) if queue.closed and not flusher.unread else EMPTY
