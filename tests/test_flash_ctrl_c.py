"""Ctrl-C comes in the middle of a call of a flash queue: the program goes on, and after a restart nothing is amiss."""

import asyncio

from aimdb.timing import timed
from aimdb_flash import BytesCodec
from flash_devices import Flash
from flash_support import NEVER, after_restart, drain, filled, opened
from harness import equal, raises
from interrupting import Interrupted


class InterruptedList(list):
    """Its second `pop` ends in Ctrl-C, before it has done anything."""

    pops = 0

    def pop(self, i=-1):
        self.pops += 1
        if self.pops == 2:
            raise KeyboardInterrupt
        return super().pop(i)


def staged(count):
    flash = Flash()
    queue = opened(flash, BytesCodec(), flush_ms=NEVER, commit_ms=NEVER)
    for i in range(count):
        queue.push(b"%d" % i)
    return flash, queue


def test_values_on_flash_of_which_ctrl_c_has_let_only_some_be_noted_are_written_and_read_once():
    flash, queue = staged(4)
    queue._values.entries = InterruptedList(queue._values.entries)
    with raises(KeyboardInterrupt):
        asyncio.run(timed(queue.flush(), 5000))
    equal(drain(queue.subscribe()), [b"%d" % i for i in range(4)])
    asyncio.run(timed(queue.flush(), 5000))
    equal(after_restart(flash, BytesCodec()), [b"%d" % i for i in range(4)])


def test_a_value_that_ctrl_c_has_left_staged_and_uncounted_hides_no_other_in_the_next_loop():
    _, queue = staged(1)
    queue._values.accept = Interrupted(queue._values.accept)
    with raises(KeyboardInterrupt):
        queue.try_push(b"1")
    queue.try_push(b"2")
    asyncio.new_event_loop()
    equal(drain(queue.subscribe()), [b"0", b"1", b"2"])
    equal(queue.held(), 3)


def test_a_producer_that_ctrl_c_ends_behind_its_flush_holds_up_no_reader():
    queue = opened(Flash(), BytesCodec())
    reader = queue.subscribe()
    queue._values.accept = Interrupted(queue._values.accept)
    with raises(KeyboardInterrupt):
        asyncio.run(queue.push_async(b"0"))

    async def go_on():
        await queue.push_async(b"1")
        return await reader.recv(timeout_ms=5000)

    equal(asyncio.run(go_on()), b"1")


def test_what_a_commit_that_ctrl_c_ends_has_acknowledged_goes_to_flash_with_the_next_flush():
    flash = Flash()
    queue = asyncio.run(filled(flash, [b"0", b"1", b"2"], BytesCodec(), commit_ms=NEVER))
    reader = queue.subscribe()
    drain(reader)
    ledger = queue._values.log.ledger
    ledger.acknowledge = Interrupted(ledger.acknowledge, 2)
    with raises(KeyboardInterrupt):
        reader.commit()
    asyncio.run(timed(queue.flush(), 5000))
    equal(after_restart(flash, BytesCodec()), [b"1", b"2"])


def test_a_commit_that_ctrl_c_ends_can_be_repeated():
    _, queue = staged(3)
    reader = queue.subscribe()
    drain(reader)
    queue._flusher.unblock = Interrupted(queue._flusher.unblock)  # The last that it calls.
    with raises(KeyboardInterrupt):
        reader.commit()
    reader.commit()
    equal((queue.held(), drain(reader)), (0, []))
