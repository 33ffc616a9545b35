"""What a queue on flash is opened with: storages, codecs, and arguments that are refused."""

import asyncio
import gc
import os
import sys

import aimdb_flash.storage
from aimdb import AimDb
from aimdb_flash import (
    BlockStorage,
    BytesCodec,
    FileStorage,
    FlashQueue,
    JsonCodec,
    QueueInUse,
    Storage,
    StorageError,
    StructCodec,
    partition,
)
from flash_devices import Flash
from flash_folder import Folder, vfs
from flash_support import NEVER, Pieces, after_restart, drain, opened, power_cut, settle
from harness import equal, only, raises
from printing import printed
from stepping import outcome


async def test_a_storage_of_ones_own_keeps_values():
    storage = Pieces()
    storage.segment_size = 512
    queue = FlashQueue(storage, JsonCodec(), flush_ms=0)
    reader = queue.subscribe()
    for i in range(200):
        await queue.push_async(i)
        if i < 190:
            reader.try_recv()
            reader.commit()
    assert len(storage.pieces) < 4
    await queue.flush()
    queue.release()
    equal(drain(FlashQueue(storage, JsonCodec()).subscribe()), list(range(190, 200)))


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

    with raises(TypeError) as caught:
        FlashQueue(Unfinished())
    assert "Unfinished" in str(caught.error) and "remove" in str(caught.error), caught.error


def test_bad_arguments_are_refused():
    for options in ({"stage": 0}, {"flush_records": 0}, {"flush_bytes": 0}, {"flush_ms": -1}, {"commit_ms": -1}):
        with raises(ValueError):
            opened(Flash(), **options)
    for options in ({"write_size": 0}, {"blocks": 0}, {"blocks": 2}, {"write_size": 2**29 - 1}, {"write_size": 3}):
        with raises(ValueError):
            BlockStorage(Flash(), **options)
    for wrong in ("no", None, 2, 0.5):
        with raises(TypeError):
            opened(Flash(), drop_oldest=wrong)
        with raises(TypeError):
            BlockStorage(Flash(), rewritable=wrong)
    with raises(ValueError):
        BlockStorage(Flash(3))
    for path in ("", "/", "..", "a\0b", "/flash/..", "/./x/../."):
        with raises(ValueError):
            FlashQueue(path)
    with raises(TypeError):
        FlashQueue(BlockStorage(Flash())).try_push("text")
    opened(Flash()).release()


def test_a_size_that_is_too_small_is_told_with_the_smallest():
    for size in (0, 8192, 16383):
        with raises(ValueError) as caught:
            FlashQueue("/flash", max_size=size)
        equal(str(caught.error), "max_size is an int from 16384 to 536870911, not %d" % size)
    with raises(ValueError) as caught:
        FileStorage("/flash", max_size=5119, segment_size=1280)
    equal(str(caught.error), "max_size is an int from 5120 to 536870911, not 5119")


def test_values_come_back_through_the_codec():
    queue = opened(Flash(), StructCodec("<If"))
    queue.push((7, 0.5))
    equal(queue.subscribe().try_recv(), (7, 0.5))


def test_as_many_values_of_the_codecs_size_fit_as_the_capacity_says():
    queue = opened(Flash(4, 512), StructCodec("<I"), stage=1000, stage_bytes=10000)
    for i in range(200):
        queue.push(i)
    queue.release()
    stored = 200 - queue.dropped_count
    assert queue.capacity <= stored < 3 * queue.capacity, (queue.capacity, stored)
    equal(queue.metrics().occupancy[1], queue.capacity)


# taking over


def queue_on(flash, **options):
    return FlashQueue(BlockStorage(flash), JsonCodec(), **options)


async def test_a_path_opens_again_while_the_task_lives_that_opened_it_and_has_dropped_the_queue():
    flash = Flash(4, 512)
    for i in range(6):
        queue_on(flash, flush_ms=NEVER).push(i)
        gc.collect()
    queue_on(flash).release()
    equal(after_restart(flash), list(range(6)))


async def test_a_new_queue_has_all_that_the_one_before_has_accepted():
    flash = Flash(4, 512)
    old = queue_on(flash, flush_ms=NEVER)
    reader = old.subscribe()
    for i in range(4):
        old.push(i)
    reader.try_recv()
    reader.try_recv()
    reader.commit(1)
    equal(drain(queue_on(flash).subscribe()), [1, 2, 3])


