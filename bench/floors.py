"""What the interpreter and asyncio cost with nothing on top: no data layer can be cheaper."""

from asyncio import Event, create_task, sleep_ms
from collections import deque

from measure import case


@case("floor: start and stop")
def start_and_stop(n, start, stop):
    for _ in range(n):
        start()
        stop()


@case("floor: empty loop")
def empty_loop(n, start, stop):
    start()
    for _ in range(n):
        pass
    stop()


@case("floor: empty Python call")
def empty_call(n, start, stop):
    # One argument, as produce has.
    def nothing(value):
        pass

    start()
    for i in range(n):
        nothing(i)
    stop()


@case("floor: deque.append")
def deque_append(n, start, stop):
    values = deque((), 16)
    start()
    for i in range(n):
        values.append(i)
    stop()


def switching(others):
    # One round: this task and each of the others have run once. A switch is what it takes to go to the next.
    async def switch():
        while True:
            await sleep_ms(0)

    async def rounds(n, start, stop):
        for _ in range(others):
            create_task(switch())
        await sleep_ms(0)
        start()
        for _ in range(n):
            await sleep_ms(0)
        stop()

    return rounds


case("floor: two task switches")(switching(1))
case("floor: five task switches")(switching(4))


@case("floor: Event ping-pong")
async def event_ping_pong(n, start, stop):
    # Two switches, and two flags set, waited for and cleared.
    ping = Event()
    pong = Event()

    async def answer():
        while True:
            await ping.wait()
            ping.clear()
            pong.set()

    create_task(answer())
    await sleep_ms(0)
    start()
    for _ in range(n):
        ping.set()
        await pong.wait()
        pong.clear()
    stop()
