"""What cannot be decoded or read is passed over, and what is not the queue's is left alone."""

import asyncio
import gc
import os

from aimdb import AimDb, BoundedQueue, BufferClosed, BufferEmpty
from aimdb.timing import timed
from aimdb_flash import (
    BytesCodec,
    CodecError,
    FlashQueue,
    JsonCodec,
    StorageError,
)
from flash_devices import Flash
from flash_model import Files
from flash_support import after_restart, drain, filled, opened, power_cut, settle
from harness import equal, raises
from printing import printing
from stepping import outcome

NOTHING = (None, 0, b"")  # What the log has read last.


async def test_behind_damage_a_record_is_found_wherever_it_begins():
    for size in (243, 244, 245, 500):  # With its record, 256 bytes are looked at together.
        flash = Flash(4, 1536)
        queue = await filled(flash, [b"%d" % i + b"." * (size - 1) for i in range(4)], BytesCodec())
        flash.data[bytes(flash.data).find(b"1....")] = 0
        queue = opened(power_cut(flash), BytesCodec())
        equal([value[:1] for value in drain(queue.subscribe())], [b"0", b"2", b"3"])


async def test_a_value_that_cannot_be_decoded_is_counted_acknowledged_and_passed_over():
    flash = Flash()
    queue = opened(flash, BytesCodec())
    for value in (b"{", b"1", b"\xff", b"2"):
        await queue.push_async(value)
    flash = power_cut(flash)
    told = []
    queue = opened(flash, JsonCodec(), undecodable=told.append)
    equal(queue.peek(), 1)
    reader = queue.subscribe()
    equal(drain(reader), [1, 2])
    equal([(type(error), error.value) for error in told], [(CodecError, b"{"), (CodecError, b"\xff")])
    equal((queue.undecodable_count, queue.dropped_count, queue.held()), (2, 2, 2))
    await queue.flush()
    equal(after_restart(flash, BytesCodec()), [b"1", b"2"])


async def test_of_values_that_a_codec_reads_from_its_own_queue_none_comes_twice_and_none_is_left():
    class Reading(BytesCodec):
        reads = True

        def decode(self, data):
            if self.reads:
                self.reads = False
                seen.append(other.try_recv())
            return data

    seen = []
    values = [b"%d" % i for i in range(4)]
    queue = await filled(Flash(), values, Reading())
    reader, other = queue.subscribe(), queue.subscribe()
    equal((drain(reader), seen), (values[1:], values[:1]))


async def test_a_reader_that_is_closed_when_a_value_cannot_be_decoded_reads_no_more():
    flash = Flash()
    queue = opened(flash, BytesCodec())
    for value in (b"1", b"{", b"2"):
        queue.push(value)
    queue.release()
    queue = opened(power_cut(flash), JsonCodec(), undecodable=lambda error: reader.close())
    reader, other = queue.subscribe(), queue.subscribe()
    equal(reader.try_recv(), 1)
    with raises(BufferClosed):
        reader.try_recv()
    equal(drain(other), [1, 2])


async def test_the_line_about_a_value_that_cannot_be_decoded_begins_as_all_of_aimdb_do():
    flash = Flash()
    await filled(flash, [b"{"], BytesCodec())
    with printing() as said:
        equal(drain(opened(flash, JsonCodec()).subscribe()), [])
    assert said.text.startswith("aimdb: "), said.text


async def test_values_that_cannot_be_decoded_are_named_the_first_second_fourth_time():
    import aimdb_flash.mistakes as module

    flash = Flash()
    await filled(flash, [b"{%d" % i for i in range(9)], BytesCodec())
    said = []
    module.print = lambda text, file: said.append(text)
    try:
        equal(after_restart(flash), [])
    finally:
        del module.print
    equal([text.split("b'")[1][:2] for text in said], ["{0", "{1", "{3", "{7"])


async def test_a_reader_that_was_woken_for_a_value_that_is_damaged_waits_for_the_next_one():
    flash = Flash()
    queue = opened(flash, BytesCodec())
    waiting = asyncio.create_task(queue.subscribe().recv())
    other = queue.subscribe()
    await settle()
    found = []

    async def produce(value, last):
        await queue.push_async(value)
        if last:
            for i in range(len(flash.data)):
                flash.data[i] &= 0x0F
            queue._flusher.log.chunk = NOTHING
            found.extend(drain(other))

    await asyncio.gather(produce(b"first", False), produce(b"second", True))
    await settle()
    equal((found, waiting.done(), queue.held(), queue.dropped_count), ([], False, 0, 2))
    queue.push(b"third")
    equal(await timed(waiting, 1000), b"third")


