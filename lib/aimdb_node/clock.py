import asyncio
import socket
import struct
import time
from random import getrandbits

from aimdb import check_int, once
from aimdb.errors import new
from aimdb.polling import readable
from aimdb.timing import timed
from micropython import const

from .telling import tell

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable

_FROM_1900 = const(2208988800)  # Seconds to 1970.
_ERA = const(4294967296)  # Seconds after which those of NTP begin anew: in 2036.
_YEAR = const(2025)  # A clock that says less was never set.
_EARLIEST = const(1735689600)  # 2025: no server is right that says less,
_LATEST = const(4102444800)  # nor one that says 2100.
_TURN = const(2085978496)  # 2036, when the seconds of NTP begin anew. In the year after that is what a server says that
_TURN_S = const(31536000)  # counts from 0 since it was switched on; a board that knew the time before may believe it.
_ANSWER_MS = const(3000)
_NO_HEAP_MS = const(1000)  # Until it is asked again when there was no heap to wait with.
_FIRST_PAUSE_S = const(2)
_LONGEST_PAUSE_S = const(300)

# Some ports count the seconds from 2000.
_EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0


class Clock:
    """The time of day, from an NTP server: set as soon as one answers, and again every `again_s`.

        db.configure("clock", SingleLatest()).source(Clock().keep)

    The record gets the Unix time each time that the clock was set. `now()` is 0 before. Looking up the server's name
    blocks the loop, as everywhere on MicroPython; waiting for its answer does not.

    host, port   of the server
    again_s      seconds until it is asked again
    set_clock    a function that sets the clock to so many seconds, for tests; without one, `machine.RTC` is set

    Raises `TypeError` or `ValueError`. IRQ safety: none.
    """

    if not TYPE_CHECKING:
        __new__ = new

    def __init__(
        self,
        host: str = "pool.ntp.org",
        port: int = 123,
        again_s: int = 86400,
        set_clock: "Callable[[int], object] | None" = None,
    ):
        if not isinstance(host, str):
            raise TypeError("the host of the clock is a string, not %r" % (host,))
        check_int("port", port, 1, 65535)
        check_int("again_s", again_s, 0, 536870)
        self.host = host
        self.port = port
        self.again_s = again_s
        if set_clock is not None:
            once("arguments").check_function("set_clock", set_clock)
        self._set = set_rtc if set_clock is None else set_clock
        self._news = asyncio.Event()
        self.failures = 0  # In a row.

    def now(self) -> int:
        """Unix time in seconds, or 0 while the clock was never set."""
        return int(time.time()) + _EPOCH if time.gmtime()[0] >= _YEAR else 0

    def retry(self) -> None:
        """Ask now instead of after the pause: the network is back."""
        if self.failures or not self.now():
            self._news.set()

    async def keep(self, producer) -> None:
        """A source: set the clock, and set it again every `again_s`.

        What fails is named the 1st, 2nd, 4th … time in a row. Cancel safety: nothing to lose.
        """
        self._news = asyncio.Event()  # One of a loop that was left would bring its task into this one.
        while True:
            self._news.clear()
            try:
                seconds = await timed(ask(self.host, self.port), _ANSWER_MS)
                self._set(seconds)
                self.failures = 0
                producer.produce(seconds)
                pause = self.again_s
            except Exception as er:  # A tuple of kinds would take heap here.
                self.failures += 1
                if not self.failures & (self.failures - 1):
                    tell("the clock is not set, %s: %r", self.host, er)
                pause = min(_FIRST_PAUSE_S << min(self.failures - 1, 8), _LONGEST_PAUSE_S)
            try:
                await timed(self._news.wait(), pause * 1000)
            except asyncio.TimeoutError:
                pass
            except MemoryError:
                await asyncio.sleep_ms(_NO_HEAP_MS)


async def ask(host: str, port: int = 123) -> int:
    """The Unix time that the NTP server at `host` tells, in seconds.

    Raises `OSError`, and `ValueError` for an answer that is none. It waits without end for one that is lost.
    Source: RFC 5905, 7.3. Cancel safety: the socket is closed.
    """
    info = once("blocking").call(socket.getaddrinfo, host, port, 0, socket.SOCK_DGRAM)[0]
    server = socket.socket(info[0], socket.SOCK_DGRAM)
    try:
        server.setblocking(False)
        server.connect(info[-1])
        # Any number does as our time of sending; an answer to something else has another one.
        ours = struct.pack("!II", getrandbits(30), getrandbits(30))
        server.send(b"\x23" + bytes(39) + ours)
        await _readable(server)
        answer = server.recv(48)
    finally:
        server.close()
    seconds = struct.unpack("!I", answer[40:44])[0] if len(answer) == 48 else 0
    # A server (mode 4) whose own clock is set, and that answers us.
    if not seconds or answer[0] & 7 != 4 or answer[0] >> 6 == 3 or not 0 < answer[1] < 16 or answer[24:32] != ours:
        raise ValueError("that was no time: %r" % answer[:4])
    if seconds < _ERA // 2:
        seconds += _ERA
    seconds -= _FROM_1900
    is_turn = _TURN <= seconds < _TURN + _TURN_S and time.gmtime()[0] < 2036
    if is_turn or not _EARLIEST <= seconds < _LATEST:
        raise ValueError("that time is %d" % seconds)
    return seconds


def _readable(stream):
    yield readable(stream)


def set_rtc(seconds: int) -> None:
    """Set the board's clock to this Unix time. Where the system keeps the clock, nothing is done."""
    try:
        from machine import RTC
    except ImportError:
        return
    year, month, day, hour, minute, second, weekday = time.gmtime(seconds - _EPOCH)[:7]
    RTC().datetime((year, month, day, weekday, hour, minute, second, 0))
