import asyncio

from aimdb import check_int, once
from aimdb.errors import new
from aimdb.timing import timed
from micropython import const

from .telling import tell

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

_STUCK = const(4)  # Attempts to join in a row, after which the interface is reset.
_LOOK_MS = const(500)
_LONGEST_MS = const(3600000)


class Wifi:
    """Joined to one network, and joined again whenever that is lost.

        db.configure("wifi", SingleLatest()).source(Wifi(ssid, password).keep)

    The record gets True and False when it is joined and lost. After each fourth attempt in a row the interface is
    switched off and on; an attempt takes `join_ms`. Call `rejoin()` when the network is joined and yet nothing passes;
    `doubt` finds that out by itself.

    Attributes: `joined`; `resets`, how often the interface was reset; `lost_count`.
    `interface`: what has the methods of a `network.WLAN`, for tests. Raises `TypeError` or `ValueError`.
    IRQ safety: none.
    """

    if not TYPE_CHECKING:
        __new__ = new

    def __init__(self, ssid: str, password: str, join_ms: int = 15000, interface: "Any" = None):
        if not isinstance(ssid, str) or not isinstance(password, str):
            raise TypeError("ssid and password are strings")
        check_int("join_ms", join_ms, 100)
        if interface is not None and not hasattr(interface, "isconnected"):
            raise TypeError("interface is one as network.WLAN gives it, not %r" % (interface,))
        self._ssid = ssid
        self._password = password
        self._join_ms = join_ms
        self._interface = interface
        self._news = asyncio.Event()
        self._leave = ""  # What `rejoin` asks for: to "join" anew, or to "reset" first.
        self.joined = False
        self.resets = self.lost_count = 0

    async def keep(self, producer) -> None:
        """A source: join, and join again. Cancel safety: the WiFi stays as it is."""
        interface = self._interface
        self._news = asyncio.Event()  # One of a loop that was left would bring its task into this one.
        failures = troubles = 0  # Attempts to join, in a row, that failed; and errors of the interface.
        while True:
            leave, self._leave = self._leave, ""
            self._news.clear()
            try:
                if interface is None:
                    import network

                    interface = network.WLAN(network.STA_IF)
                if not interface.active():
                    once("blocking").call(interface.active, True)  # A chip of its own takes a second.
                if leave or not interface.isconnected():
                    if self.joined:
                        self.lost_count += 1
                        self.joined = False
                        producer.produce(False)
                    failures += 1  # Now: a reset that fails is not tried again before it has tried to join.
                    if leave == "reset" or failures > _STUCK and failures % _STUCK == 1:
                        await self._reset(interface)
                    try:
                        interface.disconnect()  # Out of an attempt that hangs, too.
                    except Exception:
                        pass  # It was in none.
                    interface.connect(self._ssid, self._password)
                    for _ in range(self._join_ms // 100):
                        await asyncio.sleep_ms(100)
                        if interface.isconnected():
                            break
                if interface.isconnected() and not self.joined:
                    failures = troubles = 0
                    self.joined = True
                    producer.produce(True)
                elif failures and not failures & (failures - 1):
                    why = once("wifi_status", "aimdb_node").named(interface.status())
                    tell("no WiFi %r, status %s", self._ssid, why)
            except Exception as er:  # The chip is busy, or was switched off; each driver has errors of its own.
                troubles += 1
                if not troubles & (troubles - 1):
                    tell("the WiFi: %r; %d in all", er, troubles)
            try:
                await timed(self._news.wait(), _LOOK_MS)
            except asyncio.TimeoutError:
                pass
            except MemoryError:
                await asyncio.sleep_ms(_LOOK_MS)

    async def _reset(self, interface):
        self.resets += 1
        interface.active(False)
        if hasattr(interface, "deinit"):  # Cuts the chip's power, where it is a chip of its own.
            interface.deinit()
        await asyncio.sleep_ms(1000)
        once("blocking").call(interface.active, True)

    def rejoin(self, reset: bool = False) -> None:
        """Leave the network and join it anew; with `reset`, switch the interface off and on before."""
        self._leave = "reset" if reset else "join"
        self._news.set()

    def doubt(
        self, alive: "Callable[[], object]", host: str, port: int, after_ms: int = 60000, answer_ms: int = 5000
    ) -> "Coroutine[Any, Any, None]":
        """A task's coroutine: while joined, look whether anything passes.

        When `alive()` was false for `after_ms`, it asks `host` at `port`. If that does not answer within `answer_ms`,
        not even with a refusal, it joins anew. If that has not helped after twice as long, it resets the interface, and
        so on, after pauses that grow up to an hour. Cancel safety: nothing to lose.

        Raises `TypeError` or `ValueError` for wrong arguments.
        """
        once("arguments").check_function("alive", alive)
        check_int("after_ms", after_ms, 1)
        once("answering", "aimdb_node").check(host, port, "answer_ms", answer_ms)
        return self._doubt(alive, host, port, after_ms, answer_ms)

    async def _doubt(self, alive, host, port, after_ms, answer_ms):
        wait_ms = after_ms
        silent_ms = 0
        step_ms = max(1, after_ms // 10)
        while True:
            await asyncio.sleep_ms(step_ms)
            if alive():
                silent_ms = 0
                wait_ms = after_ms
            elif self.joined:
                silent_ms += step_ms
                if silent_ms >= wait_ms:
                    silent_ms = 0
                    try:
                        if not await once("answering", "aimdb_node").answers(host, port, answer_ms):
                            self.rejoin(wait_ms > after_ms)
                        wait_ms = min(2 * wait_ms, _LONGEST_MS)
                    except MemoryError:
                        pass  # It is looked at again after the same time.
