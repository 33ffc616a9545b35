"""The time limits of `Reader.recv`, which need no heap from the second on. Loaded when the first one is set.

IRQ safety: none.
"""

from asyncio import TimeoutError

import micropython
from micropython import const

from .buffer import InMemory
from .errors import check_int
from .loop import wake_some
from .polling import entry, schedule
from .waiting import current_loop, due

_FAR = const(0x10000000)  # Milliseconds: the longest that `schedule` takes. A longer wait is made of two.


class Alarm:
    """Ends one wait of `Reader.recv` in time. The task parks with the alarm for its owner.

    It is in the loop only while the task waits: who wakes the task stops it.
    """

    def __init__(self, reader):
        buffer = reader.buffer
        line = buffer._line
        if "wake_first" not in line.__dict__:
            stop_when_woken(line)
            if isinstance(buffer, InMemory):
                buffer.wake_first = line.wake_first
        self.reader = reader  # By which a reader that is closed finds its tasks, too.
        self.limit = 0  # Milliseconds. None: the next wait is to set it anew.
        self.first = 0  # After so many of them the loop calls,
        self.rest = 0  # and again after these, if there are any.
        self.taken = False  # By a task, from when it parks until its `recv` ends.
        self.passed = False  # The time is up, and the task has not run since.
        self.loop = None  # Where the entry is.
        self.entry = entry(self)
        # The interpreter finds an attribute of the instance sooner than one of the class.
        self.park = self.park
        self.stop = self.stop
        self.end = self.end  # So that it is there without heap.
        reader.park_until = self.park_until

    @micropython.native
    def park_until(self, timeout_ms: int) -> "Alarm | None":
        """Park the running task for at most so long, and return this; or return None: it can read."""
        if self.taken:  # By another task, or by one that was cancelled as its value came.
            return Alarm(self.reader).park_until(timeout_ms)
        if timeout_ms is not self.limit:
            self.set_limit(timeout_ms)
        if not self.reader.park(self):
            return None
        self.taken = True
        self.loop = schedule(self.entry, self.first)
        return self

    @micropython.native
    def park(self) -> "Alarm | None":
        """The same for a task that was woken; its time runs on."""
        if self.passed:
            self.time_out()
        if self.reader.park(self):  # It was woken for nothing.
            if self.loop is None:
                self.loop = loop = current_loop()
                loop.push(self.entry, due(self.entry))
            return self
        if self.loop is not None:
            self.stop()
        self.taken = False
        return None

    def set_limit(self, timeout_ms):
        check_int("timeout_ms", timeout_ms)
        self.limit = timeout_ms
        self.first = first = min(timeout_ms, _FAR)
        self.rest = timeout_ms - first

    @micropython.native
    def stop(self):
        loop = self.loop
        if loop is not None:
            self.loop = None
            loop.remove(self.entry)  # By the loop that has it: another one would take in its neighbours.

    def send(self, _):
        """Called by the loop."""
        self.loop = None
        if self.rest and self.limit is not None:
            self.limit = None
            self.loop = schedule(self.entry, self.rest)
        else:
            wake_some(self.reader.buffer._line, self.end)

    def end(self, _, owner):
        if owner is self:
            self.passed = True
        return owner is self

    def time_out(self):
        self.taken = self.passed = False
        raise TimeoutError("record %r had no value within %d ms" % (self.reader.buffer.key, self.first + self.rest))

    def remove(self, task):
        """Called by `Task.cancel` on the task that waits."""
        self.stop()
        self.taken = False
        self.reader.remove(task)


def stop_when_woken(line):
    """From now on, a task that `line` wakes has its alarm stopped, if it waits with one."""
    wake_first = line.wake_first
    peek = line.tasks.peek
    kind = Alarm  # The interpreter finds a variable of a function sooner.
    type_of = type

    @micropython.native
    def wake(data):
        owner = peek().data
        if type_of(owner) is kind:
            owner.stop()
        wake_first(data)  # Last, with no jump behind it.

    line.wake_first = wake
