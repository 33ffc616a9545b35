"""Samples of several fields from interrupts, where no tuple can be made."""

from struct import calcsize, unpack

from .buffer import Buffer
from .sync_producer import SyncProducer


class PackedProducer(SyncProducer):
    """A `SyncProducer` of samples of one `format`, as `struct` has it, whose memory is all there beforehand.

        imu = db.sync_producer("imu", 16, "<Ihhh")

        def data_ready(pin):
            pack_into("<Ihhh", imu.slot, 0, ticks_us(), x, y, z)
            imu.try_send_slot()

    `slot` is a memoryview of the next free sample, always there to be written; a driver that reads bytes into a
    buffer can fill it directly. Consumers get a tuple of the fields.

    Raises `ValueError` for a format that is wrong or empty, and what `SyncProducer` raises.
    """

    def __init__(self, buffer: Buffer, depth: int, format: str):
        size = calcsize(format)
        if size < 1:
            raise ValueError("format %r has no fields" % format)
        super().__init__(buffer, depth)
        self._format = format
        self._try_push = self._try_push_fields
        self._push_async = self._push_fields_async
        block = memoryview(bytearray(size * (depth + 1)))
        self._samples = [block[start : start + size] for start in range(0, len(block), size)]
        self.slot = self._samples[0]

    def try_send_slot(self) -> bool:
        """Hand over what is in `slot`, and let `slot` be the next free one; or return False, and it stays.

        Cancel safety: it does not wait. IRQ safety: hard and soft, other core, thread. Heap: none. It never raises.
        """
        if not self.try_send(self.slot):
            return False
        self.slot = self._samples[self._head]
        return True

    # In place of the buffer's own, and like them on the asyncio thread.

    def _try_push_fields(self, sample):
        self._buffer.try_push(unpack(self._format, sample))

    def _push_fields_async(self, sample):
        return self._buffer.push_async(unpack(self._format, sample))
