import sys
from time import ticks_add, ticks_diff, ticks_ms

from aimdb import check_int, polling
from aimdb.errors import new
from micropython import const

from .telling import tell

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# In the order in which they are told apart; not every port has each of them.
_CAUSES = const(
    "PWRON_RESET power on,HARD_RESET reset pin or machine.reset(),WDT_RESET watchdog,"
    "DEEPSLEEP_RESET deep sleep,SOFT_RESET soft reset"
)

# What is written here clears bits of the watchdog's register CTRL; see "Atomic Register Access" in the datasheets.
_RP2040_HELD = const(0x4005B000)
_RP2350_HELD = const(0x400DB000)
_ENABLED = const(1 << 30)


def reset_cause() -> str:
    """Why the board has started, in words.

    An RP2040 cannot tell `machine.reset()` from a watchdog, nor an ESP32 from its reset pin: both are named.
    """
    try:
        import machine

        cause = machine.reset_cause()
    except (ImportError, AttributeError):
        return "unknown"
    for entry in _CAUSES.split(","):
        name, _, words = entry.partition(" ")
        if getattr(machine, name, None) == cause:
            return "watchdog, or machine.reset()" if words == "watchdog" and sys.platform == "rp2" else words
    return "unknown"


def check_watchdog(timeout_ms: int) -> None:
    """Raise `TypeError` or `ValueError` unless `timeout_ms` is 0, or a time in which a loop comes round: 500 to 8388.

    For the setting that it comes from: a board that is reset at once, at every start, is out of reach.
    """
    check_int("timeout_ms", timeout_ms, 500 if timeout_ms else 0, 8388)


class Watchdog:
    """Resets the board when the loop has not run for `timeout_ms`. With 0 there is none, and nothing is done.

    `Supervisor` starts it, and feeds it by a task of the loop every `pause_ms`. While the name of a host is looked up,
    or a WiFi chip starts, a timer feeds it; not on an ESP32, where no timer can. An RP2040 takes at most 8388 ms. Once
    started it cannot be stopped. When the board does not accept the time, a line on stderr says so, and there is no
    watchdog.

    `machine`: what has the classes of `machine.WDT` and `machine.Timer`, for tests. Raises `TypeError` or `ValueError`
    for a wrong `timeout_ms`. IRQ safety: none. No method waits.
    """

    if not TYPE_CHECKING:
        __new__ = new

    def __init__(self, timeout_ms: int = 0, machine: "Any" = None):
        check_int("timeout_ms", timeout_ms)
        self.timeout_ms = timeout_ms
        self.pause_ms = max(1, timeout_ms // 4) if timeout_ms else 60000
        self._machine = machine
        self._dog: Any = None
        self._timer: Any = None
        self._most_ms = 0  # Of the next `with` block.
        self._until: Any = 0  # The timer feeds it up to this `ticks_ms`; None: without end.
        self._inside = 0  # So many `with` blocks of it.

    def start(self) -> None:
        """From now on it must be fed."""
        if self.timeout_ms and not self._dog:
            try:
                if self._machine is None:
                    import machine

                    self._machine = machine
                self._dog = self._machine.WDT(timeout=self.timeout_ms)
                if sys.platform != "esp32":  # Which runs no timer's function in such a call.
                    polling.watchdog = self  # type: ignore[assignment]
            except Exception as er:  # Or it has none. The board runs without it rather than not at all.
                tell("there is no watchdog of %d ms: %r", self.timeout_ms, er)

    def feed(self) -> None:
        """Begin the time anew."""
        if self._dog:
            self._dog.feed()

    def patience(self, most_ms: int) -> "Watchdog":
        """`with watchdog.patience(60000):` around what keeps the loop for long, such as opening a large queue.

        A timer feeds the watchdog meanwhile, for at most `most_ms` milliseconds: a program that hangs is still ended.
        """
        check_int("most_ms", most_ms)
        self._most_ms = most_ms
        return self

    def __enter__(self) -> "Watchdog":
        if self._dog:
            until = ticks_add(ticks_ms(), self._most_ms)
            # A block within another one, or at the prompt, never shortens the time.
            if not self._timer or self._until is not None and ticks_diff(until, self._until) > 0:
                self._until = until
            self._feed_by_timer()
        self._inside += 1
        return self

    def __exit__(self, *_) -> None:
        self._inside -= 1
        if self._timer and not self._inside:
            self._timer.deinit()
            self._timer = None
        self.feed()

    def release(self) -> None:
        """Somebody is at the prompt, where no loop runs: it is held, or a timer feeds it, until the next start."""
        for chip, place in (("RP2040", _RP2040_HELD), ("RP2350", _RP2350_HELD)):
            if self._dog and chip in getattr(sys.implementation, "_machine", ""):
                # mpremote begins with a soft reset, which stops all timers.
                from machine import mem32

                mem32[place] = _ENABLED
                return
        self._until = None
        self._feed_by_timer()
        self._inside += 1  # So that no block stops the timer.

    def _feed_by_timer(self):
        if not self._dog or self._timer:
            return

        def feed(_):
            if self._until is None or ticks_diff(self._until, ticks_ms()) > 0:
                self._dog.feed()

        try:
            try:
                timer = self._machine.Timer(-1)
            except ValueError:  # An ESP32 has only timers of its own.
                timer = self._machine.Timer(0)
            timer.init(period=self.pause_ms, callback=feed)
            self._timer = timer
        except OSError as er:  # The program has them all. What takes long may be done in time.
            tell("no timer feeds the watchdog of %d ms: %r", self.timeout_ms, er)
