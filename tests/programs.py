"""Runs a program, a few lines of text, on a buffer and on its model at once, and compares them after every step.

A line is an operation of the main task, or a task that it starts: `t1: ready x; take x`. The operations:

    open x, close x, forget x       subscribe a reader; close it; drop the last reference to it
    produce, try, put, put 1        produce the next number; `put` waits, here for at most 1 unit of time
    take x, recv x, recv x 1        read; `next x` is one turn of `async for`, `ready x` leaves the value, `has x` asks
    turn, rest, sleep 1, busy 1     let the others take a step; until nothing moves; for 1 unit of time; let nobody
    cancel t1, shut                 cancel a task; close the buffer
    leave, stop                     the run fails, and a new one begins; after `leave` in a new event loop
    interrupt leave, interrupt stop the same by a KeyboardInterrupt after the next step of any task
    outside produce                 an operation between two runs
"""

import asyncio
import gc
from time import ticks_diff, ticks_ms

import harness
from aimdb import (
    AimDb,
    BoundedQueue,
    BufferClosed,
    BufferEmpty,
    BufferFull,
    BufferLagged,
    Mailbox,
    SelfDeadlock,
    SingleLatest,
    SpmcRing,
)
from aimdb_conformance.support import busy
from buffer_model import Latest, Mail, Queue, Ring, Wait

UNIT = 2 if harness.target == "unix" else 30  # Milliseconds: longer than a few steps take.
LONG = 100000
KINDS = {
    "ring": (SpmcRing, Ring),
    "latest": (lambda capacity: SingleLatest(), Latest),
    "mailbox": (lambda capacity: Mailbox(), Mail),
    "queue": (BoundedQueue, Queue),
}


class Wrong(Exception):
    """The buffer did something else than its model."""


class Doubt(Exception):
    """Both ends of a wait are right: it got what it waited for in the millisecond in which its time was over, or its
    deadlock was over before it was told."""


class RunFails(Exception):
    """What the main task of a program raises for `leave` and `stop`."""


class Actor:
    """A task of the program. It is what the model knows as a task."""

    def __init__(self, name, run):
        self.name = name
        self.run = run
        self.task = None
        self.expects = None  # While it awaits: the Wait, or the outcome that it should have had at once.
        self.length = None  # The milliseconds for which that wait may last.
        self.latest = None  # When they are over at the latest; the wait's deadline is the earliest moment.


