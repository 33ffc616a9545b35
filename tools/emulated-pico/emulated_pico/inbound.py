"""The way to servers on an emulated board: what connects to a port of this machine reaches a port of the board."""

import asyncio
import contextlib
import itertools
import random

from rp2040py.external.cyw43 import net
from rp2040py.external.cyw43.nat import GATEWAY_IP, GUEST_IP, NatBridge, TcpFlow, TcpFlowKey, _FlowState

from emulated_pico.network import LOOPBACK

SEGMENT_BYTES = 1460
ATTEMPTS = 5  # A second each.


class Inbound:
    """Forwards ports. Made before the board starts; used on the engine thread."""

    def __init__(self, nat: NatBridge) -> None:
        self._reflector = nat._tcp
        self._guest_mac = b""  # Known from the first frame that the guest sends.
        self._opening: dict[int, asyncio.Future[None]] = {}  # By id(flow), until the guest has answered.
        self._ports = itertools.count(40000)
        self._servers: list[asyncio.Server] = []
        self._stock_segment = self._reflector._on_guest_segment
        self._reflector._on_guest_segment = self._guest_segment
        stock_frame = nat.handle_outbound_ethernet_frame

        def outbound(frame: bytes) -> None:
            self._guest_mac = frame[6:12]
            stock_frame(frame)

        nat.handle_outbound_ethernet_frame = outbound

    async def forward(self, port: int) -> int:
        """Listen for clients of the board's `port`; returns the port of this machine."""
        server = await asyncio.start_server(lambda *streams: self._carry(port, *streams), LOOPBACK, 0)
        self._servers.append(server)
        return server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Take no more clients."""
        for server in self._servers:
            server.close()

    async def _carry(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # One client. To the guest it is a client at the gateway.
        flow = TcpFlow(
            key=TcpFlowKey(port, GATEWAY_IP, next(self._ports)),
            guest_mac=self._guest_mac,
            guest_ip=GUEST_IP,
            guest_iss=0,
            guest_next_seq=0,
            guest_window=0,
            mss=SEGMENT_BYTES,
            host_iss=random.getrandbits(32),
            reader=reader,
            writer=writer,
            pump_task=asyncio.current_task(),
        )
        reflector = self._reflector
        reflector._flows[flow.key] = flow
        answered = self._opening[id(flow)] = asyncio.get_running_loop().create_future()
        try:
            for _ in range(ATTEMPTS):
                self._queue(flow, net.TCP_SYN, flow.host_iss, SEGMENT_BYTES)
                try:
                    await asyncio.wait_for(asyncio.shield(answered), 1)
                    break
                except asyncio.TimeoutError:
                    continue
        finally:
            del self._opening[id(flow)]
        if answered.done():
            with contextlib.suppress(asyncio.CancelledError):  # By the end of the board, or a reset by the guest.
                await reflector._pump_host_to_guest(flow)
        else:
            writer.close()
            reflector._flows.pop(flow.key, None)

    def _guest_segment(self, flow: TcpFlow, segment: net.TcpSegment) -> None:
        answered = self._opening.get(id(flow))
        if answered is None or segment.flags & net.TCP_RST or not segment.flags & net.TCP_SYN:
            self._stock_segment(flow, segment)
            return
        flow.guest_next_seq = (segment.seq + 1) & 0xFFFFFFFF
        flow.guest_window = segment.window
        flow.mss = min(segment.mss or flow.mss, SEGMENT_BYTES)
        flow.state = _FlowState.ESTABLISHED
        self._queue(flow, net.TCP_ACK, flow.host_iss + 1)
        if not answered.done():
            answered.set_result(None)

    def _queue(self, flow: TcpFlow, flags: int, sequence: int, segment_bytes: int | None = None) -> None:
        frame = self._reflector._build_tcp_frame(flow, flags=flags, seq=sequence & 0xFFFFFFFF, mss=segment_bytes)
        self._reflector._queue_ethernet_frame(frame)
