"""What becomes of the tasks that wait with a reader that is closed. Loaded when the first one is.

Like waiting.py, which explains them, it names private parts of asyncio. IRQ safety: none.
"""

from asyncio import core  # type: ignore[attr-defined]

from micropython import const

_ASKED = const(1)  # See waiting.py.


def leave(reader, given_up=None):
    """Detach `reader`: the tasks that wait with it go on, and get `BufferClosed`.

    What is kept for a task that was woken before is for the next once that task runs; then `given_up()` is called.
    """
    line = reader.buffer._line

    def park(_):
        # In place of the reader's `park`.
        if core.cur_task.data is line:
            line.park(reader)
            line.share()
            if given_up:
                given_up()
        return False

    nothing = reader.nothing
    wake_some(line, lambda _, owner: owner is reader or getattr(owner, "reader", None) is reader)
    # Nothing below needs heap.
    reader.closed = True
    reader.park = park
    reader.try_recv = nothing


def wake_some(line, chosen):
    """Wake the tasks for which `chosen(task, owner)` is true; the others keep their places.

    When it raises, it has changed nothing.
    """
    tasks = line.tasks
    others = core.TaskQueue()  # Nothing below needs heap.
    while tasks.peek():
        task = tasks.pop()
        owner = task.data
        if chosen(task, owner):
            line.loop.push(task)
        else:
            others.push(task, 0)
            task.data = owner
    line.tasks = others
    line._counts[_ASKED] = bool(others.peek())
