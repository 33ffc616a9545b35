"""What a queue on flash is opened with: storages, codecs, and arguments that are refused."""

from aimdb_flash import (
    BlockStorage,
    FlashQueue,
    JsonCodec,
    Storage,
    StructCodec,
)
from flash_devices import Flash
from flash_support import Pieces, drain, opened
from harness import equal, raises


async def test_a_storage_of_ones_own_keeps_values():
    storage = Pieces()
    queue = FlashQueue(storage, JsonCodec(), flush_ms=0)
    reader = queue.subscribe()
    for i in range(2000):
        await queue.push_async(i)
        if i < 1990:
            reader.try_recv()
            reader.commit()
    assert len(storage.pieces) < 4
    await queue.flush()
    queue.release()
    equal(drain(FlashQueue(storage, JsonCodec()).subscribe()), list(range(1990, 2000)))


def test_a_storage_of_ones_own_that_lacks_a_method_is_told_which_when_its_queue_is_opened():
    class Unfinished(Storage):
        def numbers(self):
            return []

        def create(self, number, data):
            pass

        def append(self, number, offset, data):
            pass

        def read(self, number, offset, size):
            return b""

    with raises(AttributeError) as caught:
        FlashQueue(Unfinished())
    assert "Unfinished" in str(caught.error) and "remove" in str(caught.error), caught.error


def test_bad_arguments_are_refused():
    for options in ({"stage": 0}, {"flush_records": 0}, {"flush_bytes": 0}, {"flush_ms": -1}, {"commit_ms": -1}):
        with raises(ValueError):
            opened(Flash(), **options)
    with raises(ValueError):
        BlockStorage(Flash(3))
    with raises(ValueError):
        FlashQueue("/flash", max_size=8192)
    with raises(TypeError):
        FlashQueue(BlockStorage(Flash())).try_push("text")
    opened(Flash()).release()


def test_values_come_back_through_the_codec():
    queue = opened(Flash(), StructCodec("<If"))
    queue.push((7, 0.5))
    equal(queue.subscribe().try_recv(), (7, 0.5))
