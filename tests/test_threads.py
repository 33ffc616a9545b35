"""SyncProducers in threads that run truly beside the asyncio thread: the unix port has no global lock.

With `SOAK=n` in the environment it is a million items, and ping-pongs of 100,000.
"""

import _thread
import asyncio
import os
import random
import time

import harness
import micropython
from aimdb import AimDb, BoundedQueue, BufferClosed, BufferLagged, SpmcRing, SyncProducer, sync_producer
from harness import equal, raises
from own_buffers import Log
from printing import printing

if harness.target != "unix":
    harness.skip("threads are the other core here, which the emulator has not")

SOAK = bool(os.getenv("SOAK"))
TIME_LIMIT = 7200 if SOAK else 120
ITEMS = 1_000_000 if SOAK else 5_000  # Of all threads together.
ROUNDS = 100_000 if SOAK else 1_000


class Threads:
    """Functions that run in threads; what one of them raises, `join` raises."""

    def __init__(self):
        self._running = 0
        self._error = None
        self._lock = _thread.allocate_lock()

    def start(self, function, *arguments):
        self._running += 1
        _thread.start_new_thread(self._run, (function, arguments))

    def _run(self, function, arguments):
        error = None
        try:
            function(*arguments)
        except Exception as er:
            error = er
        with self._lock:
            self._error = self._error or error
            self._running -= 1

    async def join(self):
        while self._running:
            await asyncio.sleep_ms(1)
        if self._error:
            raise self._error


def record(buffer):
    db = AimDb()
    db.configure("x", buffer)
    return db, db.consumer("x").subscribe()


def send_until_accepted(producer, values):
    for value in values:
        while not producer.try_send(value):
            time.sleep_us(20)


def numbers(thread, count):
    # Value and thread in one small int.
    return range(thread, 4 * count + thread, 4)


async def nothing_lost(threads_count, start, buffer, depth):
    db, reader = record(buffer)
    each = ITEMS // threads_count
    threads = Threads()
    producers = []
    for thread in range(threads_count):
        producers.append(db.sync_producer("x", depth))
        threads.start(start, producers[-1], numbers(thread, each))
    expected = [thread for thread in range(4)]
    for _ in range(each * threads_count):
        value = await reader.recv()
        thread = value % 4
        equal(value, expected[thread])
        expected[thread] += 4
    await threads.join()
    equal(expected[:threads_count], [4 * each + thread for thread in range(threads_count)])
    metrics = buffer.metrics()
    equal(metrics.produced_count, each * threads_count)
    equal(metrics.dropped_count, sum(producer.refused_count for producer in producers))


async def test_two_threads_lose_and_double_nothing_and_keep_their_order():
    await nothing_lost(2, send_until_accepted, BoundedQueue(16), 16)


async def test_four_threads_lose_and_double_nothing_and_keep_their_order():
    await nothing_lost(4, send_until_accepted, BoundedQueue(5), 3)


async def test_four_threads_and_tasks_and_soft_interrupts_share_one_producer_and_lose_nothing():
    queue = BoundedQueue(16)
    db, reader = record(queue)
    producer = db.sync_producer("x", 16)
    each = ITEMS // 8
    threads = Threads()
    for thread in range(4):
        threads.start(send_until_accepted, producer, range(thread, 8 * each, 8))
    interrupts = iter(range(4, 8 * each, 8))
    sent_by_interrupts = []

    def interrupt(_):
        value = next(interrupts, None)
        if value is not None and producer.try_send(value):
            sent_by_interrupts.append(value)

    async def task():
        for value in range(5, 8 * each, 8):
            while not producer.try_send(value):
                await asyncio.sleep_ms(0)
            if not value % 3:
                try:
                    micropython.schedule(interrupt, None)
                except RuntimeError:
                    pass  # Too many are pending.

    sender = asyncio.create_task(task())
    last = [-1] * 8
    counts = [0] * 8
    while True:
        try:
            value = await reader.recv(500)
        except asyncio.TimeoutError:
            break
        context = value % 8
        assert value > last[context], (value, last)
        last[context] = value
        counts[context] += 1
    await sender
    await threads.join()
    equal(counts, [each] * 4 + [len(sent_by_interrupts), each, 0, 0])
    equal(queue.metrics().dropped_count, producer.refused_count)


async def test_threads_that_share_one_producer_may_block_in_send():
    queue = BoundedQueue(2)
    db, reader = record(queue)
    producer = db.sync_producer("x", 2)
    threads = Threads()
    rounds = ROUNDS // 40

    def send(values):
        for value in values:
            producer.send(value)

    for thread in range(4):
        threads.start(send, numbers(thread, rounds))
    expected = [0, 1, 2, 3]
    for _ in range(4 * rounds):
        value = await reader.recv(20000)
        equal(value, expected[value % 4])
        expected[value % 4] += 4
    await threads.join()
    equal(queue.metrics().dropped_count, 0)  # Who waits for room is not refused.


