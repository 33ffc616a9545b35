"""All or nothing on flash, also when the heap is full: every call with ever more free blocks, until it has enough."""

import asyncio
import gc
import os

import aimdb_flash.storage
import harness
from aimdb import BufferEmpty
from aimdb.timing import timed
from aimdb_flash import FileStorage, FlashQueue, StorageError
from flash_model import Blocks
from harness import equal, only
from scarce import Scarce

TIME_LIMIT = 300
ENOUGH = 3  # So many times in a row a call must have had memory enough.
STEP = 3 if harness.target == "unix" else 7


class Folder:
    """The queue in files of the computer's, or the board's own, filesystem, whose driver needs no memory of ours."""

    def __init__(self):
        self.lose_power()
        try:
            for entry in list(os.ilistdir("queue")):
                os.remove("queue/" + entry[0])
        except OSError:
            pass

    def storage(self):
        return FileStorage("queue", max_size=6 * 512, segment_size=512)

    def lose_power(self):
        aimdb_flash.storage.claimed.clear()


class Numbers:
    """Needs no heap: else there would be as much for all that comes after it."""

    size = 1
    texts = [b"%d" % number for number in range(100)]

    def encode(self, value):
        return self.texts[value]

    def decode(self, data):
        return self.texts.index(data)


class Scene:
    """Values on flash and staged ones, of which a reader has read a few of both."""

    def __init__(self, medium):
        self.medium = medium

    async def begin(self):
        self.queue = self.open()
        for i in range(5):
            await self.queue.push_async(i)
        self.queue.flush_ms = 1000000  # No flush comes by itself.
        for i in range(5, 9):
            self.queue.push(i)
        self.reader = self.queue.subscribe()
        self.other = self.queue.subscribe()
        self.read = [self.reader.try_recv() for _ in range(3)]
        self.read.append(self.other.try_recv())
        for _ in range(3):
            self.read.append(self.reader.try_recv())

    def open(self):
        return FlashQueue(self.medium.storage(), Numbers(), flush_ms=0, commit_ms=1000000)

    async def attempt(self, call):
        """Whether there was enough memory."""
        try:
            result = call(self)
            if hasattr(result, "send"):
                result = await result
        except MemoryError:
            return False
        except StorageError as error:
            assert isinstance(error.cause, MemoryError)
            return False
        if isinstance(result, int):
            self.read.append(result)
        return True

    async def remains(self):
        """What can be seen of it from here on, also after a restart."""
        seen = [self.read, self.queue.held(), self.queue.metrics()]
        try:
            seen.append(drain(self.queue.subscribe()))
            await self.queue.flush()
        except Exception as error:
            seen.append(type(error))
        gc.collect()
        self.medium.lose_power()
        queue = self.open()
        seen.append((queue.held(), drain(queue.subscribe())))
        self.medium.lose_power()
        return seen


def drain(reader):
    found = []
    try:
        while True:
            found.append(reader.try_recv())
    except BufferEmpty:
        return found


async def once(medium, call, restarted, blocks=None):
    """What remains after a call with so many free blocks, and its repetition if those were too few; and whether."""
    scene = Scene(medium())
    await scene.begin()
    if restarted:
        scene.medium.lose_power()
    attempt = scene.attempt(call)
    if blocks is None:
        done = await attempt
    else:
        with Scarce(blocks):
            done = await attempt
    assert done or await scene.attempt(call)
    return await scene.remains(), done


def run(*arguments):
    asyncio.new_event_loop()  # What is staged in the one before is forgotten with it.
    return asyncio.run(once(*arguments))


def sweep(call, restarted=False):
    for medium in (Blocks, Folder):
        expected, _ = run(medium, call, restarted)
        blocks = enough = 0
        while enough < ENOUGH:
            assert blocks < 2000, "there is never memory enough"
            try:
                remains, done = run(medium, call, restarted, blocks)
                equal(remains, expected)
            except BaseException:
                print("with", blocks, "blocks free")
                raise
            enough = enough + 1 if done else 0
            blocks += STEP


def test_try_push():
    sweep(lambda scene: scene.queue.try_push(9))


def test_push_async():
    def push(scene):
        scene.queue.flush_ms = 0
        return scene.queue.push_async(9)

    sweep(push)


