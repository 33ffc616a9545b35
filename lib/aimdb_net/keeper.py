"""The task that keeps up a peer's connection."""

import asyncio
from random import getrandbits
from time import ticks_diff, ticks_ms

from aimdb.timing import timed
from micropython import const

from . import once
from .errors import ConnectionLost, tell

_LONGEST = const(0x8000000)  # Milliseconds: half of what a clock can tell.


async def keep(peer) -> None:
    """Keep up the connection until cancelled. Nothing that the network, the peer or the heap does ends it."""
    pause = 0  # Before the next attempt, without its random part.
    troubles = 0  # Attempts that failed, and connections that were lost soon, in a row.
    patience = peer.timeout_ms  # For answers. It doubles while none comes: a long message may take longer to get there.
    while True:
        try:
            if peer.connection:  # There was no heap to end it, or Ctrl-C has ended the task before this one.
                peer.disconnect(ConnectionLost("there was no memory, or Ctrl-C came"))
            began = None  # When it was connected.
            try:
                await peer.ready()
                await timed(once("opening").connect(peer), peer.timeout_ms)
                began = ticks_ms()
                await _watch(peer, patience)
            except MemoryError:
                raise
            except Exception as er:
                now = ticks_ms()
                troubles += 1
                lasted = abs(ticks_diff(now, began)) if began is not None else 0  # The clock goes round.
                if lasted > pause and not _owes(peer, now, peer.timeout_ms):
                    pause = 0  # It was a good connection.
                    if lasted > peer.retry_ms[1]:
                        troubles = 0
                if lasted > 2 * patience:
                    patience = peer.timeout_ms
                if lasted and not peer.connection.error:
                    patience = max(patience, min(2 * patience, 16 * peer.timeout_ms, _LONGEST))
                error = once("opening").failed(peer, er, troubles)
            else:
                peer.disconnect(None, True)
                continue
            peer.disconnect(error)
            shortest, longest = peer.retry_ms
            pause = min(max(2 * pause, shortest), longest)
            shorter = pause * getrandbits(8) >> 9  # By a random part, up to a half.
            await peer.news.rest(max(1, pause - shorter))
        except Exception as er:
            if not isinstance(er, MemoryError):
                tell(troubles or 1, "no connection to %s: %r", peer.name, er)
            await asyncio.sleep_ms(peer.retry_ms[0])
        except KeyboardInterrupt:  # It ends the task in whose step it comes, and the loop may run on.
            peer.task = asyncio.create_task(keep(peer))
            raise


async def _watch(peer, timeout):
    # Until the connection ends, or the peer is found dead: then it raises why. It returns when it is to be renewed.
    connection = peer.connection
    quiet = peer.keepalive_s * 250
    asked_at = ticks_ms()
    while not connection.error:
        now = ticks_ms()
        heard = ticks_diff(now, connection.heard_at)
        if connection.resumed_at is not None and ticks_diff(now, connection.resumed_at) > timeout:
            connection.resumed_at = None  # Long ago. The clock will go round.
        # While we did not read, an acknowledgement may have come.
        if not connection.held and connection.resumed_at is None and _owes(peer, now, timeout):
            raise ConnectionLost("%s has owed an acknowledgement for %d ms" % (peer.name, timeout))
        if peer.pinged_at is not None:
            if connection.held:
                if quiet and ticks_diff(now, connection.sent_at) >= quiet:
                    peer.ping()  # The answer is not read now, but a broker ends a connection on which nothing comes.
            elif min(ticks_diff(now, peer.pinged_at), heard) > timeout:
                raise ConnectionLost("%s has been silent for %d ms" % (peer.name, timeout))
        elif peer.renewing and not peer.window.flights:
            if peer.renewing == 2:
                return
            peer.renewing = 2
            peer.ping()  # When it is answered, the peer has all our acknowledgements.
        elif quiet and max(ticks_diff(now, connection.sent_at), heard) >= quiet:
            peer.ping()
        elif heard >= timeout // 4 and _owes(peer, now, timeout // 4):
            peer.ping()  # If it answers, it is not the network that keeps back what it owes.
        if ticks_diff(now, asked_at) > timeout:
            asked_at = now
            for inbox in peer.inboxes:
                stuck = inbox.values or inbox.taken or inbox.ended and inbox.skips
                if inbox.granted is False or stuck and inbox.stuck:
                    once("subscribing").look(inbox)
                inbox.stuck = stuck
        await peer.news.rest(min(timeout // 2, quiet or timeout))
    raise connection.error


def _owes(peer, now, milliseconds):
    # Whether the peer has not acknowledged within this time.
    for answers in (peer.inboxes, peer.window.flights.values()):
        for due in answers:
            if due.sent_at is not None and ticks_diff(now, due.sent_at) > milliseconds:
                return True
    return False
