"""What becomes of messages when a connection, or a run, begins or ends. Loaded then, and not kept."""

from time import ticks_diff, ticks_ms

from micropython import const

from . import once
from .errors import ConnectionLost, drop, tell
from .window import payload_of

# Connections that broke while a message was on its way:
_SUSPECT = const(2)  # After so many it is sent alone.
_GIVEN_UP = const(5)  # After so many it is sent no more.


def begin(peer, session_kept: bool = False) -> None:
    """There is a new connection: subscribe again, and send again what the last one left.

    `session_kept`: the peer sends again what we have not acknowledged. Raises `MemoryError`: there is none, then.
    """
    peer.connected = True
    try:
        _begin(peer, session_kept)
    except MemoryError:
        peer.connected = False
        raise


def _begin(peer, session_kept):
    subscribing = once("subscribing")
    end(peer.window, peer.error, None)  # Perhaps there was no heap for it.
    peer.repeats += session_kept
    for inbox in peer.inboxes:
        subscribing.recover(inbox)
        inbox.taken = 0
        if session_kept:
            # What was not acknowledged is sent again.
            for _ in range(len(inbox.values)):
                entry = inbox.values.popleft()
                if not entry[1]:
                    inbox.values.append(entry)
        if inbox.asked and not inbox.ended:
            subscribing.ask(inbox)
        inbox.wake()
    resume(peer.window)


def resume(window) -> None:
    """Send what has not gone out on this connection: all, or with suspects the next. They keep their order."""
    window.one_by_one = False
    for flight in window.flights.values():
        if flight.strikes >= _SUSPECT:
            window.one_by_one = True
    for flight in window.flights.values():
        if flight.sent_at is None:
            flight.sent_at = ticks_ms()
            window.peer.connection.send(flight.packet)
        if window.one_by_one:
            break


def end(window, error, connection) -> None:
    """The connection has ended because of `error`: so do the flights that no other one is to carry."""
    for packet_id, flight in list(window.flights.items()):
        if flight.sent_at is not None:
            window.peer.again(flight.packet)
            # The peer was there when it broke the connection, or kept the acknowledgement to itself.
            if connection and (connection.broken or ticks_diff(connection.heard_at, flight.sent_at) > 0):
                flight.strikes += 1
            flight.sent_at = None
        why = None
        if not flight.resend:
            why = type(error)(*error.args)  # For each task its own, with its own traceback.
        elif flight.strikes >= _GIVEN_UP:
            window.peer.given_up_count += 1
            source = flight.source
            name = "record %r, %s" % (source.key, source.__name__) if source else window.peer.name
            text = "%s: a message of %d bytes is given up, at which %d connections ended"
            why = ConnectionLost(text % (name, len(flight.packet), flight.strikes))
            tell(window.peer.given_up_count, "%s", why.args[0])
        if why:
            del window.flights[packet_id]
            flight.end(why)


def give_up(link, strikes: int) -> bool:
    """Give up a value that nobody acknowledges, if `strikes` connections broke while it was sent are too many.

    Returns whether they are.
    """
    if strikes < _GIVEN_UP:
        return False
    link.peer.given_up_count += 1
    drop(link.buffer)
    text = "record %r: a value is given up, at which %d connections ended"
    tell(link.peer.given_up_count, text, link.key, strikes)
    return True


def leave(window, source=None) -> None:
    """`source`, or all of them, has ended: what outlives it stays to be sent, the rest is given up."""
    if source is None:
        for inbox in window.peer.inboxes:
            inbox.end_complaint()
    for packet_id, flight in list(window.flights.items()):
        if flight.source is source or source is None:
            flight.source = None
            if not flight.outlives:
                flight.resend = False
                if flight.sent_at is None:
                    del window.flights[packet_id]


def leave_link(link) -> None:
    """A link to the peer has ended. Its value in hand is to be sent, too, unless its record keeps that."""
    from .outbound import nothing

    window = link.peer.window
    if link.value is not nothing and link.outlives:
        try:
            if not link.qos:
                raise ConnectionLost("the network has not taken it")
            window.launch(link, payload_of(link.codec, link.value), True, True)
        except Exception as er:
            drop(link.buffer)
            tell(1, "record %r: a value in hand is lost: %r", link.key, er)
    link.value = nothing
    leave(window, link)
