"""Producers that wait for space in a `BoundedQueue`, and readers that leave it. Loaded when the first one does.

IRQ safety: none.
"""

from micropython import const

from . import kept
from .leaving import leave as leave_line
from .loop import wake_some
from .waiting import current

# In the counts of a queue:
_KEPT = const(6)  # How many values are kept for readers that were woken.
_ROOM_ASKED = const(10)  # How many producers wait.
_WATCHED = const(13)  # 1: a `Complaint` looks after the producers that wait in this loop.


def look_after(queue, value):
    """The running task has parked, and is about to wait until there is space for `value`.

    Raises `SelfDeadlock` when that is in vain. Else it is named on stderr when it waits for long.
    """
    task = current()
    room = queue._room
    line = queue._line
    if line.taken_by is task and _is_hopeless(queue):
        room.forget(task)
        raise kept("mistakes").SelfDeadlock(value, queue)
    try:
        if line.taken_by is task and "remove" not in line.__dict__:
            _look_at_cancels(queue, line)
        if not queue._counts[_WATCHED]:
            kept("full_queue").RoomComplaint(queue)
    except MemoryError:
        pass  # The next one to wait tries again.


def _look_at_cancels(queue, line):
    # A value is kept for another task, which may be cancelled before it reads.
    remove_kept = line.remove

    def remove(task):
        remove_kept(task)
        try:
            _look_again(queue)
        except MemoryError:  # It must not end the cancelling.
            pass

    line.remove = remove


def _look_again(queue):
    # Wake the producer that waits in vain from now on, so that it is told.
    if queue._counts[_ROOM_ASKED] and _is_hopeless(queue):
        reads = queue._line.taken_by
        wake_some(queue._room, lambda task, _: task is reads)


def _is_hopeless(queue):
    # Whether nobody else can make room for the task that alone has read.
    return queue._readers < 2 and not queue._counts[_KEPT]


def leave(reader):
    """What closing a reader of a queue does."""
    queue = reader.buffer
    leave_line(reader, lambda: _look_again(queue))
    queue._readers -= 1
    _look_again(queue)
