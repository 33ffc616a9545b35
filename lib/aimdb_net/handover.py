"""What becomes of messages and subscriptions when a connection, or a run, begins or ends. Loaded then, and not kept."""

import sys
from time import ticks_diff, ticks_ms

from micropython import const

from .errors import ConnectionLost

# After so many connections that broke while it was on its way, a message goes alone; after so many, not any more.
_SUSPECT = const(2)
_GIVEN_UP = const(5)


def begin(peer, session_kept: bool = False) -> None:
    """There is a new connection: subscribe again, and send again what the last one left.

    `session_kept`: the peer sends again what we have not acknowledged.
    """
    end(peer.window, peer.error, None)  # Perhaps there was no heap for it.
    peer.repeats += session_kept
    for inbox in peer.inboxes:
        inbox.recover()
        inbox.taken = 0
        if session_kept:
            # What was not acknowledged is sent again.
            for _ in range(len(inbox.values)):
                entry = inbox.values.popleft()
                if not entry[1]:
                    inbox.values.append(entry)
        if inbox.asked and not inbox.ended:
            _ask(inbox)
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
            text = "%s: a message of %d bytes is given up, at which %d connections ended"
            why = ConnectionLost(text % (window.peer.name, len(flight.packet), flight.strikes))
            print("aimdb:", why, file=sys.stderr)
        if why:
            del window.flights[packet_id]
            flight.end(why)


def leave(window, source=None) -> None:
    """`source`, or all of them, has ended: what outlives it stays to be sent, the rest is given up."""
    for packet_id, flight in list(window.flights.items()):
        if flight.source is source or source is None:
            flight.source = None
            if not flight.outlives:
                flight.resend = False
                if flight.sent_at is None:
                    del window.flights[packet_id]


def attach(inbox) -> None:
    """Take messages, also before anybody has subscribed: the peer may remember an earlier subscription."""
    peer = inbox.peer
    if inbox in peer.inboxes and not inbox.ended:
        return
    for other in peer.inboxes[:]:
        if other.ended and other.route == inbox.route:
            peer.inboxes.remove(other)
            if other.skips:
                peer.renew()  # What was left with the peer is for us.
    inbox.ended = False
    inbox.recover()
    peer.inboxes.append(inbox)
    peer.freed.wake_all()
    if inbox.asked:
        _ask(inbox)


def subscribe(inbox) -> None:
    """Subscribe, now if there is a connection, and on each new one."""
    asked, inbox.asked = inbox.asked, True
    if not asked and inbox in inbox.peer.inboxes:
        _ask(inbox)
    if inbox.peer.in_use():  # Else the run of the buffer attaches it, or the program forgets it.
        attach(inbox)


def detach(inbox, unsubscribe: bool = False) -> None:
    """Take no more. Unless `unsubscribe`, the peer keeps the subscription, and messages for the next run."""
    peer = inbox.peer
    if inbox in peer.inboxes:
        inbox.sent_at = inbox.granted = None
        if inbox.complaint is not None:
            inbox.complaint.end()
        if unsubscribe or not peer.keeps:
            peer.inboxes.remove(inbox)
            if unsubscribe and peer.connected and inbox.route not in [other.route for other in peer.inboxes]:
                peer.unsubscribe(inbox)
        else:
            inbox.ended = True  # It stays as long as the connection: nothing is acknowledged for it.
        peer.freed.wake_all()


def _ask(inbox):
    peer = inbox.peer
    if peer.connected:
        inbox.granted = None
        inbox.sent_at = ticks_ms()
        inbox.packet_id = peer.subscribe(inbox)


def skip(inbox) -> None:
    """There has been no room for long: from now on messages stay with the peer, unless it forgets them."""
    from aimdb.complaint import Complaint, complain

    peer = inbox.peer

    def say(milliseconds):
        text = "left with the peer" if peer.keeps else "dropped"
        what = "has %d messages of %s that it does not take; others are %s" % (inbox.capacity, inbox.name, text)
        complain(inbox.buffer.key, what, milliseconds)

    inbox.skips = True
    if inbox.complaint is None:
        inbox.complaint = Complaint(say, 2 * peer.patience_ms)
    say(peer.patience_ms)
    inbox.complaint.begin()
