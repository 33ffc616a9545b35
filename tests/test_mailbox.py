import asyncio

from aimdb import BufferEmpty, Mailbox
from harness import equal, raises


def test_a_newer_value_overwrites_one_not_yet_read():
    mailbox = Mailbox()
    for value in ("red", "green", "blue"):
        mailbox.push(value)
    reader = mailbox.subscribe()
    equal(reader.try_recv(), "blue")
    with raises(BufferEmpty):
        reader.try_recv()


def test_overwriting_is_not_dropping():
    mailbox = Mailbox()
    for value in range(5):
        mailbox.push(value)
    metrics = mailbox.metrics()
    equal((metrics.produced_count, metrics.dropped_count, metrics.occupancy), (5, 0, (1, 1)))


def test_a_read_mailbox_is_empty():
    mailbox = Mailbox()
    mailbox.push(1)
    mailbox.subscribe().try_recv()
    equal(mailbox.peek(), None)
    equal(mailbox.metrics().occupancy, (0, 1))


async def test_a_value_overwritten_after_the_wake_up_is_read_as_the_newer_one():
    mailbox = Mailbox()
    task = asyncio.create_task(mailbox.subscribe().recv())
    await asyncio.sleep_ms(0)
    mailbox.push("old")
    mailbox.push("new")
    equal(await task, "new")
    equal(mailbox.metrics().occupancy, (0, 1))