async def test_whoever_uses_a_queue_whose_storage_was_taken_over_is_told():
    flash = Flash(4, 512)
    old = queue_on(flash)
    old.key = "outbox"
    reader = old.subscribe()
    new = queue_on(flash)
    for use in (lambda: old.try_push(1), reader.try_recv, reader.commit):
        with raises(QueueInUse) as caught:
            use()
        assert "record 'outbox' is closed: another queue has opened" in str(caught.error), caught.error
    for use in (old.push_async(1), reader.recv()):
        with raises(QueueInUse):
            await use
    old.push(1)
    equal((old.peek(), old.dropped_count, new.peek()), (None, 1, None))
    old.release()
    old.close()
    await new.push_async(2)
    equal(after_restart(flash), [2])


async def test_who_waits_at_a_queue_whose_storage_is_taken_over_is_told():
    flash = Flash(4, 512)
    old = queue_on(flash, flush_ms=0)
    waiting = [asyncio.create_task(old.push_async(i)) for i in range(100)]
    await settle()
    reader = old.subscribe()
    drain(reader)
    waiting.append(asyncio.create_task(reader.recv()))
    await settle()
    queue_on(flash)
    outcomes = []
    for task in waiting:
        outcomes.append(await outcome(task))
    equal([each for each in outcomes[-20:] if not isinstance(each, QueueInUse)], [])


async def test_a_queue_works_on_when_another_one_cannot_open_its_storage():
    flash = Flash(4, 512)
    storage = BlockStorage(flash)
    queue = FlashQueue(storage, JsonCodec(), flush_ms=0)
    reader = queue.subscribe()
    for i in range(100):  # Once round, so that places hold what was removed.
        await queue.push_async(i)
        reader.try_recv()
        await reader.commit()
    queue.try_push("staged")
    for another in (BlockStorage(flash), storage):
        works = another.read
        reads = []

        def read(*arguments):
            reads.append(arguments)
            if len(reads) > 5:  # The headers were read.
                raise MemoryError
            return works(*arguments)

        another.read = read
        with raises(MemoryError):
            FlashQueue(another)
        another.read = works
    equal(reader.try_recv(), "staged")
    for i in range(100):
        await queue.push_async(i)
        equal(reader.try_recv(), i)
        await reader.commit()
    await queue.push_async("last")
    equal(after_restart(flash), ["last"])


async def test_a_storage_is_taken_over_from_a_queue_whose_flash_fails():
    flash = Flash(4, 512)
    old = queue_on(flash, flush_ms=NEVER)
    old.push(1)
    flash.fails = lambda number: not old.closed
    new = queue_on(flash)
    await new.push_async(2)
    equal(after_restart(flash), [2])
    with raises(QueueInUse):
        old.try_push(3)


class Partition:
    """Stands for a piece of flash as an `esp32.Partition` does: another object each time, with the same place."""

    def __init__(self, flash):
        self.readblocks = flash.readblocks
        self.writeblocks = flash.writeblocks
        self.ioctl = flash.ioctl

    def __repr__(self):
        return "<Partition type=1, subtype=6, address=3145728, size=65536, label=queue, encrypted=0>"


class Esp32:
    """Stands for the port's module `esp32`, with one partition."""

    def __init__(self, partition, encrypted):
        self.Partition = self
        self.TYPE_DATA = 1
        self.found = partition
        partition.info = lambda: (1, 6, 3145728, 65536, "queue", encrypted)

    def find(self, kind, label):
        return [self.found] if (kind, label) == (1, "queue") else []


def partition_of(port, *label):
    sys.modules["esp32"] = port
    try:
        return partition(*label)
    finally:
        del sys.modules["esp32"]


def test_a_partition_is_none_where_there_is_none():
    equal(partition(), None)
    equal(partition_of(Esp32(Partition(Flash(4, 512)), False), "other"), None)


