"""What packages need whose links and buffers live on a peer in the network: a connection that is kept, and its queues.

Not for programs, but for `aimdb_mqtt` and `aimdb_aimx`. Such a package derives a class from `Peer`, which says what is
sent and understands what arrives. All else is here: how a connection is made, watched and made again, what is said of
it, how a link takes values out of a record and brings them in, and which message is sent again.
"""

import aimdb


def once(name: str):
    """Module `name` of this package, for a single use: it does not stay loaded."""
    return aimdb.once(name, "aimdb_net")


# On a board these are in this module, and compiled packages look for them here.
from .errors import ConnectionLost, NotConnected, PeerError, Refused, Unreachable, drop, tell  # noqa: E402, F401
from .peer import Peer, State  # noqa: E402, F401
from .receiving import Receiver  # noqa: E402, F401