async def test_a_reader_keeps_its_value_while_it_lets_other_tasks_run_after_many_that_cannot_be_decoded():
    queue = opened(Flash(), JsonCodec(), stage=1000, undecodable=lambda error: None)
    queue.codec.encode = str.encode
    waiting = asyncio.create_task(queue.subscribe().recv())
    other = queue.subscribe()
    await settle()
    for _ in range(39):
        queue.push("{")
    queue.push("1")
    with raises(BufferEmpty):
        other.try_recv()
    equal(await timed(waiting, 1000), 1)


async def test_many_values_that_cannot_be_decoded_let_other_tasks_run_in_between():
    async def by_recv(reader):
        return await reader.recv(timeout_ms=1000)

    async def by_ready(reader):
        while True:
            await reader.ready()
            try:
                return reader.try_recv()
            except BufferEmpty:
                pass

    async def count():
        while True:
            turns[0] += 1
            await asyncio.sleep_ms(0)

    for read in (by_recv, by_ready):
        turns = [0]
        queue = opened(Flash(), JsonCodec(), stage=1000, undecodable=lambda error: None)
        queue.codec.encode = str.encode
        for _ in range(200):
            queue.push("{")
        queue.push("1")
        queue.close()
        counting = asyncio.create_task(count())
        equal(await read(queue.subscribe()), 1)
        counting.cancel()
        assert turns[0] > 5, turns


async def test_a_computed_record_gets_past_many_values_that_cannot_be_decoded():
    async def hand_on(inputs, producer):
        async for _, value in inputs:
            producer.produce(value)

    for configure in (
        lambda record: record.transform("stored", lambda value: value),
        lambda record: record.transform_join(("stored",), hand_on),
    ):
        queue = opened(Flash(), JsonCodec(), stage=1000, undecodable=lambda error: None)
        queue.codec.encode = str.encode
        for _ in range(40):
            queue.push("{")
        queue.push("1")
        last = BoundedQueue(4)
        db = AimDb()
        db.configure("stored", queue)
        configure(db.configure("computed", last))
        run = asyncio.create_task(db.run())
        equal(await last.subscribe().recv(timeout_ms=5000), 1)
        run.cancel()
        equal(type(await outcome(run)), asyncio.CancelledError)


async def test_after_many_values_that_cannot_be_decoded_no_time_limit_is_left_in_the_loop():
    async def read():
        queue = opened(Flash(), JsonCodec(), stage=1000, undecodable=lambda error: None)
        queue.codec.encode = str.encode
        for _ in range(40):
            queue.push("{")
        queue.push("1")
        equal(await queue.subscribe().recv(timeout_ms=60000), 1)
        queue.release()

    await read()
    gc.collect()
    before = gc.mem_alloc()
    for _ in range(10):
        await read()
    gc.collect()
    left = gc.mem_alloc() - before
    assert left < 10000, left


