"""What becomes of subscriptions: when somebody wants them, or no longer, or has no room. Loaded then, and not kept."""

from time import ticks_ms

from micropython import const

from .errors import drop, tell

_FEWEST = const(10)  # Messages after which a broker that waits for acknowledgements may send no more. Many take 20.


def attach(inbox) -> None:
    """Take messages, also before anybody has subscribed: the peer may remember an earlier subscription."""
    peer = inbox.peer
    if inbox in peer.inboxes and not inbox.ended:
        return
    for other in peer.inboxes[:]:
        if other.ended and other.route == inbox.route:
            peer.inboxes.remove(other)
            other.end_complaint()
            if other.skips or other is not inbox and other.values:
                peer.renew()  # What was left with the peer is for us.
    inbox.ended = False
    recover(inbox)
    inbox.skips = bool(peer.renewing)  # What comes now is newer than what comes again.
    peer.inboxes.append(inbox)
    peer.freed.wake_all()
    if inbox.asked:
        ask(inbox)


def subscribe(inbox) -> None:
    """Subscribe, now if there is a connection, and on each new one."""
    asked, inbox.asked = inbox.asked, True
    if not asked and inbox in inbox.peer.inboxes:
        ask(inbox)
    if inbox.peer.in_use():  # Else the run of the buffer attaches it, or the program forgets it.
        attach(inbox)


def detach(inbox, unsubscribe: bool = False) -> None:
    """Take no more. Unless `unsubscribe`, the peer keeps the subscription, and messages for the next run."""
    peer = inbox.peer
    if inbox in peer.inboxes:
        inbox.sent_at = inbox.granted = None
        inbox.end_complaint()
        if unsubscribe or not peer.keeps:
            peer.inboxes.remove(inbox)
            if peer.connected and (unsubscribe or len(peer.users) > 1):  # Else the connection ends, too.
                peer.unsubscribe(inbox)
            if not peer.keeps:
                # It does not send them again, and would wait for the acknowledgements of a run that may never come.
                for entry in [(value, None) for value, _ in inbox.values]:
                    arrival = inbox.values.popleft()[1]
                    inbox.values.append(entry)
                    if arrival:
                        arrival.done()
        else:
            inbox.ended = True  # It stays as long as the connection: nothing is acknowledged for it.
        peer.freed.wake_all()


def ask(inbox) -> None:
    """Subscribe on the connection that there is now."""
    peer = inbox.peer
    if peer.connected:
        inbox.granted = None
        inbox.sent_at = ticks_ms()
        inbox.packet_id = peer.subscribe(inbox)


def close(inbox) -> None:
    """Take no more: the record is closed, and drops what the inbox has."""
    detach(inbox, True)
    while inbox.values:
        inbox.finish(inbox.take()[1])
        drop(inbox.buffer)


def refused(inbox) -> None:
    """The peer has refused a subscription. It is asked again, after `timeout_ms` or by the next connection."""
    inbox.refusals += 1
    tell(inbox.refusals, "record %r: the peer refused the subscription to %s", inbox.buffer.key, inbox.name)


def recover(inbox) -> None:
    """It has room again, or the messages come again."""
    inbox.skips = inbox.stuck = False
    inbox.end_complaint()


def look(inbox) -> None:
    """It was refused, and why may have passed; or it is stuck, and what it does not acknowledge may keep all back."""
    peer = inbox.peer
    if inbox.granted is False:
        ask(inbox)
    elif inbox.complaint is None:
        if inbox.ended or not inbox.has_room() or sum([_held(other) for other in peer.inboxes]) >= _FEWEST:
            _skip(inbox, peer.timeout_ms)


def _held(inbox):
    return len(inbox.values) + inbox.taken


def overdue(peer) -> None:
    """What has arrived has waited for too long."""
    if peer.blocked is None:
        peer.expects = False  # Nobody subscribes to it.
    else:
        _skip(peer.blocked, peer.patience_ms)


def _skip(inbox, waited_ms):
    # From now on, messages without room are not acknowledged. A peer that keeps them sends them later; those of any
    # other peer are lost. It is said the 1st time, and then the 2nd, 4th, 8th …; and when it lasts twice as long as has
    # been said before.
    from aimdb.complaint import Complaint, complain

    peer = inbox.peer

    def say(milliseconds):
        text = "are left with the peer" if peer.keeps else "are dropped"
        if not inbox.skips:
            text = "may be kept back by the peer, from all records"
        what = "has %d messages of %s that it does not take; others %s" % (_held(inbox), inbox.name, text)
        complain(inbox.buffer.key, what, milliseconds)
        inbox.waited = max(inbox.waited, milliseconds)

    inbox.end_complaint()
    inbox.skips = inbox.ended or not inbox.has_room()
    inbox.skipped += 1
    if not inbox.skipped & (inbox.skipped - 1):
        say(waited_ms)
    inbox.complaint = Complaint(say, 2 * max(inbox.waited, waited_ms))
    inbox.complaint.begin()