async def test_refusals_and_lag_account_for_every_value_that_threads_send_without_a_pause():
    # Nobody waits for anybody: all that is missing is counted by somebody.
    ring = SpmcRing(8)
    db, reader = record(ring)
    each = ITEMS // 2
    threads = Threads()
    producers = [db.sync_producer("x", 8) for _ in range(2)]

    def send(producer, values):
        for value in values:
            producer.try_send(value)

    for thread in range(2):
        threads.start(send, producers[thread], numbers(thread, each))
    last = [-1, -1]
    received = 0

    async def receive():
        nonlocal received
        while True:
            try:
                value = await reader.recv()
            except BufferLagged:
                continue
            except BufferClosed:
                return
            assert value > last[value % 4], (value, last)
            last[value % 4] = value
            received += 1

    receiver = asyncio.create_task(receive())
    await threads.join()
    await asyncio.sleep_ms(10)
    ring.close()
    await receiver
    refused = sum(producer.refused_count for producer in producers)
    equal(received + reader.lagged + refused, 2 * each)
    equal(ring.metrics().dropped_count, reader.lagged + refused)


async def test_a_value_is_there_when_it_can_be_seen():
    # The loop is always busy, so that it looks all the time.
    log = Log()
    producer = record(log)[0].sync_producer("x", 2)
    count = 20_000
    _thread.start_new_thread(send_until_accepted, (producer, range(count)))
    expected = 0
    while expected < count:
        await asyncio.sleep_ms(0)
        for value in log.lines:
            equal(value, expected)
            expected += 1
        log.lines.clear()


async def ping_pong(to_thread, reader, rounds):
    for number in range(rounds):
        to_thread.append(number)
        equal(await reader.recv(20000), number)


def play(to_thread, send, rounds):
    for number in range(rounds):
        while not to_thread:
            time.sleep_us(50)
        send(to_thread.pop())


async def test_ping_pong_by_try_send_does_not_stall():
    db, reader = record(BoundedQueue(1))
    threads, ball = Threads(), []
    threads.start(play, ball, db.sync_producer("x", 1).try_send, ROUNDS)
    await ping_pong(ball, reader, ROUNDS)
    await threads.join()


async def test_ping_pong_by_send_does_not_stall():
    db, reader = record(BoundedQueue(1))
    threads, ball = Threads(), []
    threads.start(play, ball, db.sync_producer("x", 1).send, ROUNDS)
    await ping_pong(ball, reader, ROUNDS)
    await threads.join()


async def test_send_waits_for_space_and_so_does_every_thread():
    queue = BoundedQueue(2)
    db, reader = record(queue)
    threads = Threads()
    rounds = ROUNDS // 20

    def send(producer, values):
        for value in values:
            producer.send(value)

    for thread in range(3):
        threads.start(send, db.sync_producer("x", 2), numbers(thread, rounds))
    await asyncio.sleep_ms(20)
    equal(queue.held(), 2)
    expected = [0, 1, 2]
    for _ in range(3 * rounds):
        value = await reader.recv(20000)
        equal(value, expected[value % 4])
        expected[value % 4] += 4
    await threads.join()
    equal(queue.metrics().dropped_count, 0)


async def test_send_returns_only_when_the_buffer_is_done():
    queue = BoundedQueue(1)
    db, reader = record(queue)
    threads, sent = Threads(), []
    producer = db.sync_producer("x", 8)

    def send():
        for value in range(3):
            producer.send(value)
            sent.append(value)

    threads.start(send)
    for count in (1, 2):
        await asyncio.sleep_ms(30)
        equal(sent, list(range(count)))
        equal(await reader.recv(5000), count - 1)
    await threads.join()


async def test_what_a_context_has_tried_before_goes_before_what_it_sends():
    db, reader = record(BoundedQueue(1))
    threads = Threads()
    producer = db.sync_producer("x", 4)

    def send():
        for value in range(3):
            assert producer.try_send(value)
        producer.send(3)

    threads.start(send)
    for value in range(4):
        equal(await reader.recv(5000), value)
    await threads.join()


async def test_send_times_out_and_has_stored_nothing():
    queue = BoundedQueue(1)
    db, reader = record(queue)
    threads = Threads()
    producer = db.sync_producer("x")

    def send():
        producer.send(0)
        for timeout_ms in (0, 1, 20):
            with raises(asyncio.TimeoutError):
                producer.send(1, timeout_ms)
        producer.send(2, 5000)

    threads.start(send)
    await asyncio.sleep_ms(60)
    equal(await reader.recv(5000), 0)
    equal(await reader.recv(5000), 2)
    await threads.join()
    equal(queue.metrics().produced_count, 2)


