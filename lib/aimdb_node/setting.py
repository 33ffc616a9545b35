import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from aimdb import JsonCodec, SingleLatest, check_int, once
from micropython import const

from .files import check_path, content, replace
from .telling import tell

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


_LONGEST = const(1024)  # Bytes of a file that is looked at: a longer one is not ours.
_LONGEST_QUIET_MS = const(0x1FFFFFFF // 10)  # A timer takes ten times that.
_codec = JsonCodec()


class Setting(SingleLatest):
    """A setting that is there after a restart: a record whose newest value is kept in the file `path`, as JSON.

        db.configure("interval", Setting("/interval", 50, in_range)).link_from(URL + "/interval")

    While `db.run()` runs, a value that differs from the file's is written when no other has come for `quiet_ms`, but no
    later than after ten times that; and it is written when the run ends. The old file is there until the new one is
    whole. So a value that never stops changing costs one write in ten times `quiet_ms`, and a power cut loses the
    changes of that time.

    default    the value when there is no file, or one that is damaged or does not pass `check`
    check      raises, or returns False, for a value that must not become the setting. `try_produce` and
               `produce_async` raise that or a `ValueError`, and what a `JsonCodec` raises for a value that could not be
               read again; `produce` drops the value and counts it

    Raises `TypeError` or `ValueError` for a path that names no file, an async `check` and a wrong `quiet_ms`, and what
    is raised for the default. Cancel safety: that of `SingleLatest`. IRQ safety: none.
    """

    def __init__(
        self,
        path: str,
        default: "Any" = None,
        check: "Callable[[Any], object] | None" = None,
        quiet_ms: int = 5000,
    ):
        super().__init__()
        check_path("a setting's", path)
        if check is not None and (not callable(check) or type(check).__name__ == "generator"):
            once("arguments").check_function("check", check)  # Says what is wrong. To load it takes 10 ms.
        check_int("quiet_ms", quiet_ms, 0, _LONGEST_QUIET_MS)
        self._path = path
        self._check = _anything if check is None else check
        self._quiet_ms = quiet_ms
        self._written: "Any" = self._encoded(default)  # What a start from now would find, as JSON.
        value = default
        text = content(path, _LONGEST)
        if text:
            try:
                value = _codec.decode(text)
                self._written = self._encoded(value)
            except MemoryError:
                raise
            except Exception as er:  # A check may stumble, too, over what it does not expect.
                value = default
                self._written = None
                tell("%s is no setting, and the default holds: %r", path, er)
        super().push(value)

    def _encoded(self, value):
        # As it is in the file. Raises what is wrong with it.
        answer = self._check(value)
        if answer is False:
            raise ValueError("%r does not pass check" % (value,))
        if hasattr(answer, "send"):  # Of a bound method only a call tells.
            raise TypeError("check is a function without async, not %r" % (self._check,))
        data = _codec.encode(value)
        if len(data) > _LONGEST:
            raise ValueError("a setting of %d bytes is too long" % len(data))
        return data

    def push(self, value) -> None:
        try:
            self._encoded(value)
        except Exception:  # Whatever the check raises, `produce` must not.
            self.dropped_count += 1
        else:
            super().push(value)

    def try_push(self, value) -> None:
        self._encoded(value)
        super().try_push(value)

    async def run(self) -> None:
        """Write what changes; `db.run()` does it."""
        reader = self.subscribe()
        try:
            while True:
                try:
                    await reader.recv()
                    latest = ticks_add(ticks_ms(), 10 * self._quiet_ms)
                    while ticks_diff(latest, ticks_ms()) > 0:
                        await reader.recv(self._quiet_ms)
                except asyncio.TimeoutError:
                    pass  # No other has come.
                except MemoryError:
                    await asyncio.sleep_ms(self._quiet_ms)
                self.save()
        except Exception as er:
            if not self.closed:
                raise er
        finally:
            self.save()
            reader.close()

    def save(self) -> None:
        """Write the value now, if the file has another. When that fails, it is said, and tried with the next change."""
        try:
            data = _codec.encode(self.peek())
            if data != self._written:
                replace(self._path, data)
                self._written = data
        except Exception as er:  # A tuple of kinds would take heap here.
            tell("%s cannot be written: %r", self._path, er)


def _anything(_):
    pass
