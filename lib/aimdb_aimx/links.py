"""What makes links, and the inboxes of links and records. Loaded for that, and not kept."""

from aimdb_net.checks import check_codec, note_link
from aimdb_net.inbox import Inbox
from micropython import const

from .dialling import hub_for

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from aimdb_net.inbound import LinkFrom
    from aimdb_net.outbound import LinkTo

    from .hub import Hub


def link_to(record, url: str, codec: "Any" = None, newest: bool = False, hub: "Hub | None" = None) -> "LinkTo":
    """What `Record.link_to` runs for an aimx:// URL: sets a record on a hub to every value of this one.

    Several values are on their way at once, in order. Nothing is read from the record while there is no connection,
    so its buffer decides what is kept during an outage. What was sent and not acknowledged is sent again: by the next
    connection, also if that is of a later run. A reader that can `commit` does so for what the hub has acknowledged, in
    order; what it has not committed stays the record's.

    A value that the codec does not take, that the hub refuses three times (`internal`), or at which it ends five
    connections, is counted and named, and the link goes on. While the hub has no such record (`not_found`), or lets
    nobody write it (`denied`), the link tries again, after pauses that double.

    `newest`: for values that are worthless when stale. One value is on its way at a time, only the newest is sent,
    and what was not acknowledged when the connection ended, or was refused, is given up and counted.

    `codec`, `hub`: as for `AimxRecord`. Raises `TypeError` or `ValueError`.

    Cancel safety: nothing is lost. IRQ safety: none.
    """
    from aimdb_net.outbound import LinkTo

    hub, key = hub_for(url, hub)
    link = LinkTo(record.key, hub, key, route_to(key), 1, check_codec(codec), newest)
    note_link(record, hub.name, [key], False, _meet)
    return link


def link_from(record, url: str, codec: "Any" = None, capacity: int = 20, hub: "Hub | None" = None) -> "LinkFrom":
    """What `Record.link_from` runs for an aimx:// URL: produces in the record the values of a record on a hub.

    On each new connection it begins with the value that the hub's record has, if that keeps one. What the record
    refuses (it raises, say, `TypeError` or `ValueError`) is counted and named, and the link goes on. What it refuses
    for now (`DbError`, `OSError`, `MemoryError`) is tried again. Up to `capacity` values wait for the record; see
    `Inbox` for what happens to others. What the hub has left out, since it could not get rid of it, counts in
    `hub.lagged_count` and in the record's metrics.

    `codec`, `hub`: as for `AimxRecord`. Raises `TypeError` or `ValueError`.

    Cancel safety: a value that was received is not lost. IRQ safety: none.
    """
    from aimdb_net.inbound import LinkFrom

    inbox = inbox_for(url, codec, capacity, hub)
    link = LinkFrom(record.key, inbox)
    note_link(record, inbox.peer.name, [inbox.path], True, _meet)
    return link


def inbox_for(url: str, codec, capacity: int, hub) -> Inbox:
    """The inbox for the values of a URL's record."""
    hub, key = hub_for(url, hub)
    return Inbox(hub, key, key.encode(), 1, codec and check_codec(codec), capacity)


def route_to(key: str) -> bytes:
    """The middle of the frame that sets a record."""
    return b',"method":"record.set","params":{"name":"%s","value":' % key.encode()


def _meet(outgoing, incoming):
    return outgoing == incoming