class Sending:
    """A thread that sends 1, and what came of it."""

    def __init__(self, producer, timeout_ms=None):
        self.outcome = None
        _thread.start_new_thread(self._run, (producer, timeout_ms))

    def _run(self, producer, timeout_ms):
        try:
            producer.send(1, timeout_ms)
            self.outcome = "stored"
        except Exception as er:
            self.outcome = type(er)

    def wait(self):
        started = time.ticks_ms()
        while self.outcome is None:
            assert time.ticks_diff(time.ticks_ms(), started) < 5000
            time.sleep_ms(1)
        return self.outcome


async def pause(milliseconds=20):
    await asyncio.sleep_ms(milliseconds)


def test_closing_the_buffer_or_the_producer_frees_send_whether_a_loop_runs_or_not():
    for close_buffer in (False, True):
        for full in (False, True):  # Of the buffer; then the loop has taken the value already, and it waits for space.
            for loop_runs in (False, True):
                for left in (False, True):
                    queue = BoundedQueue(1)
                    if full:
                        queue.push(0)
                    producer = record(queue)[0].sync_producer("x", 2)
                    if not loop_runs and not full:
                        sending = Sending(producer)
                        time.sleep_ms(5)
                    else:
                        sending = None
                    thing = queue if close_buffer else producer

                    async def main():
                        nonlocal sending
                        sending = sending or Sending(producer)
                        await pause()
                        if loop_runs:
                            thing.close()
                            await pause()

                    if loop_runs or full:
                        asyncio.run(main())
                    if left:
                        asyncio.new_event_loop()
                    thing.close()
                    expected = "stored" if loop_runs and not full else BufferClosed
                    equal(sending.wait(), expected)
                    asyncio.run(pause(2))
                    equal(queue.held(), full or expected == "stored")


def test_a_loop_in_which_all_tasks_wait_goes_on_after_a_value_that_wakes_none():
    unread = record(SpmcRing(2))[0].sync_producer("x")
    db, reader = record(SpmcRing(2))
    producer = db.sync_producer("x")

    def send():
        time.sleep_ms(20)
        unread.try_send(1)
        time.sleep_ms(20)
        producer.try_send(2)

    async def read():
        return await reader.recv()

    _thread.start_new_thread(send, ())
    equal(asyncio.run(read()), 2)


def test_a_send_that_no_loop_takes_in_is_named_after_ten_seconds_and_after_twenty():
    producer = record(BoundedQueue(1))[0].sync_producer("x")
    slept = 0

    def hurry(microseconds):
        nonlocal slept
        slept += microseconds
        if slept > 35_000_000:
            producer.close()

    sync_producer.sleep_us = hurry
    try:
        with printing() as said:
            equal(Sending(producer).wait(), BufferClosed)
    finally:
        sync_producer.sleep_us = time.sleep_us
    equal(said.text, 2 * "aimdb: send to record 'x' waits: no loop takes it in\n")


def test_a_send_with_the_longest_time_limit_times_out_though_nobody_looked_in_its_last_millisecond():
    producer = record(BoundedQueue(1))[0].sync_producer("x")
    now = 0

    def later(microseconds):
        nonlocal now
        now = 2**29 + 4

    sync_producer.sleep_us, sync_producer.ticks_ms = later, lambda: now
    try:
        equal(Sending(producer, 2**29 - 1).wait(), asyncio.TimeoutError)
    finally:
        sync_producer.sleep_us, sync_producer.ticks_ms = time.sleep_us, time.ticks_ms
        producer.close()


async def test_sends_that_wait_behind_others_for_space_are_not_said_to_have_no_loop():
    producer = record(BoundedQueue(1))[0].sync_producer("x", 2)
    slept = 0

    def hurry(microseconds):
        nonlocal slept
        slept += microseconds
        time.sleep_us(100)

    sync_producer.sleep_us = hurry
    try:
        with printing() as said:
            for value in range(3):
                producer.try_send(value)
                await pause()
            sendings = [Sending(producer) for _ in range(2)]  # For the second one there is no room in the producer.
            while slept < 80_000_000:
                await pause()
            producer.close()
            for sending in sendings:
                equal(sending.wait(), BufferClosed)
    finally:
        sync_producer.sleep_us = time.sleep_us
    equal(said.text, "")


def test_send_times_out_and_has_stored_nothing_though_the_loop_has_ended_while_it_waited_for_space():
    for left in (False, True):
        queue = BoundedQueue(1)
        queue.push(0)
        db, reader = record(queue)
        producer = db.sync_producer("x")
        sending = Sending(producer, 60)
        asyncio.run(pause())
        if left:
            asyncio.new_event_loop()
        equal(sending.wait(), asyncio.TimeoutError)

        async def main():
            equal(await reader.recv(1000), 0)
            with raises(asyncio.TimeoutError):
                await reader.recv(20)

        asyncio.run(main())


