"""How the conformance suite looks at a buffer that lives on a peer, which sends back each value that it is given."""

import asyncio

from aimdb_conformance import Way
from scripted_peer import until

ROOM = 3  # Values that a buffer of the suite has room for, and that are on their way at once.


class WayOfAPeer(Way):
    """A subclass has `make` and `unread`. While `server.holds` is true, it neither sends back nor replies."""

    calls = 400

    def __init__(self):
        self.count = 0  # Of buffers. Each has a path of its own.
        self.server = self.peer = None

    def hold(self):
        self.server.holds = True

    async def arrive(self):
        peer = self.peer
        self.server.holds = False
        moved, wakes = peer.moved.wake_all, [(inbox, inbox.wake) for inbox in peer.inboxes]
        peer.moved.wake_all = lambda: None
        for inbox, _ in wakes:
            inbox.wake = lambda: None
        try:
            while peer.window.flights and not peer.blocked:
                assert peer.connected
                await asyncio.sleep_ms(0)
        finally:
            peer.moved.wake_all = moved
            for inbox, wake in wakes:
                inbox.wake = wake
        moved()
        for _, wake in wakes:
            wake()

    def forget(self, buffer):
        buffer.close()

    def tests(self, tests, serve, connect):
        """Each with a server of its own, `serve()`, and the peer that `connect(server)` makes of it."""
        return {name: self._test(test, serve, connect) for name, test in tests.items()}

    def _test(self, test, serve, connect):
        async def run():
            async with serve() as server:
                self.server = server
                async with connect(server) as self.peer:
                    await until(lambda: self.peer.connected)
                    result = test()
                    if hasattr(result, "send"):
                        await result
                    assert self.peer.connected
                    await server.stop()  # So that the good-bye, which blocks this loop, need not wait for an answer.
                    await until(lambda: not self.peer.connected)

        return run