async def test_a_queue_in_a_partition_writes_byte_by_byte_and_in_an_encrypted_one_no_piece_twice():
    for encrypted in (False, True):
        flash = Flash(4, 512)
        storage = partition_of(Esp32(Partition(flash), encrypted))
        equal((storage.write_size, storage.alignment), (32, 32) if encrypted else (1, 1))
        queue = FlashQueue(storage, JsonCodec())
        await queue.push_async(1)
        await queue.push_async(2)
        queue.release()
        equal(drain(FlashQueue(storage, JsonCodec()).subscribe()), [1, 2])


def test_all_spellings_of_a_path_are_one_storage():
    here = os.getcwd().rstrip("/")
    for path in ("/x/q", "//x/./q/", "/x/y/../q", "/x/y/z/../../q", "/../x/q", "/x/q/..//q/."):
        equal((path, FileStorage(path).identity), (path, "/x/q"))
    for path in ("q", "./q", "x/../q", here + "/q"):
        equal((path, FileStorage(path).identity), (path, here + "/q"))


def write(memory, at, data):
    memory[at : at + len(data)] = data


@only("unix", reason="needs more memory than a board has")
async def test_paths_that_differ_in_capitals_are_one_storage_on_fat_and_two_on_littlefs():
    fat = Flash(100, 512)
    fat.writeblocks = lambda block, data: write(fat.data, block * 512, data)
    vfs.VfsFat.mkfs(fat)
    vfs.mount(vfs.VfsFat(fat), "/fat")
    Folder()
    try:
        for folder, are_one in (("/fat", True), ("/flash", False)):
            first = FlashQueue(folder + "/Queue", JsonCodec())
            second = FlashQueue(folder + "/queue", JsonCodec())  # Before any of the two has a folder.
            equal(first.closed, are_one)
            (second if are_one else first).push(1)
            third = FlashQueue(folder + "/QUEUE", JsonCodec())
            equal((second.closed, third.peek()), (are_one, 1 if are_one else None))
    finally:
        vfs.umount("/fat")


async def test_two_objects_for_the_same_piece_of_flash_are_one_storage():
    flash = Flash(4, 512)
    old = queue_on(Partition(flash))
    old.push(1)
    new = queue_on(Partition(flash))
    equal(new.peek(), 1)
    with raises(QueueInUse):
        old.try_push(2)
    new.release()


def test_two_rp2_flash_objects_for_the_same_piece_of_flash_are_one_storage():
    try:
        from rp2 import Flash as Region
    except ImportError:
        return  # Not on this chip.
    start = Region().ioctl(4, 0) * 4096 - 4 * 4096  # The last of the filesystem, which has used none of it.
    old = FlashQueue(BlockStorage(Region(start=start, len=4 * 4096)))
    old.push(b"1")
    new = FlashQueue(BlockStorage(Region(start=start, len=4 * 4096)))
    equal(new.peek(), b"1")
    with raises(QueueInUse):
        old.try_push(b"2")
    other = FlashQueue(BlockStorage(Region(start=start - 4 * 4096, len=4 * 4096)))
    equal(other.peek(), None)
    new.try_push(b"3")


def test_what_is_no_codec_is_refused_when_the_queue_is_opened():
    class OnlyEncodes:
        def encode(self, value):
            return b""

    for codec in (JsonCodec, StructCodec, BytesCodec, "json", OnlyEncodes(), 5):
        with raises(TypeError) as caught:
            opened(Flash(), codec)
        assert "JsonCodec()" in str(caught.error), caught.error


def test_a_class_where_a_storage_or_device_is_needed_is_refused():
    for storage in (FileStorage, BlockStorage, Flash):
        with raises(TypeError) as caught:
            FlashQueue(storage)
        assert "storage is a path or a Storage" in str(caught.error), caught.error
    for device in (Flash, "/flash", None):
        with raises(TypeError) as caught:
            BlockStorage(device)
        assert "rp2.Flash" in str(caught.error), caught.error


def test_a_block_device_in_place_of_a_storage_is_told_where_it_goes():
    with raises(TypeError) as caught:
        FlashQueue(Flash())
    assert "BlockStorage(device)" in str(caught.error), caught.error


def test_a_folder_that_cannot_be_made_is_told_when_the_queue_is_opened():
    with raises(StorageError) as caught:
        FlashQueue("/no/such/folder")
    assert "'/no/such/folder'" in str(caught.error) and "no folder /no/such" in str(caught.error), caught.error
    assert "None" not in str(caught.error), caught.error