class World:
    def __init__(self, kind, capacity, lines):
        make, model = KINDS[kind]
        self.buffer = make(capacity)
        self.model = model(capacity)
        self.producer = AimDb().configure("record", self.buffer)
        self.lines = lines
        self.next_line = 0
        self.readers = {}
        self.actors = {}
        self.produced = 0
        self.run = 0  # Actors of an earlier run are alive unless a new event loop was made since.
        self.oldest_run_alive = 0
        self.interrupted = False
        self.steps = 0
        self.main_steps = 0
        self.error = None
        self.began = ticks_ms()

    def now(self):
        return ticks_diff(ticks_ms(), self.began)

    # Runs

    def go(self):
        """Run the program to its end. Returns what was wrong, or None."""
        while self.next_line <= len(self.lines) and not self.error:
            self.run += 1
            main = Actor("main", self.run)
            try:
                asyncio.run(Stepped(self, main, self.main(main)))
            except (RunFails, KeyboardInterrupt):
                if self.lines[self.next_line - 1].endswith("leave"):
                    asyncio.new_event_loop()
                    self.oldest_run_alive = self.run + 1
                    self.model.leave_loop()
            except (Wrong, Doubt):
                pass
            self.interrupted = False
            self.go_on_outside()
        asyncio.new_event_loop()
        return None if isinstance(self.error, Doubt) else self.error

    def go_on_outside(self):
        """The operations between two runs: none of them waits."""
        while self.next_line < len(self.lines) and self.lines[self.next_line].startswith("outside") and not self.error:
            self.next_line += 1
            try:
                self.operation(None, self.lines[self.next_line - 1].replace("outside ", "")).send(None)
            except (StopIteration, Wrong, Doubt):
                pass

    async def main(self, actor):
        while not self.error and actor.run == self.run:
            self.next_line += 1
            if self.next_line > len(self.lines):
                return await self.finish(actor)
            line = self.lines[self.next_line - 1]
            if line == "leave" or line == "stop":
                raise RunFails
            if line.startswith("interrupt"):
                self.interrupted = True
                await asyncio.sleep_ms(0)
                return
            if ":" in line:
                name, script = line.split(": ")
                self.start(name, script.split("; "))
            else:
                await self.operation(actor, line.replace("outside ", ""))

    def start(self, name, script):
        actor = self.actors[name] = Actor(name, self.run)
        actor.task = asyncio.create_task(Stepped(self, actor, self.follow(actor, script)))

    async def follow(self, actor, script):
        for operation in script:
            await self.operation(actor, operation)

    async def finish(self, main):
        """Nobody waits at the end, and what was not read is there."""
        await self.rest(main)
        self.buffer.close()
        self.model.close()
        await self.rest(main)
        self.same("readers that still wait", self.model.waits, [])
        if self.model.competing:
            await self.operation(main, "open last")
            for _ in range(len(self.model.values) + 1):
                await self.operation(main, "take last")

    # Operations

    async def operation(self, actor, operation):
        verb, *arguments = operation.split()
        if verb == "cancel":
            other = self.actors.get(arguments[0])
            if other and other is not actor and other.run >= self.oldest_run_alive:
                other.task.cancel()
                self.model.cancel(other)
        elif verb == "turn":
            await self.pause(0)
        elif verb == "sleep":
            await self.pause(int(arguments[0]) * UNIT)
        elif verb == "rest":
            await self.rest(actor)
        elif verb == "busy":
            busy(int(arguments[0]) * UNIT)
        elif verb == "shut":
            self.buffer.close()
            self.model.close()
        elif verb == "open":
            self.readers[arguments[0]] = self.buffer.subscribe(), self.model.subscribe()
        elif verb in ("produce", "try", "put"):
            await self.produce(actor, verb, arguments)
        elif arguments[0] in self.readers:
            await self.read(actor, verb, *arguments)
        self.look(operation)

    async def pause(self, milliseconds):
        try:
            await asyncio.sleep_ms(milliseconds)
        except asyncio.CancelledError:
            pass  # The script goes on.

    async def produce(self, actor, verb, limit):
        self.produced += 1
        value = self.produced
        if verb == "produce":
            expected = self.model.produce(value)
            self.same(verb, outcome_of(self.producer.produce, value), expected)
        elif verb == "try":
            expected = self.model.try_produce(value)
            self.same(verb, outcome_of(self.producer.try_produce, value), expected)
        else:
            length, deadline = self.limit(actor, *limit)
            actor.expects = self.model.put(actor, value, deadline)
            if length is None:
                awaitable = self.producer.produce_async(value)
            else:
                awaitable = self.producer.produce_async(value, timeout_ms=length)
            self.ended(actor, verb, await outcome(awaitable))

    async def read(self, actor, verb, name, *limit):
        reader, model_reader = self.readers[name]
        if verb == "take":
            expected = self.model.take(actor, model_reader)
            self.same("take " + name, outcome_of(reader.try_recv), expected)
        elif verb == "has":
            if not model_reader.closed:
                self.same("has " + name, reader.has_value(), self.model.may_take(actor, model_reader))
        elif verb == "close":
            reader.close()
            self.model.detach(model_reader)
        elif verb == "forget":
            if not any(wait.reader is model_reader for wait in self.model.waits):
                del self.readers[name]
                if not model_reader.closed:
                    self.model.forget(model_reader)
                reader = None
                gc.collect()
        else:
            length, deadline = self.limit(actor, *limit)
            actor.expects = self.model.begin(actor, verb, model_reader, deadline)
            if verb == "ready":
                awaitable = reader.ready()
            elif verb == "next":
                awaitable = next_of(reader)
            else:
                awaitable = reader.recv() if length is None else reader.recv(timeout_ms=length)
            self.ended(actor, verb + " " + name, await outcome(awaitable))

    def limit(self, actor, units=None):
        """A time limit in milliseconds, and the earliest end of it."""
        length = LONG if units == "long" else units and int(units) * UNIT
        actor.length, actor.latest = length, None
        return length, None if length is None else self.now() + length

    def ended(self, actor, what, outcome):
        expected, actor.expects = actor.expects, None
        if actor.run < self.oldest_run_alive:
            return self.wrong("a task of the loop that was left ran on")
        if isinstance(expected, Wait):
            expected = self.model.end(expected, outcome, self.now())
        if outcome[0] in ("done", "value") and expected[0] == "done":
            outcome = ("done",)
        self.same(actor.name + ": " + what, outcome, expected)

    # Steps

    def step_begins(self, actor):
        self.steps += 1
        if actor.run < self.oldest_run_alive:
            self.wrong("a task of the loop that was left runs")
        if self.error:
            raise self.error

    def step_over(self, actor):
        expects = actor.expects
        if isinstance(expects, Wait):
            if self.model.may_go_on(expects) and not self.error:
                self.wrong("%s has had its turn, and waits in %s although it need not" % (actor.name, expects.call))
            if actor.length is not None and actor.latest is None:
                actor.latest = self.now() + actor.length
        elif expects:
            self.wrong("%s waits, and should have had %r at once" % (actor.name, expects))
        self.model.step_over()
        self.look("a step of " + actor.name)

    async def rest(self, main):
        """Until nobody else has taken a step for some turns."""
        quiet = turns = 0
        began = self.now()
        while quiet < 4:
            before = self.steps
            await asyncio.sleep_ms(0)
            quiet = quiet + 1 if self.steps - before == 1 else 0
            turns += 1
            if turns > 200:
                self.wrong("the tasks never come to rest")
        for wait in self.model.waits:
            latest = wait.task.latest
            if self.model.may_go_on(wait) or latest is not None and latest <= began:
                self.wrong("%s still waits in %s" % (wait.task.name, wait.call))

    # Comparing

    def look(self, when):
        """Compare all that can be seen from outside."""
        if self.error:
            return
        model = self.model
        metrics = self.buffer.metrics()
        counts = (metrics.produced_count, metrics.consumed_count, metrics.dropped_count)
        self.same("counts after " + when, counts, (model.produced, model.consumed, model.dropped))
        self.same("occupancy after " + when, metrics.occupancy, (len(model.values), model.capacity))
        self.same("held after " + when, self.buffer.held(), len(model.values))
        self.same("peek after " + when, self.buffer.peek(), model.peek())
        for name, (reader, model_reader) in self.readers.items():
            self.same("lagged of %s after %s" % (name, when), reader.lagged, model_reader.lagged)
        now = self.now()
        while model.just_granted:
            wait = model.just_granted.pop()
            self.doubt(wait.deadline is not None and wait.deadline <= now + 1)
        for wait in model.waits:
            if wait.call == "put":
                was, wait.hopeless = wait.hopeless, model.deadlock(wait.task)
                self.doubt(was is True and wait.hopeless is not True and not wait.told)

    def doubt(self, is_so):
        if is_so:
            self.error = Doubt()
            raise self.error

    def same(self, what, actual, expected):
        if actual != expected:
            self.wrong("%s: %r instead of %r" % (what, actual, expected))

    def wrong(self, text):
        if not self.error:
            self.error = Wrong("line %d, %s" % (self.next_line, text))
        raise self.error


