"""What goes wrong between us and a peer, and with values: the errors, and how they are told and counted."""

import aimdb
from aimdb import BufferFull, DbError
from micropython import const

_MASK = const(0x1FFFFFFF)

# How often a value is tried for which there is no memory, by default a second or more apart. Then it counts as one that
# cannot be used: there may never be enough.
HUNGRY_ATTEMPTS = 10


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


def tell(count: int, text: str, *values) -> None:
    """Say on stderr what has happened `count` times by now: the 1st time, and then the 2nd, 4th, 8th …"""
    if not count & (count - 1):
        try:
            aimdb.once("telling").say(count, text, values)
        except Exception:
            pass  # There is no memory for it.


def drop(buffer) -> None:
    """Count, in its metrics, a value that a record or its link has lost."""
    buffer.dropped_count = (buffer.dropped_count & _MASK) + 1
