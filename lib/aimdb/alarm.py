"""The time limits of `Reader.recv`, which need no heap from the second on. Loaded when the first one is set.

IRQ safety: none.
"""

from asyncio import TimeoutError

import micropython
from micropython import const

from .errors import check_int
from .loop import entry, raise_in, schedule, unschedule, waits_for
from .waiting import current

_FAR = const(0x10000000)  # Milliseconds: `schedule` goes no further. Twice as much is the longest time.


class Alarm:
    """Ends one wait of `Reader.recv` in time. The task parks with the alarm for its owner."""

    def __init__(self, reader):
        self.reader = reader  # By which a reader that is closed finds its tasks.
        self.milliseconds = 0
        self.task = None  # Whose wait it ends.
        self._entry = entry(self)
        self._loop = None  # Where the entry is.
        self._rest = 0  # Milliseconds that are left then.
        self._is_late = False  # The time was up when the task had been woken already.

    def is_free(self) -> bool:
        """Whether the task that has it waits no more; then it is as new."""
        if self.task is not current() and not self.task.done():
            return False
        self.stop()  # It runs still if the task was cancelled when a value was kept for it.
        return True

    @micropython.native
    def start(self):
        """The running task has parked."""
        if self._loop is None:
            self.task = current()
            milliseconds = self.milliseconds
            if self._is_late:
                self._is_late = False
                milliseconds = 0
            self._rest = milliseconds - _FAR
            self._loop = schedule(self._entry, milliseconds)

    @micropython.native
    def stop(self):
        """The wait has ended."""
        self.task = None
        loop = self._loop
        if loop is not None:
            self._loop = None
            self._entry = unschedule(self._entry, loop)
        elif self._is_late:
            self._is_late = False

    def send(self, _):
        """Called by the loop."""
        self._loop = None
        if self._rest > 0:
            self._loop = schedule(self._entry, self._rest)
            self._rest = 0
            return
        if not waits_for(self.task, self):
            self._is_late = True
            return
        reader = self.reader
        try:
            error = TimeoutError("record %r had no value within %d ms" % (reader.buffer.key, self.milliseconds))
        except MemoryError as er:
            error = er
        reader.remove(self.task)
        raise_in(self.task, error)
        self.task = None

    def remove(self, task):
        """Called by `Task.cancel` on the task that waits."""
        self.stop()
        self.reader.remove(task)


@micropython.native
def alarm_of(reader, timeout_ms: int) -> Alarm:
    """An alarm for the running task: the reader's own, if no other task waits with that."""
    alarm = reader.alarm
    if alarm is None or alarm.task is not None and not alarm.is_free():
        alarm = reader.alarm = Alarm(reader)
    if alarm.milliseconds is not timeout_ms:
        check_int("timeout_ms", timeout_ms)
        alarm.milliseconds = timeout_ms
    return alarm
