"""Ends a program by Ctrl-C at one jump after the other; tests/host/test_ctrl_c_at_jumps.py does it.

The library has a call of `jump` wherever bytecode jumps: only there the interpreter lets Ctrl-C in. Import this first.
"""

import asyncio
import builtins


class Jumps:
    passed = 0
    at = 0  # Ctrl-C comes at this one.


def jump(condition=None):
    Jumps.passed += 1
    if Jumps.passed == Jumps.at:
        raise KeyboardInterrupt
    return condition


builtins.jump = jump


async def in_time(coroutine):
    await asyncio.wait_for(coroutine, 5)


def interrupt(make_scene):
    """End the run of a scene's `db` at each jump in turn, let it go on in a new loop, and `check` it.

    Says how often it was ended.
    """
    ended = at = 0
    while True:
        at += 1
        asyncio.new_event_loop()
        scene = make_scene()
        Jumps.passed, Jumps.at = 0, at
        try:
            asyncio.run(scene.db.run())
        except KeyboardInterrupt:
            ended += 1
        if Jumps.passed < at:
            print("ended", ended, "times")
            return
        Jumps.at = 0
        asyncio.new_event_loop()
        try:
            asyncio.run(in_time(scene.db.run()))
            scene.check()
        except Exception as error:
            print("Ctrl-C at jump", at)
            raise error
