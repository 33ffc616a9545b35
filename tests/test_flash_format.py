"""The bytes on flash, as docs/flash-format.md has them, and what opening makes of damaged ones."""

import asyncio
import random
from binascii import crc32
from struct import pack, unpack

import aimdb_flash.storage
import harness
from aimdb import BufferEmpty, BufferFull
from aimdb.timing import timed
from aimdb_flash import BlockStorage, FlashQueue, UnknownFormat
from flash_devices import PARTLY, Flash, PowerCut
from flash_model import Files
from flash_support import drain
from harness import equal, raises

ROUNDS = 50 if harness.target == "unix" else 1  # Of random bytes; one takes the emulated chip many seconds.


def opened(flash, **options):
    aimdb_flash.storage.claimed.clear()
    return FlashQueue(BlockStorage(flash, **options), flush_ms=0)


def held_by(queue):
    return drain(queue.subscribe())


def header(number, floor=1, version=2):
    start = b"AQF" + pack("<BII", version, number, floor)
    return start + pack("<I", crc32(start))


def record(segment, kind, sequence, payload):
    start = b"\xa5" + pack("<BHI", kind, len(payload), sequence) + payload
    return start + pack("<I", crc32(start, segment))


def value(segment, sequence):
    return record(segment, 1, sequence, b"value %d" % sequence)


def flash_of(*segments):
    flash = Flash(6, 1024)
    for i, content in enumerate(segments):
        flash.data[i * 1024 : i * 1024 + len(content)] = content
    return flash


async def test_the_bytes_are_those_of_the_document():
    flash = Flash(6, 1024)
    queue = opened(flash)
    await queue.push_async(b"value 1")
    await queue.push_async(b"value 2")
    reader = queue.subscribe()
    reader.try_recv()
    await reader.commit()
    expected = header(1) + record(1, 2, 1, b"") + value(1, 1) + value(1, 2) + record(1, 3, 2, b"")
    equal(bytes(flash.data[: len(expected) + 20]), expected + b"\xff" * 20)


def read_as_documented(data, size):
    """What is held in segments of this size, read by what the document says alone."""
    segments = {}
    for start in range(0, len(data), size):
        segment = data[start : start + size]
        if segment[:3] == b"AQF" and unpack("<I", segment[12:16])[0] == crc32(segment[:12]):
            _, number, first = unpack("<III", segment[:12])
            segments[number] = first, list(records_of(segment, number))
    values = {}
    acknowledged = set()
    below = 0
    limit = None
    is_whole = False
    for number in sorted(segments, reverse=True):
        first, records = segments[number]
        for kind, sequence, payload in records:
            if kind == 1 and sequence >= first and (limit is None or sequence < limit):
                values[sequence] = payload
            elif not is_whole and kind in (2, 3):
                below = max(below, sequence)
                start = sequence & ~7 if kind == 2 else unpack("<I", payload[:4])[0] if payload else 0
                bits = payload if kind == 2 else payload[4:]
                acknowledged |= {start + i for i in range(8 * len(bits)) if bits[i >> 3] >> (i & 7) & 1}
        is_whole = is_whole or any(kind == 2 for kind, _, _ in records)
        limit = first
    return [values[sequence] for sequence in sorted(values) if sequence >= below and sequence not in acknowledged]


def records_of(segment, number):
    at = 16
    while segment[at:].strip(b"\xff"):
        mark, kind, length, sequence = unpack("<BBHI", segment[at : at + 8])
        end = at + 8 + length
        assert mark == 0xA5 and unpack("<I", segment[end : end + 4])[0] == crc32(segment[at:end], number)
        yield kind, sequence, segment[at + 8 : end]
        at = end + 4


async def test_the_document_is_enough_to_read_a_queue():
    random.seed(3)
    for _ in range(ROUNDS):
        flash = Flash(8, 1024)
        queue = opened(flash)
        readers = [queue.subscribe() for _ in range(3)]
        for i in range(100):
            try:
                queue.try_push(b"%d" % i + b"\xa5\xff"[: i % 3] * random.randrange(20))
            except BufferFull:
                pass
            reader = random.choice(readers)
            if queue.held() and random.random() < 0.8 and reader.has_value():
                reader.try_recv()
            if random.random() < 0.3:
                reader.commit()
            if random.random() < 0.2:
                await asyncio.sleep_ms(0)
        queue.release()
        equal(read_as_documented(bytes(flash.data), 1024), held_by(opened(flash)))


