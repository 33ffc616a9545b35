"""Runs a program of several records and databases, and settles the account of every value.

A program is lines of text. The first ones wire it:

    record a of x queue 2 source: try; put; turn      in database x, a BoundedQueue(2) whose source does this in a loop
    record b of x ring 3 every 1                      an SpmcRing(3); the other kinds are `latest 1` and `mailbox 1`
    record c of x ring 3 transform b                  computed; `state b` has a function with a state
    record d of x queue 1 join a c                    computed from both
    record e of y mailbox 1 none                      written from outside only
    tap a: recv; to e                                 does this in a loop; it puts a value into e

The others are what the main task does:

    run x, cancel x         begin a run of database x; cancel it
    produce a 3             produce 3 values in a; `put a 3` in a task that waits, `send a 3` by a SyncProducer,
                            `thread a 3` by one from a thread
    close a                 close its buffer
    turns 4, sleep 1        let the others take 4 steps; for 1 millisecond
    leave, stop             the main task fails, and another goes on; after `leave` in a new event loop

At the end everything runs until it ends.

Each value is a number of its own, and larger than those before it.
"""

import asyncio
from time import sleep_us

from aimdb import (
    AimDb,
    AlreadyRunning,
    BoundedQueue,
    BufferClosed,
    BufferEmpty,
    BufferFull,
    BufferLagged,
    Mailbox,
    SingleLatest,
    SpmcRing,
    every,
)
from printing import printing

try:
    from _thread import start_new_thread
except ImportError:
    start_new_thread = None

VALUES = 12  # Of a source, in all runs.
SESSIONS = 20  # Of one record.
TURNS = 3000
PATIENCE = 60  # Turns.
KINDS = {"queue": BoundedQueue, "ring": SpmcRing, "latest": lambda _: SingleLatest(), "mailbox": lambda _: Mailbox()}
WRITES = ("put", "try", "produce")
COMPUTED = ("transform", "state", "join")


class Failure(Exception):
    """What ends a run, or the loop."""


def same(what, actual, expected):
    if actual != expected:
        raise AssertionError("%s: %r instead of %r" % (what, actual, expected))


class Session:
    """What one reader has seen, until it has read all that is left for it."""

    def __init__(self, node):
        self.node = node
        self.reader = node.buffer.subscribe()
        self.begin = node.buffer.metrics().produced_count
        self.seen = []
        self.handed_on = 0  # So many of them.
        node.sessions.append(self)

    def note(self, value):
        self.seen.append(value)
        self.node.read.append(value)

    def take(self):
        """Whether there was a value."""
        while True:
            try:
                self.note(self.reader.try_recv())
                return True
            except BufferLagged:
                pass
            except (BufferEmpty, BufferClosed):
                return False

    def end(self):
        node, reader = self.node, self.reader
        if reader.closed:
            return
        while not node.competing and self.take():
            pass
        reader.close()
        if not self.seen:
            node.sessions.remove(self)
        node.lagged += reader.lagged
        if node.kind == "ring":
            produced = node.buffer.metrics().produced_count - self.begin
            same("seen and missed by a reader of " + node.key, len(self.seen) + reader.lagged, produced)
        elif node.kind == "latest":
            same("seen last by a reader of " + node.key, self.seen[-1] if self.seen else None, node.buffer.peek())


