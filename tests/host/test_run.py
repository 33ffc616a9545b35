"""`make run` without a port: the sensor node is deployed to an emulated board and watched."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import run
from emulated_pico import Board
from emulated_pico.filesystem import build_image

RUN = Path(__file__).parents[2] / "tools" / "run.py"


@pytest.fixture(scope="module")
def output():
    result = subprocess.run([sys.executable, RUN], capture_output=True, text=True, timeout=1500)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_node_is_deployed_and_restarted(output):
    assert "board restarted" in output
    assert "start     Raspberry Pi Pico W, MicroPython v1.27.0" in output


def test_the_slow_consumer_is_told_how_much_it_missed(output):
    assert "archive   LAGGED by" in output


def test_means_are_computed_and_sent(output):
    assert re.search(r"send      mean \d+\.\d C", output)


def test_what_an_interrupt_sends_is_shown(output):
    assert re.search(r"wind +\d+ km/h", output)


def test_the_command_handler_obeys(output):
    assert "obey      one value every 25 ms" in output
    assert "temperature" in output.partition("produced consumed dropped")[2]


def test_a_poison_message_and_a_number_out_of_range_are_refused_in_words(output):
    assert r"obey      refused: that is no text: b'\xc3'" in output
    assert "refused: MS is a whole number from 1 to 3600000, not '9999999999'" in output


def test_answers_come_by_way_of_the_broker(output):
    assert r"< refused: that is no text: b'\xc3'" in output
    assert "< one value every 25 ms" in output


def test_a_sensor_that_fails_is_named_and_the_node_goes_on(output):
    before, _, after = output.partition("the wire of the sensor is loose")
    failed = "aimdb: record 'temperature': celsius of its source failed: OSError"
    assert failed not in before and failed in after
    assert re.search(r"archive   stored", after)


def test_an_exception_in_a_stage_is_shown_and_the_node_runs_again(output):
    assert re.search(r"crash     Traceback(.|\n)*measure_wind(.|\n)*restart   in 1 s(.|\n)*start     Raspberry", output)


def test_the_node_tells_of_the_exception_when_the_power_is_back(output):
    _, _, after = output.partition("The power went out")
    assert re.search(r"crash     1 so far, the last one at 20(.|\n)*in measure_wind\n(.|\n)*TypeError", after)


def test_a_line_that_the_board_printed_before_anybody_looked_is_shown():
    with Board(build_image({"main.py": b"print('early')"}), "pico") as board:
        assert b"early\r\n" in list(iter(run.Printed(board).readline, b""))


def test_the_clock_is_set(output):
    assert re.search(r"clock     set: 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC", output)


def test_the_samples_are_there_after_the_power_was_out(output):
    before, _, after = output.partition("The power went out")
    assert "journal   empty" in before
    samples = re.search(r"journal   (\d+) samples from before the restart", after)
    assert int(samples[1]) > 10


def test_the_broker_has_every_sample_though_it_was_stopped_twice_and_the_power_was_out(output):
    assert output.count("THE BROKER IS STOPPED") == 2
    assert output.count("network   connected to the broker") >= 2
    assert re.search(r"samples 0 to \d+ from before the power cut: none missing", output)
    assert re.search(r"samples 0 to \d+ from after the power cut: none missing", output)


def test_a_command_comes_by_way_of_the_broker(output):
    assert "obey      one value every 30 ms" in output


def test_the_table_of_the_last_status_is_whole(output):
    before, _, _ = output.partition("The power went out")
    assert "heap " in before.rpartition("produced consumed dropped")[2]


def test_the_last_line_says_what_to_do_next(output):
    assert "docs/tutorial.md" in output.strip().rpartition("\n")[2]


def test_the_running_node_shows_its_records_by_aimx(output):
    _, _, looks = output.partition("The node serves its records, by AimX.")
    listed, _, watched = looks.partition("watch temperature -c 3")
    assert re.search(r"temperature.*spmc_ring", listed) and "journal" in listed
    # AimDB's own command line shows an event's number in another way than ours.
    assert len(re.findall(r"^\d+ temperature \d|seq:", watched, re.MULTILINE)) == 3


@pytest.mark.parametrize(
    "options, complaint",
    [
        (["--port", "/dev/ttyNONE"], "deploy: There is no /dev/ttyNONE."),
        (["--board", "esp32"], "run: esp32 is not emulated, as pico and pico_w are; with the board plugged in"),
        (["--board", "toaster"], "run: There is no board called 'toaster'."),
        (["--board", "pico_w/"], "run: There is no board called 'pico_w/'."),
        (["--seconds", "5"], "run: SECONDS is 8 or more"),
    ],
)
def test_what_cannot_be_run_gets_a_sentence(options, complaint):
    result = subprocess.run([sys.executable, RUN, *options], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith(complaint)


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "0", "ten"])
def test_a_time_that_never_ends_or_begins_gets_a_sentence(text):
    result = subprocess.run([sys.executable, RUN, "--seconds", text], capture_output=True, text=True)
    assert result.returncode == 2
    assert f"{text!r} is no number of seconds, such as 10" in result.stderr


def test_a_firmware_that_is_not_there_gets_a_sentence():
    environment = {**os.environ, "FIRMWARE": "/no/such.uf2"}
    result = subprocess.run([sys.executable, RUN], capture_output=True, text=True, env=environment)
    assert result.returncode == 1
    assert result.stderr.startswith("run: ") and "/no/such.uf2" in result.stderr
