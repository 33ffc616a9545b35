"""What the four buffers promise, in plain Python: the reference that random programs are compared with.

An outcome is a tuple: ("value", v), ("done",), ("empty",), ("full", v), ("closed", v), ("lagged", count),
("deadlock", v), ("timeout",), ("cancelled",). Time is any number that grows; whoever awaits gives it.
"""


class Reader:
    def __init__(self, position):
        self.position = position  # So many values were produced before its next one. Competing readers need none.
        self.lagged = 0
        self.closed = False


class Wait:
    """One await of one task that could not end at once: a place in line."""

    def __init__(self, task, call, reader=None, value=None, deadline=None):
        self.task = task
        self.call = call  # recv, next, ready or put
        self.reader = reader
        self.value = value
        self.deadline = deadline
        self.granted = False  # A value or a slot is its own, and nobody else's, until it runs.
        self.told = None  # The outcome with which it ends instead.
        self.hopeless = False  # What `deadlock` says of it.


class Queue:
    competing = True
    overwrites = False

    def __init__(self, capacity=1):
        self.capacity = capacity
        self.closed = False
        self.values = []
        self.produced = self.consumed = self.dropped = 0
        self.readers = []  # Attached.
        self.forgotten = False  # A reader was, so that nobody knows when it is detached.
        self.waits = []  # In the order in which they began.
        self.kept = None  # The wait of the task that runs: `ready` told it of a value, which is its own in this step.
        self.read = set()  # (task, reader) of every value that was read; the task is None once its loop was left.
        self.just_granted = []  # Emptied by whoever looks at it.

    # Lines: first come, first served.

    def grant(self):
        for wait in () if self.closed else self.waits:  # On closing all go on, and nobody waits any more.
            possible = self.room() if wait.call == "put" else self.competing and self.free() > 0
            if possible and not wait.granted and not wait.told:
                wait.granted = True
                self.just_granted.append(wait)

    def granted(self, putting):
        return sum(1 for wait in self.waits if wait.granted and (wait.call == "put") == putting)

    def free(self):  # So many of the values held are nobody's yet.
        return len(self.values) - self.granted(False) - bool(self.kept)

    def room(self):
        return self.overwrites or len(self.values) + self.granted(True) < self.capacity

    # Writing.

    def produce(self, value):
        if self.try_produce(value) != ("done",):
            self.dropped += 1
        return ("done",)

    def try_produce(self, value):
        if self.closed or not self.room():
            return ("closed" if self.closed else "full", value)
        self.values.append(value)
        if len(self.values) > self.capacity:
            self.values.pop(0)
        self.produced += 1
        self.grant()
        return ("done",)

    def put(self, task, value, deadline):  # The outcome; or a Wait, when there is no room.
        outcome = self.try_produce(value)
        return self.wait(Wait(task, "put", None, value, deadline)) if outcome[0] == "full" else outcome

    def deadlock(self, task):  # Must it be told that only itself could make room? None: it may.
        others = [reader for by, reader in self.read if by is not task]
        if len(self.readers) > 1 or len(others) == len(self.read):
            return False
        if any(by not in (None, task) and reader in self.readers for by, reader in self.read):
            return False
        alone = len(self.readers) == 1 and (task, self.readers[0]) in self.read and not others
        return True if alone and not self.forgotten and not self.granted(False) else None

    # Reading.

    def subscribe(self):
        self.readers.append(Reader(self.produced))
        return self.readers[-1]

    def has_value(self, reader):
        return not reader.closed and self.free() > 0

    def may_take(self, task, reader):
        return self.has_value(reader) or (self.kept is not None and self.kept.task is task)

    def take(self, task, reader):
        if self.kept and self.kept.task is task:
            self.kept = None
        if not self.has_value(reader):
            return ("closed", None) if reader.closed or self.closed else ("empty",)
        self.consumed += 1
        self.read.add((task, reader))
        value = self.next_value(reader)
        self.grant()
        return ("value", value)

    def next_value(self, reader):
        return self.values.pop(0)

    def begin(self, task, call, reader, deadline=None):  # The outcome; or a Wait, when there is nothing to say yet.
        if self.may_take(task, reader) or reader.closed or self.closed:
            return self.read_on(task, call, reader)
        return self.wait(Wait(task, call, reader, None, deadline))

    def read_on(self, task, call, reader):
        if call == "ready":
            return ("done",)
        outcome = self.take(task, reader)
        return self.take(task, reader) if call == "next" and outcome[0] == "lagged" else outcome

    # What becomes of a wait.

    def wait(self, wait):
        self.waits.append(wait)
        return wait

    def may_go_on(self, wait):
        return wait.granted or wait.told or self.closed or wait.call == "put" and self.deadlock(wait.task) is True

    def end(self, wait, outcome, now):  # The outcome that it should have had, when it had this one.
        timeout = wait.deadline is not None and now >= wait.deadline and wait.told != ("cancelled",)
        deadlock = wait.call == "put" and not wait.told and self.deadlock(wait.task) is not False
        if not (timeout and outcome == ("timeout",)) and not (deadlock and outcome == ("deadlock", wait.value)):
            outcome = wait.told
        if not outcome and not self.may_go_on(wait):
            return ("it should wait",)
        self.waits.remove(wait)
        if not outcome and wait.call == "put":
            return self.try_produce(wait.value)
        if not outcome:
            self.kept = wait if wait.granted else None  # Until the task takes it, or its step is over.
            return self.read_on(wait.task, wait.call, wait.reader)
        self.grant()
        return outcome

    def step_over(self):  # The running task's: what `ready` told it of, and it left, is for the next in line.
        self.kept = None
        self.grant()

    def tell(self, wait, outcome):
        wait.told = outcome
        wait.granted = False
        self.grant()

    def cancel(self, task):
        for wait in self.waits:
            if wait.task is task:
                self.tell(wait, ("cancelled",))

    # Closing and leaving.

    def detach(self, reader):
        if reader in self.readers:
            self.readers.remove(reader)
        reader.closed = True
        if self.kept and self.kept.reader is reader:
            self.kept = None
        for wait in self.waits:
            if wait.reader is reader and not wait.told:  # What it was granted goes to the next when it is told.
                wait.told = ("done",) if wait.call == "ready" else ("closed", None)
        self.grant()

    def forget(self, reader):  # On which nobody waits.
        self.forgotten = True
        self.readers.remove(reader)

    def close(self):
        self.closed = True
        for wait in self.waits:
            if wait.call == "put" and not wait.told:
                self.tell(wait, ("closed", wait.value))

    def leave_loop(self):  # Its tasks never run again; what they held or waited for is free.
        self.waits.clear()
        self.kept = None
        self.read = {(None, reader) for _, reader in self.read}

    def peek(self):
        return self.values[0] if self.values else None


class Mail(Queue):
    overwrites = True


class Ring(Queue):  # Every reader sees every value. `values` are the last ones that were produced.
    competing = False
    overwrites = True

    def has_value(self, reader):
        return not reader.closed and self.produced > reader.position

    def may_go_on(self, wait):
        return super().may_go_on(wait) or self.has_value(wait.reader)

    def take(self, task, reader):
        missed = self.produced - reader.position - len(self.values)
        if missed > 0 and not reader.closed:
            reader.position += missed
            if self.missed(reader, missed):
                return ("lagged", missed)
        return super().take(task, reader)

    def missed(self, reader, count):
        reader.lagged += count
        self.dropped += count
        return True

    def next_value(self, reader):
        reader.position += 1
        return self.values[reader.position - self.produced - 1]

    def peek(self):
        return None


class Latest(Ring):
    def subscribe(self):
        reader = super().subscribe()
        reader.position -= len(self.values)
        return reader

    def missed(self, reader, count):
        return False  # What was overwritten is of no interest.

    def peek(self):
        return Queue.peek(self)
