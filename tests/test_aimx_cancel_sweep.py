"""A call of somebody who dials is cancelled after the k-th step of any task of the library, for every k.

Whatever k is: the call has done everything or nothing, who comes after it is served, and with the connection end all
tasks that it has made.
"""

import asyncio
import gc

from aimdb import AimDb, BoundedQueue, BufferClosed
from aimdb_conformance.support import settle
from harness import equal, skip, target
from scarce import overwrite_the_stack
from stepping import Steps, outcome

if target != "unix":
    skip("the hub of these tests needs the loopback of a computer")

from aimdb_aimx import AimxRecord
from scripted_hub import hasty
from scripted_peer import Kept, until
from still_hub import StillHub

TIME_LIMIT = 300
create_task = asyncio.create_task


class Scene:
    """A node with a record on a hub. All tasks that the library makes are stepped, and `call` is cancelled."""

    def __init__(self, at):
        self.at = at
        self.steps = Steps(-1, self.act)
        self.tasks = []
        self.victim = None
        self.server = StillHub()

    def act(self):
        self.victim.cancel()

    def task(self, coroutine):
        asyncio.create_task = create_task
        try:
            task = self.steps.task(coroutine)
        finally:
            asyncio.create_task = self.task
        self.tasks.append(task)
        return task

    async def call(self, coroutine):
        """What becomes of it, when it is stopped at its time."""
        self.victim = self.task(coroutine)
        self.steps.count = 0
        self.steps.at = self.at
        return await outcome(self.victim)

    async def __aenter__(self):
        self.server.__enter__()
        self.tending = create_task(self.server.tend())
        # Some steps last until its time is over, and on a busy machine others take long, too.
        self.hub = hasty(self.server, in_flight=1, timeout_ms=400, retry_ms=(1, 4))
        self.record = AimxRecord(self.server.url + "/n", hub=self.hub)
        asyncio.create_task = self.task
        return self

    async def __aexit__(self, kind, error, _):
        asyncio.create_task = create_task
        if not error:
            await settle()
            equal([task for task in self.tasks if not task.done()], [])
            hub = self.hub
            equal((hub.users, hub.inboxes, hub.connection, hub.window.waiting), ([], [], None, []))
            for line in (hub.moved, hub.news, hub.freed):
                assert not line.tasks.peek()
            await until(lambda: not self.server.clients)
        self.tending.cancel()
        self.server.__exit__()


async def sweep(scenario, rest_ms=0):
    """`scenario(scene)` for each step, until there are no more. Nothing of them is left after a rest."""
    await play(scenario, -1)
    size = await size_after(scenario, rest_ms)
    for _ in range(4):
        before = size
        at = total = 1
        while at <= total:
            total = await play(scenario, at)
            at += 1
        assert total > 3, total
        size = await size_after(scenario, rest_ms)
        if size <= before + 2000:
            return
        # The collector may have taken what is left on the stack for a reference to a scene: once, and not each time.
    raise AssertionError("%d bytes more, each time" % (size - before))


async def play(scenario, at):
    """One scene. Returns how many steps there were."""
    try:
        async with Scene(at) as scene:
            await scenario(scene)
    except BaseException:
        print("at step", at)
        raise
    if scene.steps.error:
        raise scene.steps.error
    return scene.total


async def size_after(scenario, rest_ms):
    """What is on the heap after a scene in which nothing is cancelled."""
    await play(scenario, -1)
    await asyncio.sleep_ms(rest_ms)
    overwrite_the_stack(20)
    gc.collect()
    return gc.mem_alloc()


async def goes_on(scene, *sets):
    """Check that only these values were set, if any, and that one more is, and one comes."""
    scene.total = scene.steps.count
    scene.steps.at = -1
    server = scene.server
    server.answers = True
    await scene.record.push_async(100)
    await until(lambda: not scene.hub.window.flights)
    values = [value for _, value in server.sets]
    assert values in [list(each) + [100] for each in sets], values
    reader = await scene.record.subscribe_async()
    server.say("n", 101)
    while await reader.recv(timeout_ms=2000) != 101:
        pass
    reader.close()
    await settle()
    equal(scene.hub.window.waiting, [])
    scene.record.close()


async def test_a_value_is_set_or_not_when_produce_async_is_cancelled_on_a_connection():
    async def scenario(scene):
        async with scene.hub:
            await until(lambda: scene.hub.connected)
            ended = await scene.call(scene.record.push_async(1))
            await goes_on(scene, *([[1]] if ended is None else [[], [1]]))

    await sweep(scenario)


