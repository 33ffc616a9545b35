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

    from .hub import Hub
    from .outbound import LinkTo


def link_to(record, url: str, codec: "Any" = None, newest: bool = False, hub: "Hub | None" = None) -> "LinkTo":
    """What `Record.link_to` runs for an aimx:// URL: sets a record on a hub to every value of this one.

    Several values are on their way at once, in order. While there is no connection nothing is read from the record, so
    its buffer decides what is kept. What was sent and not acknowledged is sent again by the next connection, also in a
    later run. If the record's reader can `commit`, it commits what the hub has acknowledged, in order.

    A value that the codec does not encode, that the hub refuses three times (`internal`), or at which it breaks five
    connections, is counted and named, and the link goes on. While the hub has no such record (`not_found`), or lets
    nobody write it (`denied`), the link tries again, after pauses that double.

    url      `aimx[s]://[token@]host[:port]/key`
    codec    turns values into JSON text; without one, values must be what JSON can hold
    newest   True: only the newest value is sent, one at a time. What was not acknowledged when the connection ended, or
             was refused, is given up and counted. For values that are worthless when there is a newer one
    hub      the `Hub` to use instead of that of the URL's address

    Raises `TypeError` or `ValueError` for wrong arguments; `db.run()` then tells them with the record's key.

    Cancel safety: nothing is lost. IRQ safety: none.
    """
    from .outbound import LinkTo

    if newest not in (False, True):
        raise TypeError("newest is True or False, not %r" % (newest,))
    hub, key = hub_for(url, hub)
    link = LinkTo(record.key, hub, key, route_to(key), 1, check_codec(codec), newest)
    note_link(record, hub.name, [key], False, _meet)
    return link


def link_from(record, url: str, codec: "Any" = None, capacity: int = 20, hub: "Hub | None" = None) -> "LinkFrom":
    """What `Record.link_from` runs for an aimx:// URL: produces in the record the values of a record on a hub.

    Each new connection begins with the value that the hub's record has, if it keeps one. What the record refuses for
    good (it raises, say, `TypeError` or `ValueError`) is counted and named, and the link goes on. What it refuses for
    now (`DbError`, `OSError`, `MemoryError`) is tried again. Values that the hub has left out, because it could not
    send them in time, count in `hub.lagged_count` and in the record's metrics.

    url        `aimx[s]://[token@]host[:port]/key`
    codec      turns JSON text into values; without one, values must be what JSON can hold
    capacity   so many values wait for the record; `Inbox` says what happens to more
    hub        the `Hub` to use instead of that of the URL's address

    Raises `TypeError` or `ValueError` for wrong arguments; `db.run()` then tells them with the record's key.

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
    if codec is not None:
        check_codec(codec)
    return Inbox(hub, key, key.encode(), 1, codec, capacity)


def route_to(key: str) -> bytes:
    """The middle of the frame that sets a record."""
    return b',"method":"record.set","params":{"name":"%s","value":' % key.encode()


def _meet(incoming, outgoing):
    return outgoing == incoming
