"""What a board has printed: the engine thread appends, any thread reads and waits."""

import threading
import time
from collections.abc import Callable

from emulated_pico.errors import BoardError

HINT = "timeout= gives it longer: a busy emulated chip is several times slower than a real one."


class Console:
    """All fields are shared between threads, and guarded by one condition."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._printed = bytearray()
        self._taken = 0  # where the next `take_through` begins to search
        self._closed = ""  # why nothing more will come

    def append(self, data: bytes) -> None:
        """Add what the board has just printed."""
        with self._changed:
            self._printed += data
            self._changed.notify_all()

    def close(self, reason: str) -> None:
        """End all waiting: nothing more will be printed."""
        with self._changed:
            self._closed = reason
            self._changed.notify_all()

    @property
    def text(self) -> str:
        """Everything so far."""
        with self._changed:
            return self._printed.decode(errors="replace")

    @property
    def end(self) -> int:
        """The position after the last byte so far."""
        with self._changed:
            return len(self._printed)

    def mark_taken(self, position: int) -> None:
        """Let the next `take_through` begin at the position."""
        with self._changed:
            self._taken = position

    def take_through(self, text: str, timeout: float) -> str:
        """Wait for the text, behind what was taken before; return all up to its end, and take that."""
        with self._changed:
            start = self._taken
        end = self.wait_for(text.encode(), start, Deadline(timeout))
        self.mark_taken(end)
        with self._changed:
            return self._printed[start:end].decode(errors="replace")

    def wait_for(
        self,
        mark: bytes,
        start: int,
        deadline: "Deadline",
        on_output: Callable[[bytes], object] = lambda data: None,
    ) -> int:
        """Wait until the mark was printed at or behind `start`; return the position after it.

        Bytes in front of the mark go to `on_output` as they come.

        Raises:
            BoardError: the deadline has passed, or the board has ended.
        """
        reported = start
        while True:
            with self._changed:
                found = self._printed.find(mark, max(start, reported - len(mark)))
                # A mark may be cut in two, so the last bytes are held back until more have come.
                settled = found if found >= 0 else max(reported, len(self._printed) - len(mark) + 1)
                output = bytes(self._printed[reported:settled])
                if found < 0 and not output:
                    if self._closed:
                        raise BoardError(self._closed)
                    if not self._changed.wait(deadline.remaining):
                        last = self._printed[start:][-300:].decode(errors="replace")
                        raise BoardError(
                            f"timed out: no {mark.decode()!r} from the board within {deadline.seconds:g} s of the wall"
                            f" clock; it printed {last!r}. {HINT}"
                        )
                    continue
            if output:
                on_output(output)
                reported = settled
            if found >= 0:
                return found + len(mark)


class Deadline:
    """An upper bound in wall time, for several waits in a row."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - time.monotonic())
