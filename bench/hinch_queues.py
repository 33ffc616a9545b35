"""`Queue` and `RingbufQueue` of Peter Hinch's micropython-async, when the host has put its `primitives` here."""

from asyncio import create_task, sleep_ms

from measure import case
from primitives.queue import Queue
from primitives.ringbuf_queue import RingbufQueue
from queueing import add


@case("put: RingbufQueue, overwriting")
def overwrite(n, start, stop):
    # It says by an exception that it has overwritten a value.
    queue = RingbufQueue(2)
    queue.put_nowait(-1)
    start()
    for i in range(n):
        try:
            queue.put_nowait(i)
        except IndexError:
            pass
    stop()


@case("put: RingbufQueue, with space")
def put_into_ringbuf_queue(n, start, stop):
    queue = RingbufQueue(n + 1)
    start()
    for i in range(n):
        queue.put_nowait(i)
    stop()


@case("put: Queue, with space")
def put_into_queue(n, start, stop):
    queue = Queue(n)
    start()
    for i in range(n):
        queue.put_nowait(i)
    stop()


def delivering(make):
    async def rounds(n, start, stop):
        queue = make()

        async def read():
            while True:
                await queue.get()

        create_task(read())
        await sleep_ms(0)
        queue.put_nowait(-1)
        await sleep_ms(0)
        start()
        for i in range(n):
            queue.put_nowait(i)
            await sleep_ms(0)
        stop()
        if not queue.empty():
            raise RuntimeError("not all values have arrived")

    return rounds


case("deliver: RingbufQueue, get")(delivering(lambda: RingbufQueue(17)))
case("deliver: Queue, get")(delivering(lambda: Queue(16)))


def open_queue(capacity):
    queue = Queue(capacity)
    return queue.put, queue.get


def open_ringbuf_queue(capacity):
    # It keeps one slot of its buffer free.
    queue = RingbufQueue(capacity + 1)
    return queue.put, queue.get


add("Queue", open_queue)
add("RingbufQueue", open_ringbuf_queue)
