import asyncio
import gc
import sys
from time import sleep_ms, ticks_add, ticks_diff, ticks_ms

from aimdb import check_int, once
from aimdb.errors import new
from aimdb.timing import Deadline, TimedOut
from micropython import const

from .crashes import CrashBook
from .watchdog import Watchdog, reset_cause

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_RUNS = const(5)  # Quick failures in a row, after which the board is reset.
_STARTS = const(4)  # Quick starts in a row, of which the last one is in reduced mode.
_LONGEST_PAUSE_S = const(60)
_LONGEST_S = const(0x1FFFFFFF // 1000)
_BEGINNING_MS = const(5000)  # In which a run loads its modules, and all its stages take their first step.
_PATIENCE_MS = const(8388)  # The longest that the watchdog of an RP2040 waits.


class Restart(Exception):
    """Raised by a stage: the run ends in order, and then the board is reset. It is no crash.

    After `Restart("repair")` the board comes up in reduced mode, where it can be given other code.
    """


class Supervisor:
    """Runs an application for good: `Supervisor(application, repair).run()` is the last line of a main.py.

    When `application()` raises, the error is written into the `crashes`, and the application runs again after 1, 2,
    4 and 8 seconds. The fifth failure in a row resets the board. A board that has started four times in a row
    without a good run stays up in reduced mode: it runs `repair()` instead, in which it can be reached and mended, and
    tries the application again when that returns or raises `Restart`, or after `repair_s`, and after twice as long each
    time. A run of `good_s` is a good one, and so is one in which the application returns. When the count of starts
    cannot be written to flash, the fifth failure leads to reduced mode at once. When it was for lack of memory, it
    always resets the board: only that frees it.

    application, repair   async functions to run. Import inside of them what they need, so that an error in that counts,
                          too. Without `repair` there is no reduced mode
    say                   `say(who, text)` tells what happens
    watchdog              is started, and fed by a task of the loop; for the first 5 s of a run by a timer as well, but
                          not on an ESP32. In reduced mode it waits 8388 ms at least
    reset, pause_ms       what resets the board and what waits, for tests

    The end of a deep sleep is a start like one by power. An RP2 board cannot tell it from a reset: there call
    `crashes.good()` before it.

    Ctrl-C ends it and gives the prompt; from then on the watchdog resets nothing, and the count of starts is zero.
    `run` returns when the application does. Raises `TypeError` or `ValueError` for wrong arguments, and for times that
    are longer than six days. IRQ safety: none.
    """

    if not TYPE_CHECKING:
        __new__ = new

    def __init__(
        self,
        application: "Callable[[], Awaitable]",
        repair: "Callable[[], Awaitable] | None" = None,
        crashes: "CrashBook | None" = None,
        watchdog: "Watchdog | None" = None,
        say: "Callable[[str, str], object]" = print,
        good_s: int = 60,
        repair_s: int = 3600,
        reset: "Callable[[], object] | None" = None,
        pause_ms: "Callable[[int], object]" = sleep_ms,
    ):
        for what in (application, application if repair is None else repair, say):
            if not callable(what):
                raise TypeError("a Supervisor is given functions, not %r; pass main, not main()" % (what,))
        check_function = once("arguments").check_function
        for name, function in (("say", say), ("reset", print if reset is None else reset), ("pause_ms", pause_ms)):
            check_function(name, function)
        self.crashes = CrashBook() if crashes is None else crashes
        self.watchdog = Watchdog() if watchdog is None else watchdog
        if not isinstance(self.crashes, CrashBook):
            raise TypeError("crashes is a CrashBook, not %r" % (crashes,))
        if not isinstance(self.watchdog, Watchdog):
            raise TypeError("watchdog is a Watchdog, not %r" % (watchdog,))
        self._application = application
        self._repair = repair
        self._say = say
        self._good_ms = _in_ms("good_s", good_s)
        self._repair_ms = _in_ms("repair_s", repair_s)
        self._reset = reset
        self._pause_ms = pause_ms
        self._seconds = 0  # That this start has lasted,
        self._counted_to = ticks_ms()  # up to here.
        self._is_good = False  # The present run.
        self._reduced_at = 0  # In seconds of this start.

    def run(self) -> None:
        """Run until the application returns or Ctrl-C comes."""
        try:
            self._run_for_good()
        except KeyboardInterrupt:
            self.watchdog.release()
            self.crashes.good()
            raise
        except MemoryError:  # There is none to go on either. Only a reset frees what the application keeps.
            self._reset_board()

    def _run_for_good(self):
        crashes = self.crashes
        cause = reset_cause()
        crashes.begin(cause in ("power on", "deep sleep"), _STARTS)
        self._tell("start", "after: %s; start %d without a good run" % (cause, crashes.starts))
        if crashes.text:
            self._tell("crash", "%d so far, the last one at %s" % (crashes.crashes, crashes.text.rstrip()))
        failures = 0
        reduced = crashes.starts >= _STARTS and self._repair is not None
        if reduced and self.watchdog.timeout_ms:
            # A handshake of TLS may take longer than the application's time, and then nobody could change that time.
            self.watchdog.timeout_ms = max(self.watchdog.timeout_ms, _PATIENCE_MS)
        self.watchdog.start()
        while True:
            error = None
            self._is_good = False
            mending = reduced
            try:
                asyncio.run(self._run(mending))
                if not mending:
                    crashes.good()
                    return
            except KeyboardInterrupt:
                raise
            except BaseException as er:  # What ends a task, a generator or a program is an error, too.
                error = er
            asyncio.new_event_loop()
            if isinstance(error, Restart):
                self._tell("restart", "on request")
                if mending:
                    crashes.good()  # Somebody has mended it: the application is to be tried.
                elif error.args == ("repair",):
                    crashes.starts = _STARTS - 2
                    crashes.begin(False, _STARTS)
                self._reset_board()
            if error is not None:
                gc.collect()  # What the run has left.
                failures = 1 if self._is_good else failures + 1
                self._tell("crash", crashes.note(error, self._uptime()).rstrip())
                if failures >= _RUNS:
                    # Only a reset frees what the runs have kept; without memory reduced mode mends nothing.
                    is_full = isinstance(error, MemoryError)
                    if is_full or not mending and crashes.starts < _STARTS and crashes.is_kept:
                        self._tell("crash", "%d runs in a row have failed; the board is reset" % failures)
                        self._reset_board()
                    if not mending:
                        reduced = self._repair is not None
                        self._reduced_at = self._uptime()
                self._pause(min(1 << min(failures - 1, 6), _LONGEST_PAUSE_S))
            if mending and (error is None or self._left_ms() <= 0):
                self._tell("restart", "the application is tried again")
                self._repair_ms = min(2 * self._repair_ms, 86400000)
                reduced = False
                failures = _RUNS - 1

    async def _run(self, reduced):
        tasks = [asyncio.create_task(self._tend())]
        try:
            if reduced:
                self._tell("start", "REDUCED: only console and network, as the application has failed too often")
                await self._mend()
            else:
                tasks.append(asyncio.create_task(self._become_good()))
                await _called(self._application)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.sleep_ms(0)  # In which they end.

    async def _mend(self):
        # Not by `timed`: a TimeoutError from `repair` would look like the end of its time.
        deadline = Deadline()
        deadline.start(max(0, self._left_ms()))
        try:
            await _called(self._repair)
        except TimedOut:
            if not deadline.passed:
                raise
        finally:
            deadline.stop()

    def _left_ms(self):
        # Of reduced mode, until the application is tried again.
        return self._repair_ms - 1000 * (self._uptime() - self._reduced_at)

    async def _tend(self):
        if sys.platform != "esp32":  # Whose few timers are the application's.
            with self.watchdog.patience(_BEGINNING_MS):
                for _ in range(_BEGINNING_MS // self.watchdog.pause_ms):
                    await self._feed()
        while True:
            await self._feed()

    async def _feed(self):
        self.watchdog.feed()
        self._uptime()
        await asyncio.sleep_ms(self.watchdog.pause_ms)

    async def _become_good(self):
        await asyncio.sleep_ms(self._good_ms)
        self._is_good = True
        self.crashes.good()

    def _tell(self, who, text):
        try:
            self._say(who, text)
        except Exception:  # There is no memory, say. It is of no use to anybody, and must end nothing.
            pass

    def _pause(self, seconds):
        self._tell("restart", "in %d s" % seconds)
        for _ in range(seconds * 4):  # In which Ctrl-C is heard, and the watchdog fed.
            self.watchdog.feed()
            self._pause_ms(250)

    def _uptime(self):
        # In seconds, and counted often: the clock's milliseconds go round after 12 days.
        passed = ticks_diff(ticks_ms(), self._counted_to) // 1000
        self._seconds += passed
        self._counted_to = ticks_add(self._counted_to, passed * 1000)
        return self._seconds

    def _reset_board(self):
        if self._reset:
            self._reset()
        else:
            import machine

            machine.reset()


def _called(function):
    awaitable = function()
    if not hasattr(awaitable, "send"):
        raise TypeError("a Supervisor runs async functions, and %r is none" % (function,))
    return awaitable


def _in_ms(name, seconds):
    # A fraction of a second is for tests. What is no number of seconds comes through whole, and is told.
    is_fraction = type(seconds) is float and 0 <= seconds <= _LONGEST_S
    check_int(name, int(seconds) if is_fraction else seconds, 0, _LONGEST_S)
    return int(seconds * 1000)
