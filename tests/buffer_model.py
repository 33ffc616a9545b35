"""What the four buffers promise, in plain Python: the reference that random programs are compared with.

An outcome is a tuple: ("value", v), ("done",), ("empty",), ("full", v), ("closed", v), ("lagged", count),
("deadlock", v), ("timeout",), ("cancelled",). Time is any number that grows; whoever awaits gives it.
"""


class ModelReader:
    def __init__(self, position):
        self.position = position  # So many values were produced before the next one for it. Competing readers need none.
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


class Model:
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
        self.just_granted = []

    # Lines: first come, first served

    def grant(self):
        for wait in self.waits:
            if wait.granted or wait.told:
                continue
            if self.room() if wait.call == "put" else self.competing and self.free():
                wait.granted = True
                self.just_granted.append(wait)

    def granted(self, putting):
        return sum(1 for wait in self.waits if wait.granted and (wait.call == "put") == putting)

    def free(self):
        """How many of the values held are nobody's yet."""
        return len(self.values) - self.granted(False) - bool(self.kept)

    def room(self):
        return self.overwrites or len(self.values) + self.granted(True) < self.capacity

    def leave_line(self, wait):
        self.waits.remove(wait)
        self.grant()

    # Writing

    def produce(self, value):
        if self.closed or not self.room():
            self.dropped += 1
        else:
            self.store(value)
        return ("done",)

    def try_produce(self, value):
        if self.closed or not self.room():
            return ("closed" if self.closed else "full", value)
        self.store(value)
        return ("done",)

    def put(self, task, value, deadline):
        """The outcome, or the Wait when there is no room."""
        outcome = self.try_produce(value)
        if outcome[0] != "full":
            return outcome
        return self.wait(Wait(task, "put", None, value, deadline))

    def store(self, value):
        self.values.append(value)
        self.produced += 1
        if len(self.values) > self.capacity:
            self.values.pop(0)
        self.grant()

    def deadlock(self, task):
        """Whether `task`, waiting for a slot, must be told that nobody else reads: True, False, or None for perhaps."""
        if len(self.readers) > 1 or not any(by is task for by, _ in self.read):
            return False
        if any(by not in (None, task) and reader in self.readers for by, reader in self.read):
            return False
        alone = len(self.readers) == 1 and (task, self.readers[0]) in self.read and not self.forgotten
        return True if alone and all(by is task for by, _ in self.read) and not self.granted(False) else None

    # Reading

    def subscribe(self):
        reader = ModelReader(self.produced)
        self.readers.append(reader)
        return reader

    def has_value(self, reader):
        return not reader.closed and self.free() > 0

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

    def begin(self, task, call, reader, deadline=None):
        """`recv`, `next` or `ready`: the outcome, or the Wait when there is nothing to say yet."""
        mine = self.kept and self.kept.task is task
        if not (mine or self.has_value(reader) or reader.closed or self.closed):
            return self.wait(Wait(task, call, reader, None, deadline))
        return ("done",) if call == "ready" else self.read_on(task, call, reader)

    def read_on(self, task, call, reader):
        outcome = self.take(task, reader)
        while call == "next" and outcome[0] == "lagged":
            outcome = self.take(task, reader)
        return outcome

    def wait(self, wait):
        self.waits.append(wait)
        return wait

    # What becomes of a wait

    def may_go_on(self, wait):
        """Whether the task need not wait any more."""
        if wait.granted or wait.told:
            return True
        return self.closed or wait.call == "put" and self.deadlock(wait.task) is True

    def end(self, wait, outcome, now):
        """The outcome that `wait` should have had, when it had this one, `now`."""
        if outcome == ("timeout",) and wait.deadline is not None and now >= wait.deadline and wait.told != ("cancelled",):
            self.leave_line(wait)
            return outcome
        if wait.told:
            self.leave_line(wait)
            return wait.told
        if outcome == ("deadlock", wait.value) and wait.call == "put" and self.deadlock(wait.task) is not False:
            self.leave_line(wait)
            return outcome
        if not self.may_go_on(wait):
            return ("still waits",)
        self.waits.remove(wait)
        if wait.call == "put":
            return self.try_produce(wait.value)
        if wait.granted:
            self.kept = wait  # Until the task takes it, or its step is over.
        return ("done",) if wait.call == "ready" else self.read_on(wait.task, wait.call, wait.reader)

    def step_over(self):
        """The step of the running task is over: what `ready` told it of, and it left, is for the next in line."""
        self.kept = None
        self.grant()

    def cancel(self, task):
        for wait in self.waits:
            if wait.task is task:
                self.tell(wait, ("cancelled",))

    def tell(self, wait, outcome):
        wait.told = outcome
        wait.granted = False
        self.grant()

    # Closing and leaving

    def detach(self, reader, forgotten=False):
        """Close the reader, or forget it; `forgotten` only when nobody waits on it."""
        if reader in self.readers:
            self.readers.remove(reader)
        if forgotten:
            self.forgotten = True
            return
        reader.closed = True
        if self.kept and self.kept.reader is reader:
            self.kept = None
        for wait in self.waits:
            if wait.reader is reader and not wait.told:
                self.tell(wait, ("done",) if wait.call == "ready" else ("closed", None))
        self.grant()

    def close(self):
        self.closed = True
        for wait in self.waits:
            if wait.call == "put" and not wait.told:
                self.tell(wait, ("closed", wait.value))

    def leave_loop(self):
        """Its tasks never run again. What they held or waited for is free."""
        self.waits.clear()
        self.kept = None
        self.read = {(None, reader) for _, reader in self.read}

    # Looking

    def peek(self):
        return self.values[0] if self.values else None

    def occupancy(self):
        return (len(self.values), self.capacity)


class MailboxModel(Model):
    overwrites = True


class RingModel(Model):
    """Every reader sees every value; `values` are the last ones that were produced."""

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


class LatestModel(RingModel):
    def subscribe(self):
        reader = super().subscribe()
        reader.position -= len(self.values)
        return reader

    def missed(self, reader, count):
        return False  # What was overwritten is of no interest.

    def peek(self):
        return Model.peek(self)