async def test_who_only_polls_gets_past_many_values_that_cannot_be_decoded_and_to_the_end():
    queue = opened(Flash(), BytesCodec(), stage=1000, undecodable=lambda error: None)
    for i in range(100):
        queue.push(b"{")
    queue.codec = JsonCodec()
    queue.close()
    reader = queue.subscribe()
    for _ in range(100 // 32):
        with raises(BufferEmpty):
            reader.try_recv()
    for _ in range(2):
        with raises(BufferClosed):
            reader.try_recv()
    equal((queue.undecodable_count, queue.held()), (100, 0))


async def test_a_staged_value_that_cannot_be_decoded_is_passed_over_too():
    class Strange(BytesCodec):
        def decode(self, data):
            if data == b"no":
                raise KeyError
            return data

    queue = opened(Flash(), Strange(), undecodable=lambda error: None)
    for value in (b"no", b"a", b"no", b"b"):
        queue.push(value)
    equal(drain(queue.subscribe()), [b"a", b"b"])
    equal(queue.held(), 2)


async def test_an_error_of_the_flash_that_passes_costs_no_value():
    flash = Flash()
    queue = await filled(flash, range(2))
    reader = queue.subscribe()
    works = flash.readblocks
    failures = [1, 1]
    flash.readblocks = lambda *arguments: -5 if failures and failures.pop() else works(*arguments)
    equal(drain(reader), [0, 1])


async def test_a_segment_that_cannot_be_read_is_passed_over_and_the_queue_opens_and_goes_on():
    flash = Flash(6, 512)
    queue = await filled(flash, ["%02d" % i for i in range(40)])
    whole = after_restart(flash)
    flash = power_cut(flash)
    flash.unreadable = (1,)
    queue = opened(flash)
    left = drain(queue.subscribe())
    assert 0 < len(left) < len(whole) and queue.damaged_count
    equal(queue.held(), len(left))
    # Its place is used again; as what was written there cannot be read back, another one is taken.
    assert isinstance(await outcome(asyncio.create_task(queue.push_async("more"))), StorageError)
    await queue.push_async("more")
    equal(drain(queue.subscribe()), ["more"])


async def test_segments_whose_headers_cannot_be_read_a_second_time_leave_their_places_free():
    for blocks in (3, 8):
        flash = Flash(8, 512)
        queue = await filled(flash, ["%02d" % i for i in range(150)])
        flash = power_cut(flash)
        works = flash.readblocks
        seen = []

        def readblocks(block, *arguments):
            if block in seen:
                return -5
            if block < blocks:
                seen.append(block)
            works(block, *arguments)

        flash.readblocks = readblocks
        queue = opened(flash, drop_oldest=True)
        flash.readblocks = works
        for new in (5, 200):  # The others are there still, or their places are used again.
            for i in range(new):
                await queue.push_async(i)
            equal(after_restart(flash)[-5:], list(range(new))[-5:])


async def test_a_segment_with_a_damaged_header_and_a_page_that_cannot_be_read_leaves_its_place_free():
    flash = Flash()
    queue = await filled(flash, [bytes(100)] * 20, BytesCodec())
    flash.data[0] = 0
    flash = power_cut(flash)
    works = flash.readblocks
    flash.readblocks = lambda block, data, at=0: -5 if block == 0 and at + len(data) > 256 else works(block, data, at)
    queue = opened(flash, BytesCodec())
    equal(len(drain(queue.subscribe())), queue.held())
    assert 0 < queue.held() < 20


async def test_newest_segments_that_could_not_be_read_once_hide_no_value_that_was_accepted_meanwhile():
    flash = Flash(8, 512)
    queue = await filled(flash, [bytes(100)] * 16, BytesCodec())
    places = queue._values.log.storage.places
    flash = power_cut(flash)
    flash.unreadable = [places[number] for number in sorted(places)[-2:]]
    queue = opened(flash, BytesCodec())
    flash.unreadable = ()
    held = queue.held()
    for i in range(10):
        await queue.push_async(b"%d" % i)
    equal(after_restart(flash, BytesCodec())[held:], [b"%d" % i for i in range(10)])


async def test_a_segment_that_cannot_be_read_any_more_is_passed_over_while_the_queue_is_open():
    flash = Flash(6, 512)
    queue = await filled(flash, ["%02d" % i for i in range(40)], drop_oldest=True)
    flash.unreadable = (0,)
    left = drain(queue.subscribe())
    assert 0 < len(left) < 40
    equal((queue.damaged_count, queue.dropped_count), (1, 40 - len(left)))
    await queue.push_async("more")


async def test_of_values_that_were_given_back_only_the_damaged_one_is_lost():
    flash = Flash(6, 512)
    queue = await filled(flash, ["value %d" % i for i in range(6)])
    reader = queue.subscribe()
    for _ in range(4):
        reader.try_recv()
    flash.data[bytes(flash.data).find(b"value 1")] = 0
    reader.close()
    queue._values.log.chunk = NOTHING  # As when other bytes were read since.
    equal(drain(queue.subscribe()), ["value %d" % i for i in (0, 2, 3, 4, 5)])
    equal((queue.dropped_count, queue.damaged_count, queue.held()), (1, 1, 5))


# files beside those of the queue


def files_of(folder="/flash/queue"):
    return sorted(os.listdir(folder))


async def test_files_of_others_in_the_folder_are_left_alone():
    files = Files()
    os.mkdir("/flash/queue")
    os.mkdir("/flash/queue/cafe")
    os.mkdir("/flash/queue/00000002")
    foreign = {
        "00000001": b"a letter",
        "00000003": b"\xa5" * 600,
        "deadbeef": b"x" * 30,
        "cafe.txt": b"y",
        "beef": b"z",
    }
    for name, content in foreign.items():
        with open("/flash/queue/" + name, "wb") as file:
            file.write(content)
    for i in range(5):
        queue = FlashQueue(files.storage(), BytesCodec())
        for _ in range(8):
            await queue.push_async(b"%d" % i + bytes(100))
        equal(queue.damaged_count, 0)
        reader = queue.subscribe()
        equal(len(drain(reader)), 8)
        await reader.commit()
        await asyncio.sleep_ms(20)
        files.lose_power()
    for name, content in foreign.items():
        with open("/flash/queue/" + name, "rb") as file:
            equal(file.read(), content)


async def test_a_file_with_a_name_that_is_no_utf_8_is_left_alone_too():
    files = Files()
    queue = FlashQueue(files.storage(), flush_ms=0)
    await queue.push_async(b"1")
    queue.release()
    open(b"/flash/queue/M\xfcll", "w").close()  # As from a computer with another alphabet.
    equal(drain(FlashQueue(files.storage()).subscribe()), [b"1"])


async def test_an_empty_file_in_the_folder_is_left_alone_too():
    files = Files()
    os.mkdir("/flash/queue")
    open("/flash/queue/00000001", "wb").close()
    queue = FlashQueue(files.storage(), BytesCodec())
    reader = queue.subscribe()
    for i in range(40):
        await queue.push_async(b"%d" % i + bytes(100))
        await reader.recv()
        await reader.commit()
    equal(os.stat("/flash/queue/00000001")[6], 0)


async def test_a_queue_whose_files_are_deleted_goes_on_in_new_ones():
    files = Files()
    queue = FlashQueue(files.storage(), BytesCodec())
    for i in range(10):
        await queue.push_async(b"old" + bytes(100))
    reader = queue.subscribe()
    equal(reader.try_recv()[:3], b"old")
    for name in files_of():
        os.remove("/flash/queue/" + name)
    os.rmdir("/flash/queue")
    await queue.push_async(b"new")
    assert drain(reader)[-1] == b"new"
    assert queue.damaged_count
    await reader.commit(0)
    files.lose_power()
    equal(drain(FlashQueue(files.storage(), BytesCodec()).subscribe()), [b"new"])


async def test_of_a_file_that_is_cut_short_while_the_queue_is_open_the_values_before_the_cut_are_read():
    for size in range(210, 235, 3):  # Somewhere in a value.
        queue = reader = files = None  # A chip has room for one.
        files = Files()
        queue = FlashQueue(files.storage(), BytesCodec(), flush_ms=0)
        for i in range(30):
            await queue.push_async(b"value %02d" % i)
        name = "/flash/queue/" + sorted(files_of())[0]
        with open(name, "rb") as file:
            left = file.read(size)
        with open(name, "wb") as file:
            file.write(left)
        reader = queue.subscribe()
        found = drain(reader)
        equal(found[:8], [b"value %02d" % i for i in range(8)])
        equal((len(found) + queue.dropped_count, queue.damaged_count), (30, 1))
        await reader.commit()


async def test_files_that_are_gone_already_are_no_error_when_their_turn_comes_to_be_removed():
    files = Files()
    queue = FlashQueue(files.storage(), BytesCodec(), flush_ms=0)
    reader = queue.subscribe()
    for i in range(60):
        await queue.push_async(b"%02d" % i + bytes(80))
        equal(reader.try_recv()[:2], b"%02d" % i)
        os.remove("/flash/queue/" + files_of()[0])
        await reader.commit()
    assert len(queue._values.log.segments) <= 2
    equal(queue.damaged_count, 0)


def test_what_stands_in_the_way_of_a_file_is_told_by_its_own_error():
    storage = Files().storage()
    os.mkdir("/flash/queue")
    os.mkdir("/flash/queue/00000001")
    os.mkdir("/flash/queue/00000001/inner")
    for call, errno in ((lambda: storage.create(1, b""), 21), (lambda: storage.remove(1), 39)):
        with raises(OSError) as caught:
            call()
        equal(caught.error.errno, errno)


def test_a_path_that_cannot_be_used_is_named_with_its_error():
    files = Files()
    with open("/flash/file", "wb") as file:
        file.write(b"x")
    with raises(StorageError) as caught:
        FlashQueue("/flash/file")
    text = str(caught.error)
    assert "/flash/file" in text and "OSError" in text, text
    equal(files.flash.dead, False)