def test_a_file_where_the_folder_would_be_is_told_when_the_queue_is_opened():
    with open("in_the_way", "w"):
        pass
    try:
        for path in ("in_the_way", "in_the_way/queue"):
            with raises(StorageError) as caught:
                FlashQueue(path)
            assert "in_the_way is a file, and no folder" in str(caught.error), caught.error
    finally:
        os.remove("in_the_way")


def test_a_folder_that_may_be_made_is_no_mistake():
    FlashQueue("may_be_made").release()


def test_a_value_that_the_codec_does_not_take_is_named_where_produce_drops_it():
    queue = opened(Flash())
    AimDb().configure("readings", queue)
    said = printed(lambda: [queue.push({1, 2}) for _ in range(5)])
    equal(len(said.splitlines()), 3)  # The 1st, the 2nd and the 4th time.
    assert "'readings' drops a value" in said and "4 so far" in said, said
    equal((queue.unencodable_count, queue.metrics().dropped_count), (5, 5))
    equal(printed(lambda: queue.push(1)), "")


def test_a_format_that_is_none_is_told():
    for format in ("<Z", "", 4, None):
        with raises(ValueError if isinstance(format, str) else TypeError) as caught:
            StructCodec(format)
        assert repr(format) in str(caught.error), caught.error


@only("unix", reason="needs more memory than a board has")
def test_opening_reads_the_newest_segment_and_the_heads_of_the_others():
    flash = Flash(16, 4096)
    queue = opened(flash, BytesCodec())

    async def fill():
        for i in range(600):
            queue.push(b"%032d" % i)
            if i % 16 == 15:
                await queue.flush()
        await queue.flush()

    asyncio.run(fill())
    flash = power_cut(flash)
    read = [0]
    works = flash.readblocks

    def readblocks(block, buffer, offset=0):
        read[0] += len(buffer)
        works(block, buffer, offset)

    flash.readblocks = readblocks
    queue = opened(flash, BytesCodec())
    equal(queue.held(), 600)
    assert read[0] < 16 * 1024 + 2 * 4096, read
    equal(drain(queue.subscribe()), [b"%032d" % i for i in range(600)])


def test_a_program_that_is_restarted_from_inside_opens_its_queue_again():
    flash = Flash()
    aimdb_flash.storage.claimed.clear()

    async def main(i):
        queue = FlashQueue(BlockStorage(flash), JsonCodec())
        queue.push(i)
        raise OSError

    for i in range(6):
        with raises(OSError):
            asyncio.run(main(i))
        if i % 2:
            asyncio.new_event_loop()
    equal(drain(FlashQueue(BlockStorage(flash), JsonCodec()).subscribe()), list(range(6)))


def test_opening_that_is_interrupted_leaves_the_path_free():
    flash = Flash()
    asyncio.run(opened(flash).push_async(1))
    aimdb_flash.storage.claimed.clear()
    works = flash.readblocks
    for count in range(1, 8):
        left = [count]

        def readblocks(*arguments):
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt
            return works(*arguments)

        flash.readblocks = readblocks
        with raises(KeyboardInterrupt):
            FlashQueue(BlockStorage(flash), JsonCodec())
        equal(aimdb_flash.storage.claimed, {})


def test_what_only_opening_needs_is_not_kept():
    storage = Pieces()
    FlashQueue(storage)
    equal(storage.tools, None)
    used_once = "names opening folder recovery"
    equal([name for name in used_once.split() if "aimdb_flash." + name in sys.modules], [])


def test_a_value_of_which_no_bytes_were_made_is_refused_with_who_should_have_made_them():
    class Csv:
        def encode(self, value):
            return "1,2"

        def decode(self, data):
            return data

    for codec, words in (
        (BytesCodec(), "record 'readings' stores bytes, not 5; a codec makes them: JsonCodec()"),
        (Csv(), "record 'readings': the encode of its codec, Csv, gave no bytes: '1,2'"),
    ):
        queue = opened(Flash(), codec)
        AimDb().configure("readings", queue)
        with raises(TypeError) as caught:
            queue.try_push(5)
        equal(str(caught.error), words)
