from aimdb import JsonCodec, kept
from aimdb_net.remote import RemoteBuffer
from micropython import const

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from .hub import Hub


class AimxRecord(RemoteBuffer):
    """A record's buffer that is a record on an AimDB elsewhere: *done* for `produce_async` is the hub's reply.

        db.configure("orders", AimxRecord("aimx://hub.local:7433/orders"))

    `produce_async` raises what went wrong: `Refused`, `Unreachable`, `ConnectionLost`. When there is no connection it
    waits for the next attempt, and raises if that fails. Once the value has gone out the hub may have it, even if the
    call was cancelled, has timed out or has raised `ConnectionLost`. `produce` sends what there is room for in the
    window and counts the rest as dropped, `try_produce` raises `BufferFull` or `NotConnected`.

    Readers compete for the values of the hub's record. The hub also sends back what was produced here. Values that it
    has left out count as dropped.

    url        `aimx[s]://[token@]host[:port]/key`
    codec      turns values into JSON text and back; without one, values must be what JSON can hold. `produce_async`
               raises what it raises
    capacity   so many values wait for readers; `Inbox` says what happens to more
    hub        the `Hub` to use instead of that of the URL's address

    Raises `TypeError` or `ValueError` for arguments that are wrong. Cancel safety: cancelled, a subscription has no
    reader, and a value that has not gone out is not sent. IRQ safety: none.
    """

    def __init__(self, url: str, codec: "Any" = None, capacity: int = 20, hub: "Hub | None" = None):
        links = kept("links", "aimdb_aimx")
        inbox = links.inbox_for(url, codec, capacity, hub)
        super().__init__(inbox, links.route_to(inbox.path))
        self.codec = codec or JsonCodec()
        self.hub = self.peer
        self.net_links = ((self.peer.name, [inbox.path], True), (self.peer.name, [inbox.path], False))