class Node:
    """A record, and what everybody has done to it."""

    def __init__(self, world, words, script):
        self.key, _, self.db, self.kind, capacity, self.writer = words[:6]
        self.world = world
        self.script = script
        self.capacity = int(capacity)
        self.buffer = KINDS[self.kind](self.capacity)
        self.competing = self.kind in ("queue", "mailbox")
        self.inputs = [world.nodes[key] for key in words[6:] if key in world.nodes and world.nodes[key].db == self.db]
        if self.writer in COMPUTED and not self.inputs:
            self.writer = "none"
        self.readers = []  # Kinds of its stages that read it.
        self.pending = None  # What its source or join has yet to store.
        self.made = 0  # So many values its source has made.
        self.raised = 0  # So often the function of its `every` has raised.
        self.calls = 0  # Of its transform's function.
        self.offered = set()  # Values that are produced, or counted as dropped.
        self.stored = set()  # Those of which the writer knows that they were produced.
        self.dropped = 0  # Of `produce`, by which no value is offered.
        self.senders = []
        self.lagged = 0
        self.read = []  # By whomever, in order.
        self.sessions = []
        self.seen = {}  # By its transform or join: values by the input.
        self.producer = None
        if self.db not in world.databases:
            world.databases[self.db] = AimDb(profile=len(world.databases) % 2 == 0)
        self.record = world.databases[self.db].configure(self.key, self.buffer)
        self.periodic = every(int(words[6]), self.measure) if self.writer == "every" else None
        self.wire()

    def wire(self):
        keys = [each.key for each in self.inputs]
        if self.writer == "source":
            self.record.source(self.source)
        elif self.writer == "every":
            self.record.source(self.periodic)
        elif self.writer == "join":
            self.record.transform_join(keys, self.join)
        elif self.writer in COMPUTED:
            self.record.transform(keys[0], self.compute, [] if self.writer == "state" else None)
        for each in self.inputs:
            each.readers.append(self.writer)

    # What writes it

    async def source(self, producer):
        run = self.world.alive[self.db]
        while not self.buffer.closed and not self.is_spent():
            for operation in self.script:
                verb = operation.split()[0]
                if verb == "die":
                    self.may_fail("source", self.made % 3 == 2)
                elif verb in ("turn", "sleep"):
                    await asyncio.sleep_ms(verb == "sleep")
                elif not self.is_spent():
                    if self.pending is None:
                        self.made += 1
                        self.pending = self.world.new(self)
                    if await self.write(self.pending, *operation.split()):
                        self.pending = None
                self.world.look_at(self, run)
            await asyncio.sleep_ms(0)

    def is_spent(self):
        if self.writer == "source" and not any([each.split()[0] in WRITES for each in self.script]):
            return True
        return self.writer not in ("source", "every") or self.made >= VALUES and self.pending is None

    def is_done(self):
        """Whether it gets no more values from outside."""
        sent = self.producer is None or not len(self.producer.values)
        return all([sender.done for sender in self.senders]) and (self.buffer.closed or self.is_spent() and sent)

    async def write(self, value, verb, *limit):
        """Whether it need not be tried again."""
        try:
            if verb == "produce":
                self.produce(value)
            elif verb == "try":
                self.record.try_produce(value)
            else:
                await self.record.produce_async(value, *[int(each) for each in limit])
            if verb != "produce":
                self.note_stored(value)
        except (BufferFull, BufferClosed) as error:
            same("refused by " + self.key, error.value, value)
            return isinstance(error, BufferClosed)
        except asyncio.TimeoutError:
            return False
        return True

    def produce(self, value):
        before = self.buffer.metrics()
        self.record.produce(value)
        if self.buffer.metrics().produced_count > before.produced_count:
            self.note_stored(value)
        else:
            self.dropped += 1

    def note_stored(self, value):
        self.offered.add(value)
        self.stored.add(value)

    def measure(self):
        if self.made >= VALUES:
            return None
        self.made += 1
        if self.made % 5 == 3:
            self.raised += 1
            raise OSError(5)
        value = self.world.new(self)
        self.offered.add(value)
        return value

    def compute(self, value, *_):
        self.calls += 1
        self.note_seen(self.inputs[0], value)
        self.may_fail("transform", value % 11 == 5)
        if value % 7 == 3:
            return None
        value = self.world.new(self)
        self.offered.add(value)
        return value

    async def join(self, inputs, producer):
        run = self.world.alive[self.db]
        while True:
            if self.pending is not None:
                await self.write(self.pending, "put")
                self.pending = None
                self.world.look_at(self, run)
            try:
                key, value = await inputs.__anext__()
            except StopAsyncIteration:
                return
            self.note_seen(self.world.nodes[key], value)
            self.world.look_at(self, run)
            if value % 7 != 3:
                self.pending = self.world.new(self)
            self.may_fail("transform_join", value % 11 == 5)

    def note_seen(self, node, value):
        node.read.append(value)
        self.seen.setdefault(node.key, []).append(value)

    def may_fail(self, kind, now):
        if now and not self.world.ending:
            error = Failure(kind)
            self.world.failures.setdefault(self.db, []).append((self.key, kind, error))
            raise error

    # What reads it

    def tap(self, script):
        self.readers.append("tap")

        async def tap(consumer):
            run = self.world.alive[self.db]
            session = Session(self)
            try:
                while not self.buffer.closed or session.take():
                    for operation in script:
                        session = await self.tap_operation(session, *operation.split())
                        if session.reader.closed:
                            return
                        self.world.look_at(self, run)
                    if not any([word in operation for operation in script for word in ("recv", "ready", "next")]):
                        await asyncio.sleep_ms(0)
            except (BufferClosed, StopAsyncIteration):
                pass
            finally:
                session.end()

        self.record.tap(tap)

    async def tap_operation(self, session, verb, *arguments):
        """The session that goes on; it is over when the tap is to end."""
        reader = session.reader
        try:
            if verb == "recv":
                session.note(await reader.recv(*[int(each) for each in arguments]))
            elif verb == "ready":
                await reader.ready()
                session.take()
            elif verb == "next":
                session.note(await reader.__anext__())
            elif verb == "take":
                session.take()
            elif verb == "again":
                if len(self.sessions) < SESSIONS or self.buffer.closed:
                    session.end()
                    if not self.buffer.closed:
                        session = Session(self)
                await asyncio.sleep_ms(0)
            elif verb in ("turn", "sleep"):
                await asyncio.sleep_ms(verb == "sleep")
            elif verb == "to":
                if arguments[0] in self.world.nodes and session.handed_on < len(session.seen):
                    session.handed_on = len(session.seen)
                    await self.world.nodes[arguments[0]].write(self.world.new(session), "put", *arguments[1:])
            elif verb == "die":
                self.may_fail("tap", len(session.seen) > 2)
            elif verb == "end" and len(session.seen) > 2 and not self.world.ending:
                session.end()
        except (BufferLagged, asyncio.TimeoutError):
            pass
        return session


