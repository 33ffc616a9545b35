"""Reading what is held already: no task switch."""

from asyncio import wait_for_ms

from aimdb import BoundedQueue, Mailbox, SingleLatest, SpmcRing
from measure import case
from wiring import record


def filled(buffer, n):
    producer, consumer = record(buffer)
    reader = consumer.subscribe()
    for i in range(n):
        producer.produce(i)
    return reader


def trying(make):
    def repeat(n, start, stop):
        reader = filled(make(n), n)
        start()
        for _ in range(n):
            reader.try_recv()
        stop()

    return repeat


def trying_one(make):
    # One slot: filled anew outside of the bracket.
    def repeat(n, start, stop):
        producer, consumer = record(make())
        reader = consumer.subscribe()
        for i in range(n):
            producer.produce(i)
            start()
            reader.try_recv()
            stop()

    return repeat


case("try_recv: SpmcRing")(trying(SpmcRing))
case("try_recv: SingleLatest")(trying_one(SingleLatest))
case("try_recv: Mailbox")(trying_one(Mailbox))
case("try_recv: BoundedQueue")(trying(BoundedQueue))


@case("recv, value held: SpmcRing")
async def recv(n, start, stop):
    reader = filled(SpmcRing(n), n)
    start()
    for _ in range(n):
        await reader.recv()
    stop()


@case("recv with a timeout, value held: SpmcRing")
async def timed_recv(n, start, stop):
    reader = filled(SpmcRing(n), n)
    start()
    for _ in range(n):
        await reader.recv(10000)
    stop()


@case("wait_for_ms(recv), value held: SpmcRing")
async def recv_in_wait_for(n, start, stop):
    reader = filled(SpmcRing(n), n)
    start()
    for _ in range(n):
        await wait_for_ms(reader.recv(), 10000)
    stop()


@case("subscribe: SpmcRing")
def subscribe(n, start, stop):
    _, consumer = record(SpmcRing(16))
    start()
    for _ in range(n):
        consumer.subscribe()
    stop()


@case("subscribe: BoundedQueue")
def subscribe_to_queue(n, start, stop):
    _, consumer = record(BoundedQueue(16))
    start()
    for _ in range(n):
        consumer.subscribe()
    stop()
