"""Says on stderr that producers wait for space in a `BoundedQueue`, and nobody reads. Loaded when a producer waits.

IRQ safety: none.
"""

from micropython import const

from .complaint import Complaint, complain

# In the counts of a queue:
_CONSUMED = const(1)
_FREE = const(4)  # How many values are free.
_KEPT = const(6)  # How many values are kept for readers that were woken.
_ROOM_ASKED = const(10)  # How many producers wait.
_WATCHED = const(13)  # 1: such a complaint is in the loop.


class RoomComplaint(Complaint):
    """Complains while producers wait for space in a `BoundedQueue` and nobody reads. It sees by itself when that ends.

    It does not refer to the queue, which would stay with its values until then.
    """

    def __init__(self, queue):
        super().__init__(self._tell)
        self._key = queue.key
        self._counts = counts = queue._counts
        self._consumed = counts[_CONSUMED]
        self.begin()
        counts[_WATCHED] = 1

    def _due(self):
        if self._counts[_ROOM_ASKED]:
            super()._due()
        else:
            self._counts[_WATCHED] = 0

    def _tell(self, milliseconds):
        counts = self._counts
        consumed = counts[_CONSUMED]
        if consumed != self._consumed:
            self._consumed = consumed
            return False
        held = counts[_FREE] + counts[_KEPT]
        complain(self._key, "is full (%d values), and nobody reads it; a producer waits" % held, milliseconds)
