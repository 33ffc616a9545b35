"""Tries again what a peer did not take and may take later. Loaded then, and not kept."""

import asyncio

from .errors import NotNow


async def again(link, flights) -> None:
    """Send the link's values again, one by one and in order, after pauses that double, until the peer takes them."""
    peer = link.peer
    pause, longest = peer.retry_ms
    while flights:
        try:
            flight = flights[0]
            if not flight.done:
                await peer.moved.wait()  # It was on its way when one before it was refused, or is so again.
            elif isinstance(flight.error, NotNow):
                await asyncio.sleep_ms(pause)
                await peer.window.room(1, True)
                peer.window.again(flight, link)
                pause = min(2 * pause, longest)
                continue
            link.landed(flight)
        except MemoryError:
            await asyncio.sleep_ms(pause)
    link.stalled = None
    peer.moved.wake_all()


def leave(link, flights) -> None:
    """The link ends: what it was to try again is sent by the next connection, unless its record keeps it."""
    link.stalled = None
    for flight in flights if link.outlives else ():
        if isinstance(flight.error, NotNow):
            link.peer.window.again(flight, None)
