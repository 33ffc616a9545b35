"""Ctrl-C comes to the emulated chip at many moments of a program that goes on each time in a new loop.

On the chip it comes at a jump of bytecode; on the unix port in the midst of an instruction, which no program survives
for sure.
"""

import os
import random

import pytest
from bench_targets import core_files
from device_files import ROOT
from emulated_pico import Board
from emulated_pico.filesystem import build_image
from pytest_micropython import mpy

SOAK = os.environ.get("SOAK")
TIMES = 150 if SOAK else 25
LONGEST_NANOSECONDS = 10_000_000
PROGRAM = f"""
from machine import mem32
from interrupted_program import end_and_go_on
def choose():
    mem32[0x50400000] = 1
end_and_go_on(choose, {TIMES})
"""


# Bytecode has every jump that native code has, and more.
@pytest.mark.parametrize("architecture", [None, "armv6m"] if SOAK else [None], ids=str)
def test_nothing_is_lost_or_doubled_by_ctrl_c_and_the_program_goes_on(architecture):
    files = {f"lib/{place}": content for place, content in core_files(architecture).items()}
    for name in ("own_buffers", "interrupted_program"):
        source = (ROOT / "tests" / f"{name}.py").read_bytes()
        files[f"lib/{name}.mpy"] = mpy.compile_source(source, f"{name}.py")
    choice = random.Random(1)
    with Board(filesystem=build_image(files)) as board:
        press = board.mcu.clock.create_alarm(board.press_ctrl_c)
        board.marker.on_mark = lambda mark: press.schedule(choice.randrange(1, LONGEST_NANOSECONDS))
        printed = board.exec(PROGRAM, timeout=300)
    assert printed.strip() == f"ended {TIMES} times"
