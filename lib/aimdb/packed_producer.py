"""Samples of several fields from interrupts, where no tuple can be made."""

from struct import calcsize, unpack

from micropython import const

from . import once
from .buffer import Buffer
from .errors import check_int
from .sync_producer import SyncProducer

_MOST = const(0x1FFFFFFF)  # Bytes: of more the interpreter says no more than that they overflow.


class PackedProducer(SyncProducer):
    """A `SyncProducer` of samples of one `format`, as `struct` has it, which takes all its memory when it is made.

        imu = db.sync_producer("imu", 16, "<Ihhh")

        def data_ready(pin):
            pack_into("<Ihhh", imu.slot, 0, ticks_us(), x, y, z)
            imu.try_send_slot()

    `slot` is a memoryview of the next free sample, always there to be written; a driver that reads bytes into a
    buffer can fill it directly. Consumers get a tuple of the fields.

    Unlike a `SyncProducer` it may be shared only by senders that cannot interrupt each other: another one would write
    into `slot` between the writing and `try_send_slot` of the first.

    IRQ safety: `slot` and `try_send_slot` are for such senders: interrupts, a thread, the other core or a task; the
    rest is for the asyncio thread.

    `depth`: so many samples fit, besides the one in `slot`. Raises `ValueError` for a format that is wrong, empty
    or of addresses (O, P, S), and what `SyncProducer` raises.
    """

    def __init__(self, buffer: Buffer, depth: int, format: str):
        once("arguments").count_fields(format)
        size = calcsize(format)
        check_int("depth", depth, 1, _MOST // size)
        block = memoryview(bytearray(size * (depth + 1)))
        self._samples = [block[start : start + size] for start in range(0, len(block), size)]
        self.slot = self._samples[0]
        self._number = 0
        self._format = format
        super().__init__(buffer, depth)
        self._try_push = self._try_push_fields
        self._push_async = self._push_fields_async

    def try_send_slot(self) -> bool:
        """Hand over what is in `slot`, and let `slot` be the next free one; or return False, and it stays.

        Heap: none. It never raises.
        """
        if not super().try_send(self.slot):
            return False
        self._number = (self._number + 1) % len(self._samples)
        self.slot = self._samples[self._number]
        return True

    def try_send(self, value) -> bool:
        """Raises `TypeError`: a value that is not in `slot` would have no memory of its own."""
        raise TypeError("a producer with a format sends samples: write to slot and call try_send_slot()")

    def send(self, value, timeout_ms=None) -> None:
        """Raises `TypeError`, as `try_send` does."""
        self.try_send(value)

    # In place of the buffer's own, and like them on the asyncio thread.

    def _try_push_fields(self, sample):
        self._buffer.try_push(unpack(self._format, sample))

    def _push_fields_async(self, sample):
        return self._buffer.push_async(unpack(self._format, sample))
