"""Let the USB host keep silent while it has nothing to send.

Why: the stock host answers every transfer that the guest arms with an empty packet 10 us later, so that a
guest spends two thirds of its CPU on USB interrupts, never rests, and takes different times in each run.

No longer needed once USBCDC leaves an armed OUT transfer open until there is a byte to send.
"""

from collections import deque

from rp2040py.usb.cdc import USBCDC

# Bytes pushed in one go arrive before this alarm and so share a packet.
GATHER_NANOSECONDS = 1_000


def repair_usb_cdc(cdc: USBCDC) -> None:
    """Repair one USB host. Call before the board starts."""
    _SilentHost(cdc)


class _Queue:
    """Bytes for the guest, as many as come: the stock queue drops what exceeds 512."""

    size = 1 << 30

    def __init__(self) -> None:
        self._bytes: deque[int] = deque()

    def push(self, value: int) -> None:
        self._bytes.append(value)

    def pull(self) -> int:
        return self._bytes.popleft()

    def reset(self) -> None:
        self._bytes.clear()

    @property
    def item_count(self) -> int:
        return len(self._bytes)


class _SilentHost:
    """Replaces the hooks by which the stock host answers. All of it runs on the engine thread."""

    def __init__(self, cdc: USBCDC) -> None:
        self._cdc = cdc
        self._armed_size = 0  # room of the transfer that the guest has armed and we have not answered yet
        self._gather = cdc.usb.rp2040.clock.create_alarm(self._deliver)
        self._stock_read = cdc.usb.on_endpoint_read
        self._stock_reset = cdc.usb.on_reset
        cdc.tx_fifo = _Queue()
        cdc.send_serial_byte = self._send
        cdc.usb.on_endpoint_read = self._armed
        cdc.usb.on_reset = self._reset

    def _armed(self, endpoint: int, size: int) -> None:
        if endpoint != self._cdc._out_endpoint:
            self._stock_read(endpoint, size)
            return
        self._armed_size = size
        self._deliver()

    def _send(self, byte: int) -> None:
        self._cdc.tx_fifo.push(byte)
        if self._armed_size:
            self._gather.schedule(GATHER_NANOSECONDS)

    def _deliver(self) -> None:
        queue = self._cdc.tx_fifo
        count = min(self._armed_size, queue.item_count)
        if count:
            self._armed_size = 0
            packet = bytes(queue.pull() for _ in range(count))
            self._cdc.usb.endpoint_read_done(self._cdc._out_endpoint, packet)

    def _reset(self) -> None:
        self._armed_size = 0
        self._gather.cancel()
        self._stock_reset()
