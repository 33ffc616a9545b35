"""A pseudo terminal that stands for a board's USB serial port."""

import asyncio
import os
import pty
import tty
from collections.abc import Callable

# A port that nobody reads loses what exceeds this, as a real one does.
UNREAD_LIMIT_BYTES = 1_000_000


class Terminal:
    """Joins a pseudo terminal to a board's console. Made, used and closed on the engine thread.

    Both ends stay open from here, so that clients can come and go.

    Arguments:
        loop: the engine thread's event loop.
        send: takes each byte that a client typed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Callable[[int], None]) -> None:
        self._loop = loop
        self._send = send
        self._unread = bytearray()
        self._board_end, self._client_end = pty.openpty()
        tty.setraw(self._client_end)
        os.set_blocking(self._board_end, False)
        self.path = os.ttyname(self._client_end)
        loop.add_reader(self._board_end, self._typed)

    def write(self, data: bytes) -> None:
        """Show what the board has printed to the client."""
        if len(self._unread) < UNREAD_LIMIT_BYTES:
            self._unread += data
        self._flush()

    def close(self) -> None:
        """Take the port away."""
        self._loop.remove_reader(self._board_end)
        self._loop.remove_writer(self._board_end)
        os.close(self._board_end)
        os.close(self._client_end)

    def _typed(self) -> None:
        for byte in os.read(self._board_end, 4096):
            self._send(byte)

    def _flush(self) -> None:
        try:
            while self._unread:
                del self._unread[: os.write(self._board_end, self._unread)]
        except BlockingIOError:
            self._loop.add_writer(self._board_end, self._flush)
        else:
            self._loop.remove_writer(self._board_end)
