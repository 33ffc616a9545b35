"""The time limits of `Reader.recv`, which need no heap from the second on. Loaded when the first one is set.

IRQ safety: none.
"""

from asyncio import TimeoutError

import micropython

from .buffer import InMemory
from .errors import check_int
from .loop import Timed, resume, stop_when_woken, waits_for
from .waiting import current


class Alarm(Timed):
    """Ends one wait of `Reader.recv` in time. The task parks with the alarm for its owner.

    It is in the loop only while the task waits: who wakes the task stops it.
    """

    def __init__(self, reader):
        super().__init__()
        self.reader = reader  # By which a reader that is closed finds its tasks.
        self.milliseconds = 0
        self.task = None  # Whose wait it ends, from the first time that it parks until `recv` has a value.
        # The interpreter finds an attribute of the instance sooner than one of a base class.
        self.begin = self.begin
        self.stop = self.stop

    @micropython.native
    def start(self):
        """The running task has parked."""
        if self._loop is not None:
            self.stop()  # Ctrl-C has interrupted the wake-up, before this was stopped.
        if self.task is None:
            self.task = current()
            self.begin(self.milliseconds)
        else:
            self.go_on()  # It was woken for nothing.

    def due(self):
        """The time is up, and the task waits."""
        task = self.task
        if task is None or not waits_for(task, self):
            return  # Ctrl-C, as in `start`.
        self.task = None
        reader = self.reader
        try:
            error = TimeoutError("record %r had no value within %d ms" % (reader.buffer.key, self.milliseconds))
        except MemoryError as er:
            error = er
        reader.remove(task)
        resume(task, error)

    def remove(self, task):
        """Called by `Task.cancel` on the task that waits."""
        self.stop()
        self.task = None
        self.reader.remove(task)


def make(reader) -> Alarm:
    """A new alarm of the reader, and its last one from now on."""
    buffer = reader.buffer
    line = buffer._line
    if "wake_first" not in line.__dict__:
        stop_when_woken(line, Alarm)
        if isinstance(buffer, InMemory):
            buffer.wake_first = line.wake_first
    reader.alarm = Alarm(reader)
    return reader.alarm


@micropython.native
def alarm_of(reader, timeout_ms: int) -> Alarm:
    """An alarm for the running task: the reader's own, if no other task waits with that."""
    alarm = reader.alarm
    if alarm is None or alarm.task is not None:  # Another task's, or of one that was cancelled as its value came.
        alarm = make(reader)
    if alarm.milliseconds is not timeout_ms:
        check_int("timeout_ms", timeout_ms)
        alarm.milliseconds = timeout_ms
    return alarm