class Sender:
    """Sends values to a record by its SyncProducer, and may do so in a thread."""

    def __init__(self, node, values):
        self.node = node
        self.producer = node.producer
        self.values = values
        self.accepted = []
        self.refused = 0
        self.done = False
        node.senders.append(self)

    def send(self, value):
        if self.producer.try_send(value):
            self.accepted.append(value)
            return True
        self.refused += 1
        return False

    def send_once(self):
        for value in self.values:
            self.send(value)
        self.done = True

    def send_all(self):
        for value in self.values:
            while not self.send(value) and not self.node.buffer.closed:
                sleep_us(50)
        self.done = True


class World:
    def __init__(self, lines):
        self.nodes = {}
        self.databases = {}
        self.operations = []
        self.next = 0
        self.writer_of = {}  # Of each value.
        self.alive = {}  # The number of the run of each database that is under way.
        self.number = 0
        self.runs = {}  # Its task.
        self.failures = {}  # Of the stages in it.
        self.named = 0  # So many failures must be named on stderr.
        self.ends = 0  # So many runs were ended before they were over.
        self.puts = []  # Tasks.
        self.ending = False
        self.over = set()  # The databases whose last run has ended by itself.
        self.error = None
        for line in lines:
            words, _, script = line.partition(": ")
            words = words.split()
            if words[0] == "record":
                self.nodes[words[1]] = Node(self, words[1:], script.split("; "))
            elif words[0] != "tap":
                self.operations.append(words)
            elif words[1] in self.nodes:
                self.nodes[words[1]].tap(script.split("; "))

    def go(self):
        """Run the program. Returns what is wrong, or None."""
        with printing() as said:
            try:
                self.run_loops()
                asyncio.new_event_loop()  # What was kept for a task is free.
                for node in self.nodes.values():
                    self.settle(node)
                for name, db in self.databases.items():
                    self.check_profile(name, db.profile())
            except Exception as error:
                self.error = self.error or error
            for node in self.nodes.values():
                node.buffer.close()  # For the threads.
        if not self.error and said.text.count(" died: ") < self.named:
            self.error = AssertionError("%d stages failed, and are not named in: %s" % (self.named, said.text))
        return self.error

    def run_loops(self):
        operations = iter(self.operations)
        asyncio.new_event_loop()
        while True:
            try:
                return asyncio.run(self.drive(operations))
            except Failure as failure:
                if str(failure) == "leave":
                    asyncio.new_event_loop()
                    self.ends += len(self.alive)
                    for each in self.alive, self.runs, self.failures:
                        each.clear()
                    self.puts = []

    async def drive(self, operations):
        for verb, *arguments in operations:
            await self.operation(verb, *arguments)
            for node in self.nodes.values():
                self.look(node)
        await self.end()

    async def operation(self, verb, what="", count=1):
        if verb in ("leave", "stop"):
            raise Failure(verb)
        if verb == "turns":
            for _ in range(int(what)):
                await asyncio.sleep_ms(0)
        elif verb == "sleep":
            await asyncio.sleep_ms(int(what))
        elif what in self.databases:
            if verb == "cancel":
                if what in self.runs:
                    self.runs[what].cancel()
            else:
                await self.begin(what)
        elif what in self.nodes:
            self.write(self.nodes[what], verb, int(count))

    def write(self, node, verb, count):
        if verb == "close":
            node.buffer.close()
        elif verb == "put":
            self.puts.append(asyncio.create_task(self.put(node, count)))
        elif verb == "produce":
            for _ in range(count):
                node.produce(self.new("main"))
        elif verb in ("send", "thread"):
            if node.producer is None:
                node.producer = self.databases[node.db].sync_producer(node.key, 2)
            sender = Sender(node, [self.new(len(node.senders)) for _ in range(count)])
            if verb == "send" or not start_new_thread:
                sender.send_once()
            else:
                start_new_thread(sender.send_all, ())

    async def put(self, node, count):
        task = asyncio.current_task()
        for _ in range(count):
            await node.write(self.new(task), "put")

    def new(self, writer):
        self.next += 1
        self.writer_of[self.next] = writer
        return self.next

    # Runs

    async def begin(self, name):
        run = self.runs.get(name)
        if run is None or run.done():
            self.runs[name] = asyncio.create_task(self.run(name, self.databases[name]))
        elif name in self.alive:
            try:
                await self.databases[name].run()
                raise AssertionError("%s runs twice" % name)
            except AlreadyRunning:
                pass

    async def run(self, name, db):
        self.number += 1
        self.alive[name] = self.number
        failures = self.failures[name] = []
        is_last = self.ending
        try:
            await db.run()
            if is_last:
                self.over.add(name)
            if failures:
                self.error = AssertionError("the run of %s told nothing of %r" % (name, failures))
        except asyncio.CancelledError:
            self.ends += 1
        except Failure as error:
            self.ends += 1
            key, kind, _, told = db.failed
            if told is not error or (key, kind, error) not in failures:
                self.error = AssertionError("%r is told as %r" % (failures, db.failed))
        except Exception as error:
            self.error = self.error or error
        self.named += len(failures)
        del self.alive[name]

    def look_at(self, node, run):
        """A stage of the node takes a step."""
        if self.alive.get(node.db) != run:
            self.error = self.error or AssertionError("a stage of %s goes on after its run" % node.key)

    def look(self, node):
        """What is true at any time."""
        metrics = node.buffer.metrics()
        held = node.buffer.held()
        same("occupancy of " + node.key, metrics.occupancy, (held, node.capacity))
        if node.kind == "queue":
            same("held by " + node.key, held, metrics.produced_count - metrics.consumed_count)
        if self.error:
            raise self.error

    # The end

    async def end(self):
        self.ending = True
        await self.until(self.are_writers_done)
        for node in self.nodes.values():
            if node.writer not in COMPUTED:
                node.buffer.close()
        await self.until(lambda: len(self.over) == len(self.databases))

    async def drain(self, node):
        session = Session(node)
        async for value in session.reader:
            session.note(value)

    def are_writers_done(self):
        return all([task.done() for task in self.puts] + [node.is_done() for node in self.nodes.values()])

    async def until(self, condition):
        for turn in range(TURNS):
            for name in self.databases:
                if name not in self.alive and name not in self.over:
                    await self.begin(name)
            if condition():
                return
            if turn == PATIENCE:  # The readers of a queue may have ended, and its writers wait.
                for node in self.nodes.values():
                    if node.competing:
                        asyncio.create_task(self.drain(node))
            await asyncio.sleep_ms(turn > PATIENCE)
        raise AssertionError("it does not end")

    # The account

    def settle(self, node):
        for session in list(node.sessions):
            session.end()  # If its loop was left.
        metrics = node.buffer.metrics()
        read = list(node.read)
        rest = Session(node)
        while node.competing and rest.take():
            pass
        offered = set(node.offered)
        refused = 0
        for sender in node.senders:
            offered.update(sender.accepted)
            refused += sender.refused
        waiting = 0
        if node.producer:
            waiting = len(node.producer.values)
            same("refused by try_send of " + node.key, node.producer.refused_count, refused)
        same("consumed from " + node.key, metrics.consumed_count, len(read))
        assert set(node.read) <= offered, "%s has values that nobody has stored: %r" % (node.key, node.read)
        if node.competing:
            same("values that came from %s twice" % node.key, len(node.read), len(set(node.read)))
        if node.kind == "queue":
            assert node.stored <= set(node.read), "%s lost %r" % (node.key, node.stored - set(node.read))
            same("read and left in " + node.key, len(node.read), metrics.produced_count)
        # What is cancelled or left while its source waits is lost by an `every`.
        lost = self.ends if node.periodic and node.kind == "queue" else 0
        known = metrics.produced_count + metrics.dropped_count - node.lagged
        expected = len(offered) + node.dropped + refused - waiting
        lags = node.kind == "ring" and any([each in COMPUTED for each in node.readers])
        if known < expected - lost or known > expected and not lags:
            same("produced and dropped by " + node.key, known, expected)
        for session in node.sessions:
            self.check_order(node, session.seen)
        for key, seen in node.seen.items():
            self.check_order(self.nodes[key], seen)
        if node.competing and "join" not in node.readers:
            self.check_order(node, node.read)
        if node.periodic:
            same("failures of " + node.key, node.periodic.failures, node.raised)
        assert node.buffer.closed, node.key + " is not closed"

    def check_order(self, node, values):
        last = {}
        for value in values:
            writer = self.writer_of[value]
            before = last.get(writer, 0)
            # The reader of a later run gets the current value of a SingleLatest once more.
            again = node.kind == "latest" and before == value
            assert before < value or again, "the order of %s: %r" % (node.key, values)
            last[writer] = value

    def check_profile(self, name, profile):
        for each in profile:
            node = self.nodes[each["record"]]
            if each["kind"] == "transform":
                same("calls of the transform of " + node.key, each["calls"], node.calls)
            assert each["min_us"] <= each["mean_us"] <= each["max_us"] <= each["total_us"], each


def check(program):
    """Run a program, of lines or parted by `|`; raise an AssertionError where the account does not come out even."""
    error = World([line.strip() for line in program.strip().replace("|", "\n").split("\n")]).go()
    assert error is None, error
