"""Finds out whether a peer is there, and ends it, or what it has begun. Loaded for each, and not kept."""

import asyncio
from time import ticks_diff, ticks_ms

from aimdb.waiting import current, current_loop

from .requests import refused


def unsubscribe(peer, id) -> None:
    """End a subscription, if there is one of this id."""
    subscription = peer.subscriptions.pop(id, None) if isinstance(id, str) else None
    if subscription:
        subscription.end()


def forget(peer) -> None:
    """End all subscriptions, and close the cursors."""
    for id in list(peer.subscriptions):
        unsubscribe(peer, id)
    while peer.cursors:
        peer.cursors.popitem()[1].close()


def too_long(length: int, most: int) -> ValueError:
    """Why a peer ends that sends such a frame."""
    return ValueError("a frame of %d bytes is longer than the %d that are allowed" % (length, most))


def finish(peer) -> None:
    """Stop the tasks of a peer that has ended, close its stream, and tell the server."""
    if peer.loop is current_loop():
        # Cancelled before the socket goes, so that the loop forgets it.
        tasks = [peer.task, peer.pong]
        for subscription in peer.subscriptions.values():
            tasks += subscription.tasks
        for task in tasks:
            if task and task is not current():
                task.cancel()
    forget(peer)
    for each in peer.sockets:
        try:
            each.close()
        except OSError:
            pass
    server = peer.server
    if peer in server.peers:
        server.peers.remove(peer)
        if not isinstance(peer.error, OSError):
            server.ended_count += 1
            server.last_error = str(peer.error) or repr(peer.error)
        elif peer.error.args and not peer.sockets:  # An OSError without arguments is our own: the run ends, say.
            refused(server, "the serial line cannot be read or written: %r", peer.error)
        server.show()


def look_after(peer, silent) -> None:
    """Once a second: drop a peer that takes nothing, or has no token; see whether one that is `silent` is there."""
    timeout = peer.server.timeout_ms
    stuck = peer.frames.stuck_since
    if peer.error:
        finish(peer)
    elif stuck is not None and ticks_diff(ticks_ms(), stuck) > timeout:
        peer.end("a peer took nothing for %d ms" % timeout)
    elif not peer.is_trusted and peer.age * 1000 > timeout:
        peer.end("a peer did not show the token within %d ms" % timeout)
    elif silent and (not peer.pong or peer.pong.done()):
        # So that the network tells when nobody is there any more.
        peer.pong = asyncio.create_task(_pong(peer))


async def _pong(peer):
    try:
        await peer.send((b'{"t":"pong"}',))
    except Exception as er:
        peer.end(er)
