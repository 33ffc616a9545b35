"""WiFi that comes back, with an interface that behaves as network.WLAN does, badly at times."""

import asyncio
import socket
import sys

from aimdb import SpmcRing
from aimdb_node import Watchdog, Wifi, answers
from harness import equal, only, raises
from printing import Unspeakable, printing
from scarce import Scarce
from stepping import steps_when_left


class Interface:
    """A network.WLAN. `near`: whether the access point is there. `stuck`: connecting does nothing until a reset."""

    def __init__(self, near=True):
        self.near = near
        self.stuck = False
        self.busy = 0  # So many calls raise.
        self.errors = (OSError(16), RuntimeError("Wifi Unknown Error"), MemoryError())
        self.calls = []
        self._active = self._joined = False

    def _call(self, name):
        self.calls.append(name)
        if self.busy:
            self.busy -= 1
            raise self.errors[self.busy % 3]

    def active(self, on=None):
        if on is None:
            return self._active
        self._call("on" if on else "off")
        self._active = on
        if not on:
            self._joined = False

    def deinit(self):
        self._call("deinit")
        self.stuck = False

    def connect(self, ssid, password):
        self._call("connect")
        self._joined = self.near and not self.stuck and self._active

    def disconnect(self):
        self._call("disconnect")
        self._joined = False

    def isconnected(self):
        if not self.near:
            self._joined = False
        return self._joined

    def status(self):
        return 3 if self._joined else -2


class Story:
    """A task that keeps the WiFi joined, and what it said."""

    def __init__(self, interface):
        self.interface = interface
        self.wifi = Wifi("net", "secret", join_ms=100, interface=interface)
        self.record = SpmcRing(64)
        self.reader = self.record.subscribe()
        self.produce = self.record.push
        self.task = asyncio.create_task(self.wifi.keep(self))

    async def told(self):
        return await self.reader.recv(10000)


class Silent:
    """A port that takes no more connections, and says nothing."""

    def __enter__(self):
        self.sockets = [socket.socket()]
        for port in range(20300, 20400):
            try:
                address = socket.getaddrinfo("127.0.0.1", port)[0][-1]
                self.sockets[0].bind(address)
                break
            except OSError:
                pass
        self.sockets[0].listen(0)
        for _ in range(3):
            self.sockets.append(socket.socket())
            self.sockets[-1].setblocking(False)
            try:
                self.sockets[-1].connect(address)
            except OSError:
                pass
        return port

    def __exit__(self, *_):
        for each in self.sockets:
            each.close()


async def test_it_joins_and_says_so():
    story = Story(Interface())
    equal(await story.told(), True)
    equal(story.wifi.joined, True)
    story.task.cancel()


class Machine:
    """What a watchdog needs of the module `machine`. `running`: whether its timer does."""

    running = False

    def WDT(self, timeout):
        return self

    def feed(self):
        pass

    def Timer(self, number):
        return self

    def init(self, period, callback):
        self.running = True

    def deinit(self):
        self.running = False


async def test_while_the_chip_starts_a_timer_feeds_the_watchdog():
    class Chip(Interface):
        fed = []

        def active(self, on=None):
            if on:
                self.fed.append(machine.running)
            return super().active(on)

    machine = Machine()
    Watchdog(2000, machine).start()
    chip = Chip()
    chip.stuck = True  # So that it is started again.
    story = Story(chip)
    equal(await story.told(), True)
    equal((chip.fed, machine.running), ([True, True], False))
    story.task.cancel()


async def test_it_joins_again_when_the_access_point_is_back():
    story = Story(Interface())
    await story.told()
    story.interface.near = False
    equal(await story.told(), False)
    story.interface.near = True
    equal(await story.told(), True)
    equal((story.wifi.lost_count, story.wifi.resets), (1, 0))
    story.task.cancel()


async def test_an_interface_that_is_stuck_is_switched_off_and_on():
    interface = Interface()
    interface.stuck = True
    story = Story(interface)
    equal(await story.told(), True)
    equal(story.wifi.resets, 1)
    assert "deinit" in interface.calls and interface.calls.count("connect") == 5, interface.calls
    story.task.cancel()


