from asyncio import core  # type: ignore[attr-defined]

from micropython import const

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from typing import Any


class Line(tuple):
    """Where `tasks` wait for something of which each gets one: first come, first served.

    A task that is granted one has this line as its `data` until it runs. An empty tuple is false, so that the
    scheduler runs that task as if there were nothing; and `Task.cancel` finds `remove` there, so that what is kept
    for a task that is cancelled goes to another: the buffer that owns the line sees to that, in `returned(line)`.

    IRQ safety: none; only for the asyncio thread.
    """

    def __init__(self, owner: "Any", tasks: "Any") -> None:
        super().__init__()
        self.tasks = tasks  # A TaskQueue.
        self._owner = owner

    def grant(self) -> bool:
        """Wake the first in line, with one kept for it. False: nobody waits.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        tasks = self.tasks
        if not tasks.peek():
            return False
        task = tasks.pop()
        core._task_queue.push(task)
        task.data = self
        return True

    def remove(self, task) -> None:
        """Called by `Task.cancel` on a task that was granted one and has not run yet.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        core._task_queue.remove(task)
        self._owner.returned(self)