async def test_acknowledgements_out_of_order_are_bits():
    flash = Flash(6, 1024)
    queue = opened(flash)
    for i in range(1, 6):
        queue.push(b"value %d" % i)
    first, second = queue.subscribe(), queue.subscribe()
    first.try_recv()
    second.try_recv()
    second.try_recv()
    first.try_recv()
    second.try_recv()
    await queue.flush()
    await second.commit()
    equal(bytes(flash.data).find(record(1, 3, 1, pack("<IB", 0, 0b101100))) > 0, True)
    equal(held_by(opened(flash)), [b"value 1", b"value 4"])


def test_what_the_document_says_is_read():
    flash = flash_of(
        header(1) + record(1, 2, 1, b"") + value(1, 1) + value(1, 2) + value(1, 3) + value(1, 4) + value(1, 9),
        header(2, floor=5) + record(2, 2, 2, b"\x08") + value(2, 5) + record(2, 77, 9, b"?") + value(2, 6),
        header(3, floor=7) + record(3, 2, 2, b"\x08") + value(3, 7) + record(3, 3, 2, pack("<IB", 0, 0b1000000)),
    )
    queue = opened(flash)
    equal(queue.held(), 4)
    equal(held_by(queue), [b"value 2", b"value 4", b"value 5", b"value 7"])
    equal(queue.damaged_count, 0)


def test_a_value_that_is_damaged_below_an_acknowledged_one_is_not_held():
    flash = flash_of(header(1) + record(1, 2, 1, b"") + value(1, 1) + value(1, 2) + record(1, 3, 1, pack("<IB", 0, 16)))
    queue = opened(flash)
    equal(queue.held(), 2)  # Not 3, whose record is missing.
    equal(held_by(queue), [b"value 1", b"value 2"])


def test_an_unknown_version_is_refused_by_its_number():
    with raises(UnknownFormat) as caught:
        opened(flash_of(header(1, version=1)))
    assert "version 1" in str(caught.error) and "version 2" in str(caught.error)
    opened(Flash(6, 1024))  # It does not stay in use.


def test_a_torn_record_at_the_end_is_skipped_and_counted():
    whole = header(1) + value(1, 1) + value(1, 2)
    for cut in range(1, len(value(1, 2))):
        queue = opened(flash_of(whole[:-cut]))
        equal((queue.held(), queue.damaged_count, held_by(queue)), (1, 1, [b"value 1"]))


def test_a_damaged_record_in_the_middle_costs_that_record_only():
    parts = [header(1), value(1, 1), value(1, 2), value(1, 3)]
    start = len(parts[0]) + len(parts[1])
    for at in range(start, start + len(parts[2])):
        flash = flash_of(b"".join(parts))
        flash.data[at] ^= 0x10
        queue = opened(flash)
        equal((queue.held(), queue.damaged_count, held_by(queue)), (2, 1, [b"value 1", b"value 3"]))


async def test_what_is_written_after_a_torn_record_goes_to_the_next_page_and_is_found():
    flash = flash_of(header(1) + value(1, 1) + value(1, 2)[:-1])
    await opened(flash).push_async(b"value 3")
    equal(bytes(flash.data).find(record(1, 1, 2, b"value 3")), 256)
    equal(held_by(opened(flash)), [b"value 1", b"value 3"])


def test_power_cuts_in_the_middle_of_flushes_cost_a_page_each_and_no_segment():
    flash = Flash(4, 4096)
    for i in range(24):
        queue = opened(flash)
        asyncio.run(queue.push_async(b"value %d" % i))
        asyncio.new_event_loop()
        flash.cut_at = flash.operations + 1
        flash.how = PARTLY
        with raises(PowerCut):
            asyncio.run(queue.push_async(b"torn"))
        asyncio.new_event_loop()
        flash = flash.restarted()
    # Of a torn flush nothing or everything may be there.
    found = [item for item in held_by(opened(flash)) if item != b"torn"]
    equal(found, [b"value %d" % i for i in range(24)])


