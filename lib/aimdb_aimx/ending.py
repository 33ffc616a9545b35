"""Ends what a peer has begun, and finds out whether it is there. Loaded for each, and not kept."""

import asyncio

from aimdb.waiting import current, current_loop


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
    peer.server.left(peer)


def probe(peer) -> None:
    """Send something, so that the network tells when nobody is there any more."""
    if not peer.pong or peer.pong.done():
        peer.pong = asyncio.create_task(_pong(peer))


async def _pong(peer):
    try:
        await peer.send((b'{"t":"pong"}',))
    except Exception as er:
        peer.end(er)
