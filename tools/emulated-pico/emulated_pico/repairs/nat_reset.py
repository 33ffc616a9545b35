"""Let a connection that its peer has reset end, when the guest goes on to send or closes its own side.

Why: the guest is told that its data have arrived, though the peer's socket is gone. They are lost, and asyncio prints
"socket.send() raised exception." When the guest closes its side, that raises OSError on the engine thread, which ends
the emulated chip.

No longer needed once TcpReflector resets the guest's side in both cases.
"""

from rp2040py.external.cyw43 import net
from rp2040py.external.cyw43.nat import NatBridge, TcpFlow


def repair_nat_reset(nat: NatBridge) -> None:
    """Repair one network bridge. Call before the board starts."""
    reflector = nat._tcp
    stock_segment = reflector._on_guest_segment

    def guest_segment(flow: TcpFlow, segment: net.TcpSegment) -> None:
        try:
            # A socket that failed is closing; one that we have closed is no longer a flow.
            if segment.payload and flow.writer is not None and flow.writer.is_closing():
                raise ConnectionResetError
            stock_segment(flow, segment)
        except OSError:
            reflector._queue_ethernet_frame(reflector._build_tcp_frame(flow, flags=net.TCP_RST | net.TCP_ACK))
            flow.writer.close()
            reflector._flows.pop(flow.key, None)

    reflector._on_guest_segment = guest_segment
