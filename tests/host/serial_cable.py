"""A serial cable: two pseudo-terminals, and what is written to one can be read from the other."""

from __future__ import annotations

import os
import select
import termios
import threading
import tty


class SerialCable:
    """`near` and `far` are the paths of its ends."""

    def __enter__(self) -> SerialCable:
        self._ends = [os.openpty(), os.openpty()]
        for _, terminal in self._ends:
            tty.setraw(terminal)
            attributes = termios.tcgetattr(terminal)
            attributes[6][termios.VMIN] = 0  # A read gives what is there, as that of a UART does.
            termios.tcsetattr(terminal, termios.TCSANOW, attributes)
        self.near, self.far = (os.ttyname(terminal) for _, terminal in self._ends)
        self._cut, self._knife = os.pipe()
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()
        return self

    def _carry(self) -> None:
        masters = [master for master, _ in self._ends]
        while True:
            ready = select.select([*masters, self._cut], [], [])[0]
            if self._cut in ready:
                return
            for master in ready:
                os.write(masters[1 - masters.index(master)], os.read(master, 1024))

    def unplug(self) -> None:
        """Pull the plug at the far end: that is no device any more."""
        os.write(self._knife, b"x")
        self._thread.join()
        for fd in self._ends.pop():
            os.close(fd)

    def __exit__(self, *exception: object) -> None:
        if self._thread.is_alive():
            os.write(self._knife, b"x")
            self._thread.join()
        for fd in (self._cut, self._knife, *(fd for end in self._ends for fd in end)):
            os.close(fd)