async def test_a_file_whose_end_is_damaged_takes_more_and_all_is_found():
    files = Files()
    queue = FlashQueue(files.storage(), flush_ms=0)
    await queue.push_async(b"value 1")
    with open("/flash/queue/00000001", "ab") as file:
        file.write(b"\xa5torn")
    files.lose_power()
    queue = FlashQueue(files.storage(), flush_ms=0)
    await queue.push_async(b"value 2")
    equal((queue.damaged_count, held_by(queue)), (1, [b"value 1", b"value 2"]))
    files.lose_power()
    queue = FlashQueue(files.storage())
    equal((queue.damaged_count, held_by(queue)), (1, [b"value 1", b"value 2"]))


async def test_a_record_inside_a_value_is_not_taken_for_one():
    inner = value(7, 5)
    flash = flash_of(header(1) + record(1, 1, 1, inner))
    flash.data[16] = 0  # The outer record's mark.
    equal(held_by(opened(flash)), [])


async def test_records_that_a_torn_erasure_left_behind_are_not_taken_for_new_ones():
    flash = flash_of(header(2) + b"\xff" * 20 + value(1, 5))
    equal(held_by(opened(flash)), [])


def test_random_bytes_raise_nothing_and_give_nothing():
    random.seed(1)
    for _ in range(ROUNDS):
        flash = Flash(6, 1024)
        for i in range(len(flash.data)):
            flash.data[i] = random.choice((0xFF, 0xA5, 1, 0, random.getrandbits(8)))
        queue = opened(flash)
        equal((queue.held(), held_by(queue)), (0, []))


async def test_random_damage_raises_nothing_and_gives_no_wrong_value():
    random.seed(2)
    flash = Flash(6, 1024)
    queue = opened(flash)
    for i in range(80):
        await queue.push_async(b"value %d" % i)
    whole = bytes(flash.data)
    for _ in range(2 * ROUNDS):
        flash = Flash(6, 1024, bytearray(whole))
        for _ in range(random.randrange(1, 20)):
            flash.data[random.randrange(len(whole))] ^= 1 << random.randrange(8)
        queue = opened(flash)
        found = held_by(queue)
        equal(queue.held(), len(found))  # Once all was read: before, damaged values may be counted still.
        numbers = [int(item.split()[1]) for item in found]
        equal(found, [b"value %d" % number for number in numbers])
        equal(numbers, sorted(set(numbers)))
        await queue.push_async(b"value 99")
        equal(held_by(opened(flash))[-1], b"value 99")


async def test_values_that_are_damaged_after_opening_are_skipped():
    flash = Flash(6, 1024)
    queue = opened(flash)
    for i in range(3):
        await queue.push_async(b"value %d" % i)
    queue = opened(flash)
    at = bytes(flash.data).find(b"value 1")
    flash.data[at] = 0
    reader = queue.subscribe()
    equal([await reader.recv(timeout_ms=1000), await reader.recv(timeout_ms=1000)], [b"value 0", b"value 2"])
    with raises(BufferEmpty):
        reader.try_recv()
    await queue.push_async(b"value 3")
    equal(await reader.recv(timeout_ms=1000), b"value 3")
    await reader.commit()
    equal(queue.held(), 0)


async def test_values_wait_as_for_room_when_their_numbers_would_have_more_than_32_bits():
    flash = Flash()
    queue = opened(flash)
    values = queue._values
    log = values.log
    log.next = log.ledger.acknowledged = values.next = values.numbered = 2**32 - 3
    log.ledger.base = 2**32 - 8
    for i in range(2):
        await queue.push_async(b"%d" % i)
    with raises(asyncio.TimeoutError):
        await timed(queue.push_async(b"2"), 10)
    reader = queue.subscribe()
    equal(reader.try_recv(), b"0")
    await reader.commit()
    equal(held_by(opened(flash.restarted())), [b"1"])


async def test_where_nothing_may_be_written_twice_each_flush_begins_a_new_piece():
    flash = Flash(6, 1024)
    queue = opened(flash, write_size=64, rewritable=False)
    for i in range(3):
        await queue.push_async(b"value %d" % i)
    starts = [bytes(flash.data).find(b"value %d" % i) // 64 for i in range(3)]
    equal(starts, [0, 1, 2])
    equal(held_by(opened(flash, write_size=64, rewritable=False)), [b"value 0", b"value 1", b"value 2"])
