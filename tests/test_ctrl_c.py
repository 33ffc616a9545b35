"""Ctrl-C comes where the interpreter lets it in: at a jump. Here what is called at such a place raises it, once."""

import asyncio

import aimdb.buffer
import micropython
from aimdb import AimDb, BoundedQueue, BufferClosed, SpmcRing, once
from aimdb.loop import wake_some
from aimdb_conformance.support import settle
from harness import equal, raises
from interrupting import Interrupted
from own_buffers import Largest


def test_what_ends_ready_has_no_state_that_ctrl_c_could_end():
    # A generator would be over, and each `ready()` of the program would return at once from then on.
    assert not hasattr(aimdb.buffer._forever, "throw")


async def test_a_read_that_ctrl_c_ends_has_taken_nothing():
    queue = BoundedQueue(1)
    reader = queue.subscribe()
    queue.push(1)
    reader._line.note = Interrupted(reader._line.note)
    with raises(KeyboardInterrupt):
        reader.try_recv()
    equal(reader.try_recv(), 1)
    queue.try_push(2)
    equal(reader.try_recv(), 2)


async def test_a_value_that_ctrl_c_keeps_out_of_a_queue_leaves_its_reader_waiting():
    queue = BoundedQueue(2)
    reader = queue.subscribe()
    task = asyncio.create_task(reader.recv())
    await settle()
    queue.wake_first = Interrupted(queue.wake_first)
    with raises(KeyboardInterrupt):
        queue.push(1)
    equal(queue.held(), 0)
    queue.push(2)
    equal(await task, 2)


def test_ctrl_c_behind_the_last_value_that_waited_for_space_ends_no_later_run():
    for new_loop in (False, True):
        queue = BoundedQueue(1)
        db = AimDb()
        db.configure("x", queue)
        reader = queue.subscribe()
        producer = db.sync_producer("x")
        for value in range(2):
            producer.try_send(value)
        producer._forget_task = Interrupted(producer._forget_task)

        seen = []

        async def read():
            while True:
                seen.append(await reader.recv())

        async def read_all():
            # Without a new loop the task of the run before reads as well.
            reading = asyncio.create_task(read())
            while 2 not in seen:
                await asyncio.sleep_ms(1)
            reading.cancel()

        with raises(KeyboardInterrupt):
            asyncio.run(read_all())
        if new_loop:
            asyncio.new_event_loop()
        producer.try_send(2)
        asyncio.run(read_all())
        equal(seen, [0, 1, 2])


async def test_closing_a_buffer_that_ctrl_c_ends_leaves_it_open():
    for buffer in (SpmcRing(1), BoundedQueue(1), Largest()):
        record = AimDb().configure("x", buffer)
        reader = buffer.subscribe()
        buffer._line.close = Interrupted(buffer._line.close)
        with raises(KeyboardInterrupt):
            buffer.close()
        equal(buffer.closed, False)
        record.try_produce(1)
        equal(await reader.recv(1000), 1)
        buffer.close()
        with raises(BufferClosed):
            await reader.recv(1000)


async def test_closing_a_queue_that_ctrl_c_ends_leaves_it_open_for_its_producers():
    queue = BoundedQueue(1)
    record = AimDb().configure("x", queue)
    reader = queue.subscribe()
    queue.push(1)
    task = asyncio.create_task(record.produce_async(2))
    await settle()
    queue._room.wake_first = Interrupted(queue._room.wake_first)
    with raises(KeyboardInterrupt):
        queue.close()
    equal([reader.try_recv(), await reader.recv(1000)], [1, 2])
    await task
    queue.close()
    with raises(BufferClosed):
        await record.produce_async(3)


async def test_closing_a_reader_that_ctrl_c_ends_loses_no_other_reader():
    ring = SpmcRing(4)
    reader, other = ring.subscribe(), ring.subscribe()
    tasks = [asyncio.create_task(each.recv()) for each in (reader, other, reader)]
    await settle()
    calls = Interrupted(lambda task, owner: owner is reader)
    for at in range(3):
        calls.calls = -at
        with raises(KeyboardInterrupt):
            wake_some(ring._line, calls)
        await settle()
    ring.push(1)
    for task in tasks:
        equal(await task, 1)
        ring.push(1)


def test_what_a_transform_was_at_when_ctrl_c_came_is_computed_by_the_next_run():
    db = AimDb()
    queue, ring = BoundedQueue(4), SpmcRing(4)
    db.configure("x", queue)
    db.configure("y", ring).transform("x", Interrupted(lambda value: 10 * value))
    reader = ring.subscribe()
    for value in (1, 2):
        queue.push(value)
    queue.close()
    with raises(KeyboardInterrupt):
        asyncio.run(db.run())
    asyncio.new_event_loop()
    asyncio.run(db.run())
    equal([reader.try_recv(), reader.try_recv()], [10, 20])


def test_ctrl_c_in_a_transform_is_no_other_error_where_there_is_no_heap():
    class Queue(BoundedQueue):
        def subscribe(self):
            def unlock_and_close():
                micropython.heap_unlock()
                close()

            reader = super().subscribe()
            close = reader.close
            reader.close = unlock_and_close
            return reader

    def compute(value):
        micropython.heap_lock()
        raise interrupt

    interrupt = KeyboardInterrupt()
    db = AimDb()
    queue = Queue(4)
    db.configure("x", queue)
    db.configure("y", SpmcRing(4)).transform("x", compute)
    queue.push(1)
    with raises(KeyboardInterrupt):
        asyncio.run(db.run())
    asyncio.new_event_loop()


class InterruptedList(list):
    """Ctrl-C comes at the first look into it."""

    looks = 0

    def __bool__(self):
        self.looks += 1
        if self.looks == 1:
            raise KeyboardInterrupt
        return len(self) > 0


def test_ctrl_c_while_it_is_looked_whether_a_run_has_begun_ends_that_run():
    begun = InterruptedList()
    run = once("running").run(AimDb(), begun, None)
    once("reminding").remind(run, begun, None)
    with raises(KeyboardInterrupt):
        asyncio.run(run)


def test_ctrl_c_in_a_join_puts_its_task_into_one_line_alone():
    queue = BoundedQueue(4)
    db = AimDb()
    db.configure("x", queue)

    async def stage(inputs, producer):
        # As at a jump behind the parking.
        assert inputs.park(inputs)
        raise KeyboardInterrupt

    db.configure("y", SpmcRing(4)).transform_join(("x",), stage)
    with raises(KeyboardInterrupt):
        asyncio.run(db.run())
    asyncio.new_event_loop()
    queue.push(1)
    equal(asyncio.run(queue.subscribe().recv(5000)), 1)