async def test_a_chip_that_does_not_start_at_once_ends_nothing():
    class network:
        STA_IF = 0
        starts = 0

        def WLAN(_):
            network.starts += 1
            if network.starts < 2:
                raise OSError(110)
            return Interface()

    known = sys.modules.get("network")
    sys.modules["network"] = network
    try:
        with printing() as said:
            story = Story(None)
            equal(await story.told(), True)
        assert "the WiFi: OSError" in said.text, said.text
        story.task.cancel()
    finally:
        del sys.modules["network"]
        if known:
            sys.modules["network"] = known


async def test_an_interface_that_raises_ends_nothing():
    interface = Interface()
    interface.busy = 3
    story = Story(interface)
    equal(await story.told(), True)
    story.task.cancel()


async def test_an_interface_that_can_never_be_reset_or_left_is_joined_when_the_access_point_is_back():
    class Stubborn(Interface):
        refused = ""

        def _call(self, name):
            super()._call(name)
            if name == self.refused and not self._joined:
                raise OSError(5)

    for refused in ("off", "deinit", "disconnect"):
        interface = Stubborn(near=False)
        story = Story(interface)
        interface.refused = refused
        while story.interface.calls.count(refused) < 2:
            await asyncio.sleep_ms(20)
        interface.near = True
        equal(await story.told(), True)
        story.task.cancel()


async def test_why_a_network_is_not_joined_is_told_by_the_name_of_the_status():
    class network:
        STAT_IDLE = 0
        STAT_NO_AP_FOUND = -2  # As in that of a Pico W.

    known = sys.modules.get("network")
    if not known:
        sys.modules["network"] = network
    try:
        with printing() as said:
            story = Story(Interface(near=False))
            while not said.text:
                await asyncio.sleep_ms(10)
        equal(said.text, "aimdb: no WiFi 'net', status -2, STAT_NO_AP_FOUND\n")
        story.task.cancel()
    finally:
        if not known:
            del sys.modules["network"]


async def test_an_error_of_the_interface_that_cannot_be_shown_ends_nothing():
    interface = Interface()
    interface.errors = (OSError(Unspeakable()),) * 3
    interface.busy = 2
    with printing() as said:
        story = Story(interface)
        equal(await story.told(), True)
    assert "OSError" in said.text, said.text
    story.task.cancel()


async def test_an_interface_that_raises_for_ever_is_named_ever_less_often():
    interface = Interface()
    interface.errors = (OSError(16), ValueError("bad"), TypeError())
    interface.busy = 9
    with printing() as said:
        story = Story(interface)
        equal(await story.told(), True)
    equal([number for number in range(1, 10) if "; %d in all" % number in said.text], [1, 2, 4, 8])
    story.task.cancel()


@only("unix", reason="to fill the heap of a board takes too long on an emulated one")
async def test_a_while_without_heap_ends_nothing():
    story = Story(Interface())
    await story.told()
    with Silent() as port:
        doubt = asyncio.create_task(story.wifi.doubt(lambda: False, "127.0.0.1", port, 10, 100))
        for blocks in (0, 4, 8, 12):
            with Scarce(blocks):
                await asyncio.sleep_ms(600)
        equal((story.task.done(), doubt.done()), (False, False))
    story.interface.near = False
    while await story.told():
        pass
    doubt.cancel()
    story.task.cancel()


async def test_rejoin_leaves_and_joins():
    story = Story(Interface())
    await story.told()
    story.wifi.rejoin()
    equal((await story.told(), await story.told()), (False, True))
    equal(story.wifi.resets, 0)
    story.wifi.rejoin(reset=True)
    equal((await story.told(), await story.told()), (False, True))
    equal(story.wifi.resets, 1)
    story.task.cancel()


@only("unix", reason="needs a network")
async def test_a_joined_network_that_passes_nothing_is_joined_anew_and_then_reset():
    story = Story(Interface())
    await story.told()
    with Silent() as port:
        doubt = asyncio.create_task(story.wifi.doubt(lambda: False, "127.0.0.1", port, 10, 200))
        equal((await story.told(), await story.told()), (False, True))
        equal(story.wifi.resets, 0)
        equal((await story.told(), await story.told()), (False, True))
        equal(story.wifi.resets, 1)
    doubt.cancel()
    story.task.cancel()


