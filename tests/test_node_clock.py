"""The clock, against a server that answers as NTP servers do, and as they do not."""

import asyncio
import socket
import struct
import time

from aimdb import SingleLatest
from aimdb_node import Clock
from harness import equal, only, raises
from scarce import Scarce
from stepping import steps_when_left

TODAY = 1795757760  # 2026-11-27.
FROM_1900 = 2208988800


class Server:
    """Answers each question with what `answer(question)` makes of it; None: not at all."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        for self.port in range(20123, 20223):
            try:
                self.socket.bind(socket.getaddrinfo("127.0.0.1", self.port, 0, socket.SOCK_DGRAM)[0][-1])
                break
            except OSError:
                pass

    async def serve(self):
        while True:
            try:
                question, peer = self.socket.recvfrom(48)
            except OSError:
                await asyncio.sleep_ms(2)
                continue
            self.asked += 1
            answer = self.answer(question)
            if answer:
                self.socket.sendto(answer, peer)


def told(seconds, first=0x24, stratum=2):
    """A server that says this Unix time."""

    def answer(question):
        ntp = struct.pack("!II", (seconds + FROM_1900) & 0xFFFFFFFF, 0)
        return bytes((first, stratum)) + bytes(22) + question[40:48] + ntp + ntp

    return answer


async def set_by(answer, until=lambda server, found: found, **options):
    """What the clock was set to, and the server."""
    server = Server(answer)
    found = []
    clock = Clock("127.0.0.1", server.port, set_clock=found.append, **options)
    record = SingleLatest()
    tasks = [asyncio.create_task(server.serve()), asyncio.create_task(clock.keep(Producer(record)))]
    for _ in range(200):
        if until(server, found):
            break
        await asyncio.sleep_ms(5)
    for task in tasks:
        task.cancel()
    server.socket.close()
    equal(record.peek(), found[-1] if found else None)
    return found, server, clock


class Producer:
    def __init__(self, buffer):
        self.produce = buffer.push


def test_what_cannot_set_a_clock_is_told_where_it_is_given():
    async def set_clock(seconds):
        pass

    for wrong in (set_clock, 0, "", 5):
        with raises(TypeError) as caught:
            Clock(set_clock=wrong)
        equal(str(caught.error), "set_clock is a function without async, not %r" % (wrong,))


@only("unix", reason="needs a network")
async def test_the_clock_is_set_to_what_the_server_says():
    found, _, clock = await set_by(told(TODAY))
    equal(found, [TODAY])
    equal(clock.failures, 0)


@only("unix", reason="needs a network")
async def test_a_time_after_2036_is_one():
    found, _, _ = await set_by(told(2200000000))
    equal(found, [2200000000])


@only("unix", reason="needs a network")
async def test_it_is_set_again_after_a_while():
    found, server, _ = await set_by(told(TODAY), lambda server, found: len(found) >= 3, again_s=0)
    equal(found[:3], [TODAY] * 3)


@only("unix", reason="needs a network")
async def test_what_is_no_time_sets_nothing():
    for answer in (
        lambda question: b"",
        lambda question: b"\x24\x02",
        lambda question: bytes(48),
        told(TODAY, first=0x23),  # Not from a server.
        told(TODAY, first=0xE4),  # One whose own clock is not set.
        told(TODAY, stratum=0),  # That we shall not ask.
        told(TODAY, stratum=16),
        lambda question: told(TODAY)(bytes(48)),  # An answer to something else.
        lambda question: told(TODAY)(question)[:44],
        told(0),  # 1970,
        told(TODAY - 7 * 365 * 86400),  # 2019,
        told(4102444800),  # and 2100.
        told(1 - FROM_1900),  # 1900, which might be 2036,
        told(300 * 86400 - FROM_1900),  # from who was switched on 300 days ago.
    ):
        found, _, clock = await set_by(answer, lambda server, found: server.asked)
        equal(found, [])


@only("unix", reason="needs a network")
async def test_it_is_asked_anew_when_the_network_is_back():
    answers = [lambda question: b"no time", told(TODAY)]
    clock = []

    def answer(question):
        return answers.pop(0)(question)

    server = Server(answer)
    found = []
    clock = Clock("127.0.0.1", server.port, set_clock=found.append)
    tasks = [asyncio.create_task(server.serve()), asyncio.create_task(clock.keep(Producer(SingleLatest())))]
    while not clock.failures:
        await asyncio.sleep_ms(2)
    began = time.ticks_ms()
    clock.retry()
    while not found:
        await asyncio.sleep_ms(2)
    assert time.ticks_diff(time.ticks_ms(), began) < 1900  # Before the pause is over.
    for task in tasks:
        task.cancel()
    server.socket.close()


@only("unix", reason="to fill the heap of a board takes too long on an emulated one")
async def test_a_moment_without_heap_is_no_reason_to_end():
    clock = Clock("127.0.0.1", 9, again_s=0)
    task = asyncio.create_task(clock.keep(Producer(SingleLatest())))
    await asyncio.sleep_ms(10)
    for blocks in (0, 4, 8, 12, 16):
        clock.retry()
        with Scarce(blocks):
            await asyncio.sleep_ms(50)
    await asyncio.sleep_ms(1100)
    failures = clock.failures
    clock.retry()
    await asyncio.sleep_ms(50)
    assert clock.failures > failures and not task.done()
    task.cancel()


async def test_no_network_is_no_reason_to_end():
    clock = Clock("127.0.0.1", 9)  # Nobody is there.
    task = asyncio.create_task(clock.keep(Producer(SingleLatest())))
    await asyncio.sleep_ms(50)
    equal((task.done(), clock.failures), (False, 1))
    task.cancel()


@only("unix", reason="its clock is set by the system")
def test_now_is_unix_time():
    assert abs(Clock().now() - time.time()) <= 1


@only("unix", reason="needs a network")
async def test_asked_again_at_once_it_is_asked_once_and_an_answer_ends_the_count_of_failures():
    found = []
    server = Server(lambda question: told(TODAY)(question) if server.asked > 1 else b"no time")
    clock = Clock("127.0.0.1", server.port, set_clock=found.append)
    tasks = [asyncio.create_task(server.serve()), asyncio.create_task(clock.keep(Producer(SingleLatest())))]
    while not clock.failures:
        await asyncio.sleep_ms(5)
    clock.retry()
    while not found:
        await asyncio.sleep_ms(5)
    await asyncio.sleep_ms(50)
    equal((clock.failures, server.asked), (0, 2))
    for task in tasks:
        task.cancel()
    server.socket.close()


@only("unix", reason="needs a network")
def test_a_loop_that_was_left_asks_nothing_when_the_next_one_asks_again():
    clock = Clock("127.0.0.1", 1)  # Where nobody answers.
    equal(steps_when_left(lambda: clock.keep(None), clock.retry), 0)
