"""What a task waits for, and other ways to end its wait than its turn in a line. Loaded by what needs that.

IRQ safety: none; only for the asyncio thread.
"""

from asyncio import CancelledError, Task

from micropython import const

# On a board these are in this module, and compiled packages look for them here.
from .polling import entry, find_heap, readable, schedule, writable  # noqa: F401
from .waiting import current_loop

_ASKED = const(1)  # In the counts of a line.


def resume(task):
    """Have a task run on after one turn of the others: the running one, which must `yield` next, or a lost one."""
    data = task.data
    current_loop().push(task)  # It sets the data to None.
    task.data = data


def wake_some(line, chosen):
    """Wake the tasks in the line for which `chosen(task, owner)` is true; the others keep their places.

    Needs no heap.
    """
    tasks = line.tasks
    task = tasks.peek()
    first = None  # Of the others, which go round once. Ctrl-C loses none of them.
    while task is not first:
        owner = task.data
        if chosen(task, owner):
            line.loop.push(tasks.pop())
            line._counts[_ASKED] -= 1
        else:
            tasks.push(tasks.pop(), 0)
            task.data = owner
            if first is None:
                first = task
        task = tasks.peek()


def time_out(task, error) -> bool:
    """Throw `error` (a class) into a task where it waits. False: it has been cancelled already and has yet to run."""
    while isinstance(task.data, Task):
        task = task.data  # The innermost task is the one at a wait point, as for Task.cancel.
    if task.data is CancelledError or task.data is error:
        return False
    task.cancel()
    task.data = error
    return True
