from aimdb import Reader
from aimdb.errors import check_int
from micropython import const

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Any

    from .topic import MqttTopic


async def _at_once():
    pass


class CommittingReader(Reader):
    """Acknowledges messages when it is told to. What it has not committed when it is closed is for the others."""

    def __init__(self, buffer: "MqttTopic"):
        super().__init__(buffer)
        self.buffer: "Any"
        self.taken: list = []  # Of (value, arrival), in the order of reading,
        self._repeated = 0  # after so many that the broker has sent again since: there is nothing to acknowledge.

    def note(self, entry) -> None:
        """Remember what was read."""
        taken = self.taken
        while taken and taken[0][1] and taken[0][1].repeats != self.buffer.peer.repeats:
            taken.pop(0)
            self._repeated += 1
        taken.append(entry)

    def commit(self, count: "int | None" = None) -> "Awaitable[None]":
        """Acknowledge the oldest `count` messages that this reader has taken, or all of them, at once.

        It may be awaited, as that of a `FlashQueue` is, but nothing is left to wait for. Raises `ValueError` when
        `count` is negative, or more than was read, and `TypeError` when it is no int.
        """
        taken = self.taken
        held = self._repeated + len(taken)
        if count is None:
            count = held
        else:
            check_int("count", count, 0, held)
        repeated = min(count, self._repeated)
        self._repeated -= repeated
        for _ in range(count - repeated):
            self.buffer._inbox.finish(taken[0][1])
            taken.pop(0)
        return _at_once()

    def close(self) -> None:
        super().close()
        while self.taken:
            self.buffer._inbox.give_back(self.taken.pop())
        self.buffer.wake()
