"""Interrupts of the emulated chip that hand values to a task, while garbage is collected and the flash is written."""

import functools
import re

import bench_interrupts
import pytest
from bench_results import MEGAHERTZ
from bench_targets import core_files
from device_files import ROOT
from emulated_pico import Board
from emulated_pico.filesystem import build_image

COUNT = 120

# The highest rate is more than the chip can do: what it does besides the handler gets hardly any time.
RATES = (500, 10000)


@functools.cache
def outcome(source, hard, rate):
    return bench_interrupts.run(source, hard, "SyncProducer", rate, COUNT)


@pytest.fixture(params=[(*source, rate) for source in bench_interrupts.SOURCES for rate in RATES], ids=str)
def run(request):
    return outcome(*request.param)


def test_all_that_was_sent_is_received_in_order_or_was_refused(run):
    assert run.sent == run.received + run.refused
    assert run.out_of_order == 0
    assert run.received > 0 and run.disturbances > 0


@pytest.mark.parametrize("source", bench_interrupts.SOURCES, ids=str)
def test_a_rate_that_the_chip_can_do_has_no_refusals(source):
    assert outcome(*source, 500).received == COUNT


@pytest.mark.parametrize("source", bench_interrupts.SOURCES, ids=str)
def test_a_rate_that_the_chip_cannot_do_has_refusals(source):
    assert outcome(*source, 10000).refused > 0


def test_each_value_arrives_after_its_interrupt():
    latencies = outcome("Pin", True, 500).latencies
    assert len(latencies) == COUNT
    assert min(latencies) > 0


def test_an_idle_program_with_four_sync_producers_lets_the_core_sleep():
    seconds = 5
    assert bench_interrupts.cycles(f"idle(4, {seconds})") < seconds * MEGAHERTZ * 1e6 / 1000


def test_idle_producers_cost_a_value_nothing():
    alone, among_fifty = (bench_interrupts.cycles(f"deliver({count})") for count in (1, 50))
    assert among_fifty < 1.1 * alone  # One look at each of the others would be twice as much and more.


RUN = "asyncio.run(db.run())\n"
BETWEEN = """
x, y, z = 1, -2, 3
async def end(producer):
    await asyncio.sleep_ms(500)
    for key in ("pulses", "imu"):
        db.consumer(key).buffer.close()
db.configure("imu", SpmcRing(4)).tap(count)
db.configure("end", SpmcRing(1)).source(end)
"""


def test_the_programs_in_the_documentation_work():
    text = (ROOT / "docs" / "producing-from-interrupts.md").read_text()
    pulses, samples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert pulses.endswith(RUN)
    image = build_image({f"lib/{place}": content for place, content in core_files("armv6m").items()})
    with Board(filesystem=image) as board:
        board.exec(pulses.removesuffix(RUN) + BETWEEN + samples, timeout=60)
        board.pin(15).pulse(3, 50_000_000)
        printed = board.exec("data_ready(None)\n" + RUN, timeout=60)
    assert len(re.findall(r"^\d+$", printed, re.MULTILINE)) == 3
    assert len(re.findall(r"^\(\d+, 1, -2, 3\)$", printed, re.MULTILINE)) == 1
