"""What opening a queue concludes from several segments, and how it counts what it cannot read."""

from aimdb import BufferFull
from aimdb_flash import BytesCodec, FlashQueue
from flash_devices import Flash
from flash_model import Files
from flash_support import Pieces, after_restart, drain, filled, opened, power_cut, settle
from harness import equal, only


@only("unix", reason="needs more memory than a board has")
async def test_commits_in_several_segments_count_when_no_segment_has_room_to_say_them_all():
    flash = Flash(16, 4096)
    queue = opened(flash, BytesCodec(), commit_ms=1000000)
    first, second = queue.subscribe(), queue.subscribe()

    async def produce(count):
        for _ in range(count):
            while True:
                try:
                    queue.try_push(b"")
                    break
                except BufferFull:
                    await queue.flush()
        await queue.flush()

    async def consume(count):
        for _ in range(count):
            second.try_recv()
            second.commit()
        await queue.flush()

    await produce(2300)
    first.try_recv()  # And it never commits.
    await consume(2299)  # Their bits take more than a segment begins with.
    await produce(800)
    await consume(100)
    reopened = opened(power_cut(flash), BytesCodec())
    equal((reopened.held(), len(drain(reopened.subscribe()))), (701, 701))


async def test_a_flush_after_opening_removes_no_segment_that_was_not_looked_at_yet():
    flash = Flash(6, 512)
    queue = await filled(flash, [b"value %02d" % i for i in range(40)], BytesCodec())
    queue = opened(power_cut(flash), BytesCodec())
    await queue.push_async(b"value 40")
    await settle()
    equal(drain(queue.subscribe()), [b"value %02d" % i for i in range(41)])


async def test_each_stretch_of_damage_is_counted_once():
    flash = Flash(6, 512)
    queue = await filled(flash, [b"value %02d" % i for i in range(12)], BytesCodec())
    for damaged in (2, 5, 8):
        at = bytes(flash.data).find(b"value %02d" % damaged)
        flash.data[at] = 0
    queue = opened(power_cut(flash), BytesCodec())
    equal(queue.damaged_count, 3)
    equal(len(drain(queue.subscribe())), 9)


async def test_values_that_are_missing_when_a_queue_opens_count_as_dropped():
    flash = Flash(6, 512)
    await filled(flash, [b"value %02d" % i for i in range(40)], BytesCodec())
    flash.data[:512] = bytes(512)  # The oldest segment,
    flash.data[bytes(flash.data).find(b"value 35")] = 0  # and a value of the newest.
    queue = opened(power_cut(flash), BytesCodec())
    found = drain(queue.subscribe())
    assert b"value 24" in found and b"value 36" in found
    equal(queue.dropped_count, 40 - len(found))


async def test_a_segment_that_cannot_be_opened_is_counted_once():
    for how in ("read", "length"):
        storage = Pieces()
        storage.segment_size = 8192
        queue = FlashQueue(storage, flush_ms=0)
        for _ in range(6):  # More than is read at once.
            await queue.push_async(bytes(1000))
        queue.release()
        works = getattr(storage, how)
        newest = max(storage.numbers())

        def fails(number, *arguments):
            if number == newest:
                raise OSError(5)
            return works(number, *arguments)

        setattr(storage, how, fails)
        equal((how, FlashQueue(storage).damaged_count), (how, 1))


async def test_a_damaged_header_is_counted_once_and_costs_no_value():
    for i in range(3):
        files = Files()
        queue = FlashQueue(files.storage(), BytesCodec(), flush_ms=0)
        for value in range(60):
            await queue.push_async(b"value %02d" % value)
        queue.release()
        with open("/flash/queue/%08x" % sorted(files.storage().numbers())[i], "r+b") as file:
            file.write(b"\0")
        queue = FlashQueue(files.storage(), BytesCodec(), flush_ms=0)
        equal((i, queue.damaged_count, len(drain(queue.subscribe()))), (i, 1, 60))


async def test_values_of_a_segment_that_is_gone_are_neither_held_nor_damaged():
    files = Files()
    queue = FlashQueue(files.storage(), BytesCodec(), flush_ms=0)
    for i in range(60):
        await queue.push_async(b"value %02d" % i)
    queue.release()
    storage = files.storage()
    storage.remove(min(storage.numbers()))
    queue = FlashQueue(storage, BytesCodec(), flush_ms=0)
    held = queue.held()
    left = drain(queue.subscribe())
    equal((left, held, queue.damaged_count), ([b"value %02d" % i for i in range(60 - len(left), 60)], len(left), 0))
    assert 0 < len(left) < 60


async def test_after_a_restart_places_on_a_raw_device_are_still_used_in_turn():
    flash = Flash(6, 512)
    places = []
    for start in range(8):
        queue = opened(power_cut(flash), BytesCodec())
        flash = queue._values.log.storage.device
        reader = queue.subscribe()
        used = queue._values.log.storage.places
        begun = max(used) if used else 0
        while max(used or (0,)) == begun:
            await queue.push_async(bytes(60))
            reader.try_recv()
            await reader.commit()
        places.append(used[max(used)])
    equal(places, [start % 6 for start in range(8)])


async def test_a_damaged_header_on_a_raw_device_is_counted_once_and_costs_no_value():
    for segment in range(3):
        for at in (0, 5, 9, 13):
            flash = Flash(6, 512)
            queue = await filled(flash, [b"value %02d" % i for i in range(60)], BytesCodec())
            flash.data[512 * segment + at] ^= 0x10
            queue = opened(power_cut(flash), BytesCodec())
            found = (segment, at, queue.damaged_count, queue.held(), len(drain(queue.subscribe())))
            equal(found, (segment, at, 1, 60, 60))
            await queue.push_async(b"more")
            equal(after_restart(flash, BytesCodec()), [b"value %02d" % i for i in range(60)] + [b"more"])


async def test_a_damaged_header_of_a_segment_without_values_costs_no_value_of_an_older_one():
    files = Files()
    queue = FlashQueue(files.storage(), BytesCodec(), flush_ms=0)
    for i in range(5):
        await queue.push_async(b"%d" % i)
    with open("/flash/queue/00000001", "ab") as file:  # So that the acknowledgement goes to a segment of its own.
        file.write(b"\xff")
    reader = queue.subscribe()
    reader.try_recv()
    await reader.commit()
    queue.release()
    with open("/flash/queue/00000002", "r+b") as file:
        file.write(b"\0")
    queue = FlashQueue(files.storage(), BytesCodec(), flush_ms=0)
    equal((queue.held(), queue.damaged_count), (4, 1))
    await queue.push_async(b"5")
    queue = FlashQueue(files.storage(), BytesCodec(), flush_ms=0)
    equal(drain(queue.subscribe()), [b"%d" % i for i in range(1, 6)])
