import asyncio
import json
import sys
from time import ticks_add, ticks_diff, ticks_ms

from aimdb import SingleLatest
from micropython import const

from .files import content, replace

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Setting(SingleLatest):
    """A setting that is there after a restart: a record whose newest value is kept in the file `path`, as JSON.

        db.configure("interval", Setting("/interval", 50, in_range)).link_from(URL + "/interval")

    It is written while `db.run()` runs: only a value that differs from the file's, once no other has come for
    `quiet_ms`, and no later than ten times that; and when the run ends. The old file is there until the new one is
    whole. So a value that changes for ever costs one write in ten times `quiet_ms`, and a power cut loses the changes
    of that time.

    default    the value when there is no file, or one that is damaged or does not pass `check`
    check      raises `TypeError` or `ValueError` for a value that must not become the setting. `try_produce` and
               `produce_async` raise it; `produce` drops the value and counts it

    Raises `TypeError` for a path that is no string, and what `check` raises for the default. Cancel safety: that of
    `SingleLatest`. IRQ safety: none.
    """

    def __init__(
        self,
        path: str,
        default: "Any" = None,
        check: "Callable[[Any], object] | None" = None,
        quiet_ms: int = 5000,
    ):
        super().__init__()
        if not isinstance(path, str):
            raise TypeError("the path of a setting's file comes first, not %r" % (path,))
        self._path = path
        self._check = check or _anything
        self._quiet_ms = quiet_ms
        self._check(default)
        self._written: "Any" = json.dumps(default)  # What a start from now would find, as JSON.
        value = default
        text = content(path)
        if text:
            try:
                value = json.loads(text)
                self._check(value)
                self._written = json.dumps(value)
            except (ValueError, TypeError) as er:
                value = default
                self._written = None
                print("aimdb: %s is no setting, and the default holds: %r" % (path, er), file=sys.stderr)
        self.push(value)

    def push(self, value) -> None:
        try:
            self._check(value)
        except Exception:  # Whatever the check raises, `produce` must not.
            self.dropped_count += 1
        else:
            super().push(value)

    def try_push(self, value) -> None:
        self._check(value)
        super().try_push(value)

    async def run(self) -> None:
        """Write what changes; `db.run()` does it."""
        reader = self.subscribe()
        try:
            while True:
                await reader.recv()
                latest = ticks_add(ticks_ms(), 10 * self._quiet_ms)
                while ticks_diff(latest, ticks_ms()) > 0:
                    try:
                        await reader.recv(self._quiet_ms)
                    except asyncio.TimeoutError:
                        break
                self.save()
        except Exception as er:
            if not self.closed:
                raise er
        finally:
            reader.close()
            self.save()

    def save(self) -> None:
        """Write the value now, if the file has another. When that fails, it is said, and tried with the next change."""
        try:
            text = json.dumps(self.peek())
            if text != self._written:
                replace(self._path, text.encode())
                self._written = text
        except (OSError, MemoryError) as er:
            print("aimdb: %s cannot be written: %r" % (self._path, er), file=sys.stderr)


def _anything(_):
    pass
