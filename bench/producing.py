"""Producing while nobody waits: a reader is subscribed, but busy elsewhere."""

from aimdb import BoundedQueue, BufferFull, Mailbox, SingleLatest, SpmcRing
from measure import case
from wiring import record


def producing(make):
    # `make(n)` gives the buffer, with room for n values or, to be full, for fewer. The first value is not measured:
    # after it, a buffer of one slot overwrites.
    def repeat(n, start, stop):
        producer, consumer = record(make(n))
        reader = consumer.subscribe()
        producer.produce(-1)
        start()
        for i in range(n):
            producer.produce(i)
        stop()
        return reader

    return repeat


case("produce: SpmcRing, with space")(producing(lambda n: SpmcRing(n + 1)))
case("produce: SpmcRing, overwriting")(producing(lambda n: SpmcRing(1)))
case("produce: SingleLatest, overwriting")(producing(lambda n: SingleLatest()))
case("produce: Mailbox, overwriting")(producing(lambda n: Mailbox()))
case("produce: BoundedQueue, with space")(producing(lambda n: BoundedQueue(n + 1)))
case("produce: BoundedQueue, full and dropping")(producing(lambda n: BoundedQueue(1)))


@case("produce: Mailbox, with space")
def mailbox_with_space(n, start, stop):
    # Emptied outside of the bracket.
    producer, consumer = record(Mailbox())
    reader = consumer.subscribe()
    for i in range(n):
        start()
        producer.produce(i)
        stop()
        reader.try_recv()


@case("try_produce: BoundedQueue, with space")
def try_produce(n, start, stop):
    producer, _ = record(BoundedQueue(n))
    start()
    for i in range(n):
        producer.try_produce(i)
    stop()


@case("try_produce: BoundedQueue, refused")
def try_produce_refused(n, start, stop):
    # With what the caller needs to survive it.
    producer, _ = record(BoundedQueue(1))
    producer.produce(-1)
    start()
    for i in range(n):
        try:
            producer.try_produce(i)
        except BufferFull:
            pass
    stop()
