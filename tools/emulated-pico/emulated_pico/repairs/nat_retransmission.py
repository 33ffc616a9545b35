"""Let the network deliver TCP data again that the guest had no room for.

Why: the guest's network stack drops packets when its 16 buffers are full, as TCP allows; the stock bridge
never sends them again, so that a guest which does not read for a while loses the rest of the connection.

No longer needed once TcpReflector keeps what the guest has not acknowledged and sends it again.
"""

import asyncio

from rp2040py.clock.clock import IClock
from rp2040py.external.cyw43 import net
from rp2040py.external.cyw43.nat import NatBridge, TcpFlow, TcpReflector

RESEND_NANOSECONDS = 250_000_000  # emulated time
UNDERWAY_SEGMENTS = 4  # full ones that the guest can hold at a time


def repair_nat_retransmission(nat: NatBridge, clock: IClock) -> None:
    """Repair one network bridge. Call before the board starts.

    Arguments:
        nat: the bridge.
        clock: the emulated clock, which measures the wait before data is sent again.
    """
    reflector = nat._tcp
    senders: dict[int, _Sender] = {}  # by id(flow): flows cannot be hashed
    stock_segment = reflector._on_guest_segment

    async def pump(flow: TcpFlow) -> None:
        sender = senders[id(flow)] = _Sender(reflector, clock, flow)
        try:
            await sender.run()
        finally:
            sender.close()
            del senders[id(flow)]

    def guest_segment(flow: TcpFlow, segment: net.TcpSegment) -> None:
        stock_segment(flow, segment)
        if id(flow) in senders:
            senders[id(flow)].acknowledged(segment)

    reflector._pump_host_to_guest = pump
    reflector._on_guest_segment = guest_segment


class _Sender:
    """The way to the guest of one connection. All of it runs on the engine thread."""

    def __init__(self, reflector: TcpReflector, clock: IClock, flow: TcpFlow) -> None:
        self._reflector = reflector
        self._flow = flow
        self._kept = bytearray()  # sent and not acknowledged
        self._kept_offset = 0  # of its first byte in the stream
        self._end_kept = False  # the same for the end of the stream
        self._resend_alarm = clock.create_alarm(self._resend)
        self._progress = asyncio.Event()

    async def run(self) -> None:
        """Carry the host's bytes to the guest, and then its end."""
        flow = self._flow
        try:
            while True:
                room = min(flow.guest_window, UNDERWAY_SEGMENTS * flow.mss) - len(self._kept)
                if room <= 0:
                    await self._acknowledgement()
                    continue
                data = await flow.reader.read(min(room, flow.mss))
                if not data:
                    break
                self._kept += data
                flow.bytes_relayed_to_guest += len(data)
                self._send(flow.bytes_relayed_to_guest - len(data), data)
        except OSError:
            self._queue(net.TCP_RST | net.TCP_ACK, flow.bytes_relayed_to_guest)
            flow.writer.close()
            self._reflector._flows.pop(flow.key, None)
            return
        while self._kept:
            await self._acknowledgement()
        self._end_kept = True
        self._send_end()
        while self._end_kept:
            await self._acknowledgement()
        flow.host_fin_sent = True
        self._reflector._maybe_evict(flow)

    def acknowledged(self, segment: net.TcpSegment) -> None:
        """The guest has sent a segment: forget what it acknowledges."""
        flow = self._flow
        count = flow.bytes_acked_by_guest - self._kept_offset
        del self._kept[:count]
        self._kept_offset += count
        behind_end = (flow.host_iss + 1 + flow.bytes_relayed_to_guest + 1) & 0xFFFFFFFF
        if segment.ack == behind_end:
            self._end_kept = False
        if not self._kept and not self._end_kept:
            self._resend_alarm.cancel()
        self._progress.set()

    def close(self) -> None:
        """The connection is gone."""
        self._resend_alarm.cancel()

    async def _acknowledgement(self) -> None:
        self._progress.clear()
        await self._progress.wait()

    def _resend(self) -> None:
        segment = self._flow.mss
        for start in range(0, len(self._kept), segment):
            self._send(self._kept_offset + start, bytes(self._kept[start : start + segment]))
        if self._end_kept:
            self._send_end()

    def _send(self, offset: int, data: bytes) -> None:
        self._queue(net.TCP_ACK | net.TCP_PSH, offset, data)
        self._resend_alarm.schedule(RESEND_NANOSECONDS)

    def _send_end(self) -> None:
        self._queue(net.TCP_FIN | net.TCP_ACK, self._flow.bytes_relayed_to_guest)
        self._resend_alarm.schedule(RESEND_NANOSECONDS)

    def _queue(self, flags: int, offset: int, data: bytes = b"") -> None:
        sequence = (self._flow.host_iss + 1 + offset) & 0xFFFFFFFF
        frame = self._reflector._build_tcp_frame(self._flow, flags=flags, seq=sequence, payload=data)
        self._reflector._queue_ethernet_frame(frame)
