import aimdb_flash.storage
import harness
from aimdb_conformance import Way, conformance
from aimdb_flash import BlockStorage, FlashQueue
from aimdb_flash.ending import settle
from flash_devices import Flash

TIME_LIMIT = 300  # 20,000 calls, on a computer that does something else as well.


class AnyValue:
    """Brings back every value of the suite as it was."""

    size = 18

    def encode(self, value):
        return repr(value).encode()

    def decode(self, data):
        return eval(data)


def make(flush_ms=20, **options):
    aimdb_flash.storage.claimed.clear()  # Of the tests before.
    # `capacity` is 14 with this storage and codec: as the suite wants it, a queue that holds so many is full until
    # there was time for a flush.
    return FlashQueue(BlockStorage(Flash(4, 512)), AnyValue(), stage=14, flush_ms=flush_ms, **options)


class OnFlash(Way):
    calls = 2000

    def make(self, **options):
        self.queue = make(**options)
        return self.queue

    def hold(self):
        self.queue.flush_ms = 1000000

    async def arrive(self):
        settle(self.queue)

    def forget(self, buffer):
        # Else it stays until what it has staged is on flash; the test makes thousands without a pause.
        buffer.release()


way = OnFlash()
traits = {"competing": True, "refuses": True, "keeps_for_late": True, "allocates": True, "way": way}
tests = conformance(way.make, **traits)
# What does not hold, and is tested in tests/test_flash_room.py as it does: it is the flush that makes room for a
# producer, not only a reader.
del tests["test_a_newcomer_does_not_overtake_a_waiting_producer"]
del tests["test_closing_hands_waiting_producers_their_value_back"]
# It never lets a flush come in between.
del tests["test_recv_and_ready_with_a_value_leave_the_heap_where_it_was"]
# Those that read thousands of values and commit none need a queue that drops them.
dropping = conformance(lambda: way.make(flush_ms=0, drop_oldest=True), **traits)
tests.update({name: test for name, test in dropping.items() if name in tests and "_the_heap_where_it_was" in name})
if harness.target != "unix":
    # With an emulated flash a hundred calls take a minute; the unix port makes 20,000 of them.
    tests = {name: test for name, test in tests.items() if "_the_heap_where_it_was" not in name}
globals().update(tests)
