"""Runs tasks with a hand on the scheduler: something can be done after any one of its steps."""

import asyncio

from aimdb.polling import entry, schedule


class Steps:
    """Counts the steps of all tasks made by `task`, and calls `action` once, between step `at` and the next."""

    def __init__(self, at=-1, action=None):
        self.count = 0
        self.at = at
        self.action = action
        self.error = None  # What the action raised, which the scheduler only prints: all tasks end with it.

    def task(self, coroutine):
        return asyncio.create_task(_Stepped(coroutine, self))

    def taken(self):
        if self.error:
            raise self.error
        self.count += 1
        if self.count == self.at:
            # Due before all others, so that the action has a step of its own.
            schedule(entry(_Once(self)), -100000)
        if self.count > 5000:
            raise AssertionError("the tasks of this scenario never come to rest")


class _Once:
    def __init__(self, steps):
        self._steps = steps

    def send(self, _):
        try:
            self._steps.action()
        except Exception as er:
            self._steps.error = er
            raise


class _Stepped:
    # Stands in for a coroutine in a task.

    def __init__(self, coroutine, steps):
        self._coroutine = coroutine
        self._steps = steps

    def send(self, value):
        try:
            return self._coroutine.send(value)
        finally:
            self._steps.taken()

    def throw(self, error):
        try:
            return self._coroutine.throw(error)
        finally:
            self._steps.taken()


async def outcome(task):
    """What became of a task: its value, or the error that ended it."""
    try:
        return await task
    except (Exception, asyncio.CancelledError) as er:
        return er


def steps_when_left(make, wake) -> int:
    """How many steps a task `make()` takes after its loop was left, when `wake()` is called beside another one."""
    steps = Steps()

    async def run(create_task):
        create_task(make())
        await asyncio.sleep_ms(300)
        wake()
        await asyncio.sleep_ms(300)

    asyncio.run(run(steps.task))
    asyncio.new_event_loop()
    taken = steps.count
    asyncio.run(run(asyncio.create_task))
    return steps.count - taken