@only("unix", reason="block by block it takes a board minutes")
def test_each_of_several_errors_has_the_lack_of_memory_as_its_cause():
    # The interpreter has only one error that it can raise without heap.
    errors = [None] * 4

    async def push(queue, i, value):
        try:
            await queue.push_async(value)
        except Exception as error:
            errors[i] = error

    async def push_all(blocks, value):
        queue = FlashQueue(Blocks().storage(), flush_ms=0)
        tasks = [asyncio.create_task(push(queue, i, value)) for i in range(len(errors))]
        await asyncio.sleep_ms(0)  # Now they wait.
        with Scarce(blocks):
            for _ in range(5):
                await asyncio.sleep_ms(0)
        for task in tasks:
            await task

    for size in (1, 30, 60, 100, 160, 200):
        for blocks in range(3, 6):
            errors[:] = [None] * len(errors)
            asyncio.new_event_loop()
            asyncio.run(push_all(blocks, bytes(size)))
            causes = [type(error.cause) for error in errors if isinstance(error, StorageError)]
            equal((size, blocks, causes), (size, blocks, [MemoryError] * len(causes)))


def test_flush():
    sweep(lambda scene: scene.queue.flush())


def test_try_recv_of_a_value_on_flash():
    def read(scene):
        scene.other.close()
        scene.other = scene.queue.subscribe()
        return scene.reader.try_recv()

    sweep(read)


def test_try_recv_of_a_staged_value():
    sweep(lambda scene: scene.reader.try_recv())


def test_peek():
    def peek(scene):
        scene.queue.peek()

    sweep(peek)


def test_commit():
    def commit(scene):
        scene.reader.commit(4)

    sweep(commit)


def test_an_awaited_commit():
    def commit(scene):
        scene.queue.flush_ms = 0
        return scene.other.commit()

    sweep(commit)


def test_closing_a_reader():
    sweep(lambda scene: scene.reader.close())


@only("unix", reason="block by block it takes a board minutes")
def test_closing_a_reader_that_fails_leaves_it_what_it_had_read():
    async def close(blocks):
        scene = Scene(Blocks())
        await scene.begin()
        attempt = scene.attempt(lambda scene: scene.reader.close())
        with Scarce(blocks):
            done = await attempt
        if not done:
            scene.reader.commit(6)
            equal(drain(scene.other), [7, 8])
        return done

    blocks = 0
    while True:
        asyncio.new_event_loop()
        if asyncio.run(close(blocks)):
            break
        blocks += 1


def test_reading_what_was_given_back():
    def read(scene):
        if not scene.reader.closed:
            scene.reader.close()
        return scene.other.try_recv()

    sweep(read)


def test_a_read_with_a_time_limit():
    sweep(lambda scene: scene.reader.recv(timeout_ms=1000))


def test_passing_over_a_value_that_cannot_be_decoded():
    class Strange(Numbers):
        def decode(self, data):
            if data == b"7":
                raise ValueError
            return Numbers.decode(self, data)

    def read(scene):
        scene.queue.codec = Strange()
        scene.queue.undecodable = lambda error: None
        return scene.reader.try_recv()

    sweep(read)


def test_closing():
    sweep(lambda scene: scene.queue.close())


def test_subscribing():
    def subscribe(scene):
        scene.other = scene.queue.subscribe()

    sweep(subscribe)


def test_opening():
    def open_again(scene):
        scene.queue = scene.open()

    sweep(open_again, restarted=True)


@only("unix", reason="block by block it takes a board minutes")
def test_the_first_value_in_a_new_loop():
    async def begin():
        queue = FlashQueue(Blocks().storage(), flush_ms=0)
        queue.push(b"1")
        return queue

    async def go_on(queue, blocks):
        done = False
        with Scarce(blocks):
            try:
                queue.try_push(b"2")
                done = True
            except MemoryError:
                pass
        await timed(queue.push_async(b"3"), 1000)
        equal(drain(queue.subscribe()), [b"1", b"2", b"3"] if done else [b"1", b"3"])
        return done

    blocks = 0
    while True:
        asyncio.new_event_loop()
        queue = asyncio.run(begin())
        asyncio.new_event_loop()
        if asyncio.run(go_on(queue, blocks)):
            break
        blocks += 1


def test_metrics():
    sweep(lambda scene: scene.queue.metrics().dropped_count)


def test_release():
    def release(scene):
        scene.queue.release()

    sweep(release)