@only("unix", reason="needs a network")
async def test_a_broker_that_refuses_is_no_reason_to_leave_the_network():
    story = Story(Interface())
    await story.told()
    doubt = asyncio.create_task(story.wifi.doubt(lambda: False, "127.0.0.1", 9, 10))
    await asyncio.sleep_ms(200)
    equal((story.wifi.joined, story.wifi.lost_count), (True, 0))
    doubt.cancel()
    story.task.cancel()


async def test_who_is_alive_is_not_doubted():
    story = Story(Interface())
    await story.told()
    doubt = asyncio.create_task(story.wifi.doubt(lambda: True, "192.0.2.1", 1, 10))
    await asyncio.sleep_ms(200)
    equal(story.wifi.lost_count, 0)
    doubt.cancel()
    story.task.cancel()


@only("unix", reason="needs a network")
async def test_whoever_accepts_or_refuses_is_there_and_who_is_silent_is_not():
    listener = socket.socket()
    for port in range(20300, 20400):
        try:
            listener.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            break
        except OSError:
            pass
    listener.listen(1)
    equal(await answers("127.0.0.1", port), True)
    listener.close()
    equal(await answers("127.0.0.1", 9), True)
    with Silent() as port:
        equal(await answers("127.0.0.1", port, 200), False)


@only("unix", reason="needs a network")
async def test_a_short_time_for_an_answer_is_time_for_one():
    with Silent() as silent:
        for port, there in ((9, True), (silent, False)):
            for milliseconds in (1, 99, 101):
                equal(await answers("127.0.0.1", port, milliseconds), there)


@only("unix", reason="needs a network")
async def test_wrong_arguments_of_answers_are_told():
    for kind, options, text in (
        (TypeError, {"host": 5}, "host is a string, not 5"),
        (ValueError, {"port": 0}, "port is an int from 1 to 65535, not 0"),
        (TypeError, {"port": "1883"}, "port is an int from 1 to 65535, not '1883'"),
        (ValueError, {"timeout_ms": -1}, "timeout_ms is an int from 0 to 536870911, not -1"),
        (TypeError, {"timeout_ms": 0.5}, "timeout_ms is an int from 0 to 536870911, not 0.5"),
    ):
        arguments = {"host": "127.0.0.1", "port": 9, "timeout_ms": 100}
        arguments.update(options)
        with raises(kind) as caught:
            await answers(**arguments)
        equal(str(caught.error), text)


@only("unix", reason="needs a network")
def test_wrong_arguments_of_doubt_are_told_where_they_are_given():
    async def alive():
        pass

    for kind, options, text in (
        (TypeError, {"alive": alive}, "alive is a function without async, not %r" % (alive,)),
        (TypeError, {"alive": True}, "alive is a function without async, not True"),
        (ValueError, {"after_ms": 0}, "after_ms is an int from 1 to 536870911, not 0"),
        (TypeError, {"after_ms": "60"}, "after_ms is an int from 1 to 536870911, not '60'"),
        (ValueError, {"answer_ms": -1}, "answer_ms is an int from 0 to 536870911, not -1"),
        (TypeError, {"host": None}, "host is a string, not None"),
        (ValueError, {"port": 65536}, "port is an int from 1 to 65535, not 65536"),
    ):
        arguments = {"alive": lambda: True, "host": "127.0.0.1", "port": 9}
        arguments.update(options)
        with raises(kind) as caught:
            Wifi("net", "secret", interface=Interface()).doubt(**arguments)
        equal(str(caught.error), text)


def test_what_is_no_interface_is_told_where_it_is_given():
    for wrong in (0, "wlan0", ""):
        with raises(TypeError) as caught:
            Wifi("net", "secret", interface=wrong)
        equal(str(caught.error), "interface is one as network.WLAN gives it, not %r" % (wrong,))


def test_a_loop_that_was_left_does_nothing_when_the_next_one_rejoins():
    wifi = Wifi("net", "secret", join_ms=100, interface=Interface())

    class Producer:
        def produce(self, value):
            pass

    equal(steps_when_left(lambda: wifi.keep(Producer()), wifi.rejoin), 0)