async def test_a_value_is_set_or_not_when_produce_async_is_cancelled_while_there_is_no_connection():
    async def scenario(scene):
        async with scene.hub:
            ended = await scene.call(scene.record.push_async(1))
            await goes_on(scene, *([[1]] if ended is None else [[], [1]]))

    await sweep(scenario)


async def test_a_value_that_waits_for_its_turn_is_not_set_when_it_is_cancelled_and_those_behind_it_are():
    async def scenario(scene):
        async with scene.hub:
            await until(lambda: scene.hub.connected)
            scene.server.answers = False
            record = scene.record
            first = scene.task(record.push_async(1))
            await settle()

            async def answer():
                for _ in range(6):
                    await asyncio.sleep_ms(0)
                scene.server.answers = True
                for client in scene.server.clients:
                    client.raw.close()  # The first comes to its end by this.
                scene.server.clients.clear()

            answering = create_task(answer())
            last = scene.task(after(3, record.push_async(3)))
            ended = await scene.call(record.push_async(2))
            await outcome(first)
            await outcome(last)
            await answering
            await goes_on(scene, *([[2, 3]] if ended is None else [[3], [2, 3], []]))

    await sweep(scenario)


async def after(turns, awaitable):
    for _ in range(turns):
        await asyncio.sleep_ms(0)
    return await awaitable


async def test_a_subscription_that_is_cancelled_has_no_reader():
    for connected in (True, False):

        async def scenario(scene):
            async with scene.hub:
                if connected:
                    await until(lambda: scene.hub.connected)
                await scene.call(scene.record.subscribe_async())
                await goes_on(scene, [])

        await sweep(scenario)


async def test_a_value_is_read_or_still_there_when_recv_is_cancelled():
    for milliseconds in (None, 1000):

        async def scenario(scene):
            async with scene.hub:
                await until(lambda: scene.hub.connected)
                reader = await scene.record.subscribe_async()
                scene.server.say("n", 1)
                ended = await scene.call(reader.recv(milliseconds))
                if ended != 1:
                    equal(await reader.recv(2000), 1)
                await goes_on(scene, [])

        await sweep(scenario)


async def test_a_record_that_is_closed_at_any_step_ends_all_calls():
    async def scenario(scene):
        record = scene.record
        scene.act = scene.steps.action = record.close
        async with scene.hub:
            calls = [scene.task(outcome_of(record.push_async(1)))]
            reader = record.subscribe()
            calls.append(scene.task(outcome_of(reader.recv())))
            calls.append(scene.task(outcome_of(record.subscribe_async())))
            await scene.call(record.push_async(2))
            scene.total = scene.steps.count
            scene.steps.at = -1
            record.close()
            for call in calls:
                ended = await call
                assert not isinstance(ended, Exception) or isinstance(ended, BufferClosed), ended

    await sweep(scenario)


async def outcome_of(coroutine):
    try:
        return await coroutine
    except Exception as error:
        return error


async def test_a_run_that_is_cancelled_at_any_step_leaves_nothing_but_what_its_records_keep():
    async def scenario(scene):
        url = scene.server.url
        kept = Kept(range(3))
        queue = BoundedQueue(4)
        db = AimDb()
        db.configure("kept", kept).link_to(url + "/kept")
        db.configure("queue", queue).link_from(url + "/queue")
        db.configure("n", scene.record)

        running = create_task(scene.call(db.run()))
        await settle()
        while not running.done() and not (kept.committed == 3 and queue.held()):
            if not queue.held():
                scene.server.say("queue", 7)
            await asyncio.sleep_ms(1)
        scene.total = scene.steps.count + running.done()
        scene.steps.at = -1
        scene.victim.cancel()
        await running
        values = [value for key, value in scene.server.sets if key == "kept"]
        equal(values, list(range(len(values))))
        assert kept.committed <= len(values), (kept.committed, values)
        await settle()
        db = AimDb()
        kept.key = None
        db.configure("kept", kept).link_to(url + "/kept")
        run = scene.task(db.run())
        await until(lambda: kept.committed == 3)
        run.cancel()
        await outcome(run)
        values = [value for key, value in scene.server.sets if key == "kept"]
        equal(sorted(set(values)), [0, 1, 2])

    await sweep(scenario, rest_ms=1100)  # So long a run looks whether it was awaited.
