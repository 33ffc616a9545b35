"""Random programs on a flash queue, each observable of which is compared with a model. Values are numbers, in order."""

import asyncio
import random

from aimdb import BufferClosed, BufferEmpty, BufferFull
from aimdb_flash import FlashQueue, StorageError
from flash_model import number_of, value_of
from harness import equal
from stepping import outcome

# Of a value: its producer waits; it was accepted; it was refused, committed or dropped; its producer was left with its
# loop, so it may be there or not.
WAITING, HELD, GONE, LEFT = range(4)


class Program:
    """A queue, its producers and readers over several lives, on one medium; what they do comes from the seed."""

    def __init__(self, medium, seed, **options):
        random.seed(seed)
        self.medium = medium
        self.options = {"flush_ms": 0, "commit_ms": 0}
        self.options.update(options)
        self.drops = self.options.get("drop_oldest", False)
        self.state = []  # Of each value.
        self.stored = set()  # Values that are on flash for good: their producer was told so.
        self.lasting = set()  # Committed, and told that this is on flash.
        self.unsure = set()  # Committed or refused, but the flash may not know.
        self.failing = 0  # One of so many operations fails.

    # One life of the program.

    def live(self, steps):
        asyncio.new_event_loop()
        self.begin()
        asyncio.run(self.play(steps))
        self.end()

    def live_in_loops(self, steps):
        """The same, started anew from inside: tasks go on, or are left with their loop, and the queue with them."""
        asyncio.new_event_loop()
        self.begin()
        for _ in range(random.randrange(4)):
            asyncio.run(self.act(steps))
            way = random.randrange(3)
            if way:
                asyncio.new_event_loop()
                self.tasks.clear()
                self.is_new = True
                self.state = [LEFT if state == WAITING else state for state in self.state]
            if way == 2:
                self.begin()
        asyncio.run(self.play(steps))
        self.end()

    def begin(self):
        self.queue = FlashQueue(self.medium.storage(), **self.options)
        self.readers = []
        self.taken = []  # What each reader has read and not committed,
        self.lapsed = []  # and how much it had read before that comes again, as others have subscribed in a new loop.
        self.is_new = False  # It is a new loop, in which nobody has subscribed.
        self.tasks = []  # Producers and readers that wait: (task, -1); a reader's: (task, None).
        self.failed = False
        self.dropped = self.queue.dropped_count
        assert self.drops or not self.dropped
        self.find_all()
        self.consumed = self.queue.consumed_count

    def find_all(self):
        # What the queue has after a restart, against the model.
        queue = self.queue
        reader = queue.subscribe()
        found = []
        try:
            while True:
                found.append(number_of(reader.try_recv()))
        except BufferEmpty:
            pass
        reader.close()
        equal(queue.held(), len(found))
        equal(found, sorted(set(found)))
        for number, state in enumerate(self.state):
            if number in found:
                assert state != GONE or number in self.unsure, "came back: %d" % number
                assert number not in self.lasting, "committed for good, and back: %d" % number
            elif state == HELD:
                assert number not in self.stored or self.drops, "lost: %d" % number
            self.state[number] = HELD if number in found else GONE
        self.unsure.clear()
        self.stored = set(found)

    async def play(self, steps):
        await self.act(steps)
        await self.finish()

    async def act(self, steps):
        actions = (self.push, self.push, self.produce, self.produce, self.receive, self.receive, self.receive)
        actions += (self.wait, self.wait, self.commit, self.commit, self.subscribe, self.close, self.cancel, self.rest)
        actions += (self.flush, self.offer, self.peek)
        self.subscribe()
        for _ in range(steps):
            random.choice(actions)()
            self.check_metrics()
            if random.randrange(3) == 0:
                await asyncio.sleep_ms(0)
                self.check_metrics()

    def check_metrics(self):
        metrics = self.queue.metrics()
        equal(metrics.consumed_count, self.consumed)
        held = len([state for state in self.state if state == HELD])
        left = len([state for state in self.state if state == LEFT])
        if self.drops:  # The model learns of them when others are read.
            assert 0 <= metrics.occupancy[0] <= held + left
        else:
            assert held <= metrics.occupancy[0] <= held + left
            equal(metrics.dropped_count, self.dropped)

    def end(self):
        # By release, or as a power cut ends it.
        queue = self.queue
        for number, state in enumerate(self.state):
            if state == WAITING:
                self.state[number] = GONE
                self.unsure.add(number)
        if random.randrange(2):
            before = queue.dropped_count
            try:
                queue.release()
            except StorageError:
                self.failed = True
            if queue.dropped_count == before and not self.failed:
                self.stored.update([n for n, state in enumerate(self.state) if state == HELD])
                self.unsure -= self.lasting
        self.medium.lose_power()

    # What it does.

    def push(self):
        number = len(self.state)
        self.state.append(HELD)
        try:
            self.queue.try_push(value_of(number))
        except BufferFull:
            self.state[number] = GONE

    def offer(self):
        number = len(self.state)
        before = self.queue.dropped_count
        self.queue.push(value_of(number))
        dropped = self.queue.dropped_count - before
        self.state.append(GONE if dropped else HELD)
        self.dropped += dropped

    def produce(self):
        self.tasks.append((asyncio.create_task(self.producing()), -1))

    async def producing(self):
        number = len(self.state)
        self.state.append(WAITING)
        state = GONE
        try:
            await self.queue.push_async(value_of(number))
            state = HELD
            self.stored.add(number)
        except StorageError:
            assert self.failing, "no operation failed"
            self.failed = True
            self.unsure.add(number)
        except asyncio.CancelledError:
            self.unsure.add(number)
        finally:
            self.state[number] = state

    def receive(self):
        if not self.readers:
            return
        i = random.randrange(len(self.readers))
        try:
            self.taking(self.taken[i], self.readers[i].try_recv())
        except BufferEmpty:
            self.check_nothing_is_free()

    def check_nothing_is_free(self):
        # But for what is kept for readers that were woken.
        waiting = [task for task, number in self.tasks if number is None and not task.done()]
        assert len(waiting) >= len(self.unread()), "empty, with %r unread" % (self.unread(),)

    def wait(self):
        if self.readers:
            i = random.randrange(len(self.readers))
            self.tasks.append((asyncio.create_task(self.waiting(self.readers[i], self.taken[i])), None))

    async def waiting(self, reader, taken):
        way = random.randrange(5)
        try:
            if way == 0:
                await reader.ready()
                value = reader.try_recv()
            else:
                value = await reader.recv(timeout_ms=way if way < 3 else None)
        except (BufferClosed, BufferEmpty, asyncio.TimeoutError):
            return
        self.taking(taken, value)

    def peek(self):
        value = self.queue.peek()
        if value is None:
            self.check_nothing_is_free()
        else:
            assert self.state[number_of(value)] in (HELD, LEFT)
            assert not [number for numbers in self.taken for number in numbers if number == number_of(value)]

    def unread(self):
        # What readers must be able to get now: all up to the first value whose producer waits.
        taken = [number for numbers in self.taken for number in numbers]
        found = []
        for number, state in enumerate(self.state):
            if state == WAITING:
                break
            if state == HELD and number not in taken:
                found.append(number)
        return [] if self.drops else found

    def taking(self, mine, value):
        self.consumed += 1
        number = number_of(value)
        taken = [number for numbers in self.taken for number in numbers]
        assert self.state[number] in (HELD, LEFT)
        self.state[number] = HELD
        assert number not in taken, "read twice: %d" % number
        for earlier in range(number):
            if self.state[earlier] == HELD and earlier not in taken:
                assert self.drops, "out of order: %d after %d" % (earlier, number)
                self.state[earlier] = GONE
        mine.append(number)

    def commit(self):
        if not self.readers:
            return
        i = random.randrange(len(self.readers))
        count = random.randrange(self.lapsed[i] + len(self.taken[i]) + 1)
        done = self.readers[i].commit(count)
        lapsed = min(count, self.lapsed[i])
        self.lapsed[i] -= lapsed
        count -= lapsed
        numbers = self.taken[i][:count]
        del self.taken[i][:count]
        for number in numbers:
            self.state[number] = GONE
            self.unsure.add(number)
        if random.randrange(2):
            self.tasks.append((asyncio.create_task(self.committing(done, numbers)), -1))

    async def committing(self, done, numbers):
        try:
            await done
            self.lasting.update(numbers)
        except StorageError:
            self.failed = True

    def subscribe(self):
        if len(self.readers) < 3:
            if self.is_new:
                self.is_new = False
                for i, taken in enumerate(self.taken):
                    self.lapsed[i] += len(taken)
                    taken.clear()
            self.readers.append(self.queue.subscribe())
            self.taken.append([])
            self.lapsed.append(0)

    def close(self):
        if len(self.readers) > 1:
            i = random.randrange(len(self.readers))
            self.readers.pop(i).close()
            self.taken.pop(i)
            self.lapsed.pop(i)

    def cancel(self):
        if self.tasks:
            random.choice(self.tasks)[0].cancel()

    def rest(self):
        self.tasks = [pair for pair in self.tasks if not pair[0].done()]

    def flush(self):
        self.tasks.append((asyncio.create_task(self.committing(self.queue.flush(), [])), -1))

    async def finish(self):
        # Whoever can go on does so: once all is read and committed again and again, nobody waits any more.
        for task, number in self.tasks:
            if number is None:
                task.cancel()
        fails, self.medium.flash.fails = self.medium.flash.fails, None
        for _ in range(200):
            for _ in range(3):
                await asyncio.sleep_ms(0)
            if all([task.done() for task, _ in self.tasks]):
                for task, _ in self.tasks:
                    error = await outcome(task)
                    if error and not isinstance(error, asyncio.CancelledError):
                        raise error
                break
            self.subscribe()
            for i, reader in enumerate(self.readers):
                try:
                    self.taking(self.taken[i], reader.try_recv())
                except BufferEmpty:
                    pass
                reader.commit()
                self.lapsed[i] = 0
                for number in self.taken[i]:
                    self.state[number] = GONE
                    self.unsure.add(number)
                self.taken[i].clear()
            await asyncio.sleep_ms(1)
        else:
            raise AssertionError("somebody waits for ever")
        self.medium.flash.fails = fails
