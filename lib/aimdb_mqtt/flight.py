from asyncio import core  # type: ignore[attr-defined]
from time import ticks_ms

_done = StopIteration()


class Flight:
    """A PUBLISH of QoS 1 that the broker has not acknowledged yet. Await it: it returns, or raises why not.

    Only one task may await it. Cancel safety: cancelled, the message stays on its way, and its place in the window
    is taken until the broker has acknowledged it or the connection has ended.
    """

    def __init__(self, packet, resend: bool, landed):
        self.packet = packet
        self.resend = resend  # Sent again by the next connection; otherwise it fails with this one.
        self.sent_at = ticks_ms()
        self.done = False
        self.error = None
        self._landed = landed  # Called when it is done, or None.
        self._task = None  # The one that awaits it.

    def end(self, error=None) -> None:
        """Called by the broker when it was acknowledged, or has failed with `error`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self.done = True
        self.error = error
        task, self._task = self._task, None
        if task:
            core._task_queue.push(task)
        if self._landed:
            self._landed(self)

    def __iter__(self):
        return self

    def __next__(self):
        if not self.done:
            self._task = core.cur_task
            self._task.data = self  # Has the `remove` that Task.cancel calls.
            return
        if self.error:
            raise self.error
        _done.__traceback__ = None
        raise _done

    def remove(self, _):
        self._task = None
