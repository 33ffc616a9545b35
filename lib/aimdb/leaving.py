"""What becomes of the tasks that wait with a reader that is closed. Loaded when the first one is.

IRQ safety: none.
"""

from .loop import wake_some
from .waiting import current


def leave(reader, given_up=None):
    """Detach `reader`: the tasks that wait with it go on, and get `BufferClosed`.

    A task that was woken before, and has yet to run, gives up what is kept for it when it runs: the next in line gets
    it. Then `given_up()` is called.
    """
    line = reader.buffer._line

    def park(_):
        # In place of the reader's `park`.
        if current().data is line:  # One is kept for it.
            line.park(reader)
            line.share()
            if given_up:
                given_up()
        return False

    def is_of(_, owner):
        if getattr(owner, "reader", None) is reader:  # An alarm.
            owner.stop()
            return True
        return owner is reader

    nothing = reader.nothing
    line.renew()  # Of a loop that was left nobody is woken.
    wake_some(line, is_of)
    # Nothing below needs heap.
    reader.closed = True
    reader.park = park
    reader.try_recv = nothing
