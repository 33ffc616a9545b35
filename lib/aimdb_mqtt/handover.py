"""What becomes of messages and subscriptions when a connection, or a run, begins or ends. Loaded then, and not kept."""

import sys
from time import ticks_diff, ticks_ms

from micropython import const

from .errors import ConnectionLost

_DUPLICATE = const(0x08)  # In the first byte of a PUBLISH.

# After so many connections that broke while it was on its way, a message goes alone; after so many, not any more.
_SUSPECT = const(2)
_GIVEN_UP = const(5)


def begin(broker, session_kept: bool) -> None:
    """There is a new connection: subscribe again, and send again what the last one left."""
    end(broker.window, broker.error, None)  # Perhaps there was no heap for it.
    for inbox in broker.inboxes:
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
    resume(broker.window)


def resume(window) -> None:
    """Send what has not gone out on this connection: all, or with suspects the next. Source: MQTT 3.1.1, 4.4."""
    window.one_by_one = False
    for flight in window.flights.values():
        if flight.strikes >= _SUSPECT:
            window.one_by_one = True
    for flight in window.flights.values():
        if flight.sent_at is None:
            flight.sent_at = ticks_ms()
            window.broker.connection.send(flight.packet)
        if window.one_by_one:
            break


def end(window, error, connection) -> None:
    """The connection has ended because of `error`: so do the flights that no other one is to carry."""
    for packet_id, flight in list(window.flights.items()):
        if flight.sent_at is not None:
            flight.packet[0] |= _DUPLICATE
            # The broker was there when it broke the connection, or kept the acknowledgement to itself.
            if connection and (connection.broken or ticks_diff(connection.heard_at, flight.sent_at) > 0):
                flight.strikes += 1
            flight.sent_at = None
        why = None
        if not flight.resend:
            why = type(error)(*error.args)  # For each task its own, with its own traceback.
        elif flight.strikes >= _GIVEN_UP:
            window.broker.given_up_count += 1
            text = "%s: a message of %d bytes is given up, at which %d connections ended"
            why = ConnectionLost(text % (window.broker.name, len(flight.packet), flight.strikes))
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
    """Take messages, also before anybody has subscribed: the broker may remember an earlier subscription."""
    broker = inbox.broker
    if inbox in broker.inboxes and not inbox.ended:
        return
    for other in broker.inboxes[:]:
        if other.ended and other.encoded == inbox.encoded:
            broker.inboxes.remove(other)
            if other.skips:
                broker.renew()  # What was left with the broker is for us.
    inbox.ended = False
    inbox.recover()
    broker.inboxes.append(inbox)
    broker.freed.wake_all()
    if inbox.asked:
        _ask(inbox)


def subscribe(inbox) -> None:
    """Subscribe, now if there is a connection, and on each new one."""
    asked, inbox.asked = inbox.asked, True
    if not asked and inbox in inbox.broker.inboxes:
        _ask(inbox)
    attach(inbox)


def detach(inbox, unsubscribe: bool = False) -> None:
    """Take no more. Unless `unsubscribe`, the broker keeps the subscription, and messages for the next run."""
    broker = inbox.broker
    if inbox in broker.inboxes:
        inbox.sent_at = inbox.granted = None
        if inbox.complaint is not None:
            inbox.complaint.end()
        if unsubscribe or broker.clean_session:
            broker.inboxes.remove(inbox)
            if unsubscribe and broker.connected and inbox.encoded not in [other.encoded for other in broker.inboxes]:
                broker.ask(0xA2, inbox.encoded)
        else:
            inbox.ended = True  # It stays as long as the connection: nothing is acknowledged for it.
        broker.freed.wake_all()


def _ask(inbox):
    broker = inbox.broker
    if broker.connected:
        inbox.granted = None
        inbox.sent_at = ticks_ms()
        inbox.packet_id = broker.ask(0x82, inbox.encoded, bytes((inbox.qos,)))


def skip(inbox) -> None:
    """There has been no room for long: from now on messages stay with the broker, unless it forgets them."""
    from aimdb.complaint import Complaint, complain

    broker = inbox.broker

    def say(milliseconds):
        text = "dropped" if broker.clean_session else "left with the broker"
        what = "has %d messages of %s that it does not take; others are %s" % (inbox.capacity, inbox.name, text)
        complain(inbox.buffer.key, what, milliseconds)

    inbox.skips = True
    if inbox.complaint is None:
        inbox.complaint = Complaint(say, 2 * broker.patience_ms)
    say(broker.patience_ms)
    inbox.complaint.begin()