class Stepped:
    """Stands in for the coroutine of an actor, to see its steps."""

    def __init__(self, world, actor, coroutine):
        self.world = world
        self.actor = actor
        self.coroutine = coroutine

    def send(self, value):
        return self._step(self.coroutine.send, value)

    def throw(self, error):
        return self._step(self.coroutine.throw, error)

    def _step(self, go_on, argument):
        world, actor = self.world, self.actor
        waits = False
        try:
            world.step_begins(actor)
            try:
                go_on(argument)
                waits = True
            finally:
                world.step_over(actor)
                if world.interrupted:
                    raise KeyboardInterrupt
        except (RunFails, KeyboardInterrupt, StopIteration, asyncio.CancelledError):
            raise
        except Exception as error:
            if not world.error:
                world.error = error
            if not waits:
                raise StopIteration  # The main task finds the error.


def outcome_of(function, *arguments):
    try:
        value = function(*arguments)
    except Exception as error:
        return outcome_for(error)
    return ("done",) if value is None else ("value", value)


async def outcome(awaitable):
    try:
        value = await awaitable
    except (Exception, asyncio.CancelledError) as error:
        return outcome_for(error)
    return ("done",) if value is None else ("value", value)


def outcome_for(error):
    if isinstance(error, BufferEmpty):
        return ("empty",)
    if isinstance(error, BufferLagged):
        return ("lagged", error.count)
    if isinstance(error, asyncio.TimeoutError):
        return ("timeout",)
    if isinstance(error, asyncio.CancelledError):
        return ("cancelled",)
    for kind, name in ((BufferFull, "full"), (BufferClosed, "closed"), (SelfDeadlock, "deadlock")):
        if isinstance(error, kind):
            return (name, error.value)
    raise error


async def next_of(reader):
    async for value in reader:
        return value
    raise BufferClosed()


def check(kind, capacity, program):
    """Run a program, of lines or parted by `|`; raise an AssertionError where the buffer differs from its model."""
    lines = [line.strip() for line in program.strip().replace("|", "\n").split("\n")]
    error = World(kind, capacity, lines).go()
    assert error is None, error
