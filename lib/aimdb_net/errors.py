"""What goes wrong between us and a peer."""

from aimdb import BufferFull, DbError


class PeerError(DbError):
    """Base class of what goes wrong between us and a peer."""


class Unreachable(PeerError):
    """No connection to the peer could be made."""


class Refused(PeerError):
    """The peer refused the connection (a wrong user, password or token), a subscription, or a value."""


class ConnectionLost(PeerError):
    """The connection ended, or the peer did not answer in time, before it had acknowledged."""


class NotConnected(BufferFull):
    """`try_produce` was refused because there is no connection to the peer now; nothing was sent."""