async def test_the_first_producer_may_be_made_while_the_loop_runs():
    producer = SyncProducer(BoundedQueue(1))
    sending = Sending(producer)
    await pause(50)
    equal(sending.outcome, "stored")


def waits():
    # How often this thread has waited for something so far.
    try:
        with open("/proc/thread-self/status") as file:
            for line in file:
                if line.startswith("voluntary_ctxt"):
                    return int(line.split()[1])
    except OSError:
        harness.skip("only Linux counts how often a thread waits")


async def test_an_idle_program_does_not_wake_to_look():
    db, reader = record(SpmcRing(4))
    producer = db.sync_producer("x")
    await pause()
    before = waits()
    await pause(300)
    assert waits() - before < 30, waits() - before
    threads = Threads()
    threads.start(send_until_accepted, producer, [7])
    equal(await reader.recv(), 7)
    await threads.join()


async def test_two_tasks_that_are_ready_do_not_wait_between_their_steps():
    record(SpmcRing(4))[0].sync_producer("x")
    await pause()
    before = waits()
    for _ in range(300):
        await asyncio.sleep_ms(0)
    assert waits() - before < 30, waits() - before


def test_send_times_out_even_if_the_loop_does_not_run():
    db, reader = record(BoundedQueue(1))
    errors = []

    def send(producer):
        try:
            producer.send(1, 10)
        except asyncio.TimeoutError as er:
            errors.append(er)

    # The second finds its ring full.
    full = db.sync_producer("x", 1)
    full.try_send(0)
    for producer in (db.sync_producer("x"), full):
        _thread.start_new_thread(send, (producer,))
    started = time.ticks_ms()
    while len(errors) < 2:
        assert time.ticks_diff(time.ticks_ms(), started) < 5000
        time.sleep_ms(1)

    async def main():
        equal(await reader.recv(1000), 0)
        with raises(asyncio.TimeoutError):
            await reader.recv(20)  # What was given up is not stored later.

    asyncio.run(main())


async def test_send_raises_what_the_buffer_raises():
    class Picky(BoundedQueue):
        async def push_async(self, value):
            await asyncio.sleep_ms(1)
            raise OSError(value)

    db, _ = record(Picky(1))
    threads = Threads()
    producer = db.sync_producer("x")
    errors = []

    def send():
        for value in range(2):
            try:
                producer.send(value)
            except OSError as er:
                errors.append(er.value)

    threads.start(send)
    await threads.join()
    equal(errors, [0, 1])


async def test_a_thread_that_is_blocked_in_send_is_told_that_the_buffer_closes():
    for timeout_ms in (None, 5000):
        queue = BoundedQueue(1)
        db, reader = record(queue)
        threads, told = Threads(), []
        producers = [db.sync_producer("x") for _ in range(3)]

        def send(producer):
            try:
                while True:
                    producer.send(7, timeout_ms)
            except BufferClosed as er:
                told.append(er.value)

        for producer in producers:
            threads.start(send, producer)
        await asyncio.sleep_ms(30)
        while not queue.held():  # On a busy machine.
            await asyncio.sleep_ms(1)
        queue.close()
        await threads.join()
        equal(told, [7] * 3)
        equal(await reader.recv(), 7)
        with raises(BufferClosed):
            await reader.recv()


def test_a_thread_goes_on_sending_while_the_loop_ends_and_starts_again():
    # Every third time in a new loop; a value or a request is often under way at that moment.
    queue = BoundedQueue(1)
    db, reader = record(queue)
    producer = db.sync_producer("x", 2)
    threads = Threads()
    count = 300

    def send():
        for value in range(count):
            if value % 2:
                producer.send(value)
            else:
                while not producer.try_send(value):
                    time.sleep_us(100)

    async def some(seen):
        for _ in range(random.randrange(4)):
            seen.append(await reader.recv(5000))
            if len(seen) == count:
                return
        await asyncio.sleep_ms(random.randrange(2))

    random.seed(1)
    threads.start(send)
    seen = []
    turn = 0
    while len(seen) < count:
        turn += 1
        if turn % 3 == 0:
            asyncio.new_event_loop()
        asyncio.run(some(seen))
    equal(seen, list(range(count)))
    asyncio.run(threads.join())


async def test_a_consumer_that_is_cancelled_again_and_again_loses_nothing_that_a_thread_sends():
    db, reader = record(BoundedQueue(2))
    threads = Threads()
    count = 3_000 if SOAK else 300
    threads.start(send_until_accepted, db.sync_producer("x", 4), range(count))
    random.seed(2)
    seen = []

    async def consume():
        while True:
            seen.append(await reader.recv())

    while len(seen) < count:
        task = asyncio.create_task(consume())
        await asyncio.sleep_ms(random.randrange(3))
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
    await threads.join()
    equal(seen, list(range(count)))
