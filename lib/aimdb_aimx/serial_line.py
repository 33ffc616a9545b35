"""The peer at the other end of a serial line. Loaded when it has to be made, and not kept."""

from .peer import Peer
from .serial_frames import Frames


def begin(server) -> None:
    """Listen at the line. Nobody tells when a peer goes there and another comes, but each begins with a `hello`."""
    server.peers.append(Peer(server, Frames(server.serial, server.max_frame), True, True))
    server.show()
