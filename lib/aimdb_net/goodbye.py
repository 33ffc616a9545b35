"""The end of a link, and of a connection that nobody needs any more. Loaded then, and not kept."""

from asyncio import TimeoutError
from time import sleep_ms, ticks_diff, ticks_ms

from aimdb.timing import timed
from micropython import const

_LONGEST = const(1000)  # Milliseconds.


def say(connection, peer) -> None:
    """Send `peer.parting`, once the peer has all that was sent before, and we all that it has acknowledged.

    A socket that is closed with something unread in it takes what was sent last along, so this blocks for the time of
    a question and its answer, at most for a second or a quarter of `timeout_ms`.
    """
    peer.ping()
    longest_ms = longest(peer)
    while not connection.error and peer.pinged_at is not None:
        if ticks_diff(ticks_ms(), peer.pinged_at) > longest_ms:
            break
        connection.flush()
        count = connection.receiver.fill(connection.stream)
        if count is None:
            sleep_ms(1)
            continue
        if not count:
            return
        first = connection.receiver.next()
        while first:
            peer.take(first, connection.receiver.body, connection.receiver.whole)
            first = connection.receiver.next()
    if not connection.out:
        connection.stream.write(peer.parting)


async def settle(link) -> None:
    """A link is cancelled, whose record gives again what is not acknowledged: wait for that which is on its way.

    No longer than `say` would: a peer that is there answers at once.
    """
    peer = link.peer

    async def landed():
        while link.flights and link.limit and peer.connected:
            await peer.moved.wait()

    try:
        await timed(landed(), longest(peer))
    except TimeoutError:
        pass


def longest(peer) -> int:
    """How many milliseconds an end may take: a second, or a quarter of `timeout_ms`."""
    return min(_LONGEST, peer.patience_ms)
