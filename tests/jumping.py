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
    """End the run of a scene at each jump in turn, and let it go on: in a new loop, and in this one if it can.

    Says how often it was ended.
    """
    at = 0
    while goes_on(make_scene(), at + 1, True):
        at += 1
        if hasattr(make_scene, "go_on_in_this_loop"):
            goes_on(make_scene(), at, False)
    print("ended", at, "times")


def goes_on(scene, at, new_loop):
    """Whether there is such a jump; then the scene has gone on behind it."""
    asyncio.new_event_loop()
    Jumps.passed, Jumps.at = 0, at
    try:
        asyncio.run(in_time(scene.run()))
    except KeyboardInterrupt:
        pass
    if Jumps.passed < at:
        return False
    Jumps.at = 0
    if new_loop:
        asyncio.new_event_loop()
    try:
        asyncio.run(in_time(scene.go_on() if new_loop else scene.go_on_in_this_loop()))
    except Exception as error:
        print("Ctrl-C at jump", at, "in a new loop" if new_loop else "in the same loop")
        raise error
    return True
