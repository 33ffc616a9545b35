"""docs/tutorial.md, followed word by word, on this computer and on the emulated board."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from mqtt_broker import Listener, LocalBroker

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text()
RUN, _FOLDER, LAPTOP, SECOND, _BOARD, EMULATED, _PORT, INSTALL, COPY, KEPT = re.findall(
    r"```sh\n(.*?)```", PAGE, re.DOTALL
)
ONE_RECORD, TWO_RECORDS, ON_FLASH, OVER_MQTT = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
# Seen instead of a full queue, so that the test need not wait for it.
QUICKLY = ("sleep_ms(1000)", "sleep_ms(50)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("thermometer")


def follow(commands: str, folder: Path, wanted: str, port: str = "", seconds: float = 20) -> str:
    """What the commands print until they have printed what is wanted; then Ctrl-C."""
    setting = {"AIMDB": str(ROOT), "PORT": port, "MICROPYPATH": f".frozen:{ROOT / 'lib'}"}
    process = subprocess.Popen(
        ["sh", "-e", "-c", commands],
        cwd=folder,
        env={**os.environ, **setting},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
    )
    os.set_blocking(process.stdout.fileno(), False)
    printed, deadline = "", time.monotonic() + seconds
    try:
        while not re.search(wanted, printed):
            assert time.monotonic() < deadline, printed
            ended = process.poll() is not None
            printed += (process.stdout.read() or b"").decode()
            assert not ended or re.search(wanted, printed), printed
            time.sleep(0.05)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=10)
    return printed


def test_the_first_command_is_the_one_that_the_readme_has():
    assert RUN == "make run\n" and "make run " in (ROOT / "README.md").read_text()


def test_a_program_shows_temperatures(folder):
    (folder / "main.py").write_text(ONE_RECORD)
    assert re.match(r"\d\d\.\d C\n", follow(LAPTOP, folder, r" C\n.* C\n"))


def test_a_second_record_takes_the_alarms(folder):
    (folder / "main.py").write_text(TWO_RECORDS)
    follow(SECOND, folder, r"the radio is too slow: \d+ temperatures not", seconds=60)


def test_what_was_not_sent_comes_again(folder):
    # Each value is an alarm: by chance there may be none in the second that the first one takes.
    (folder / "main.py").write_text(ON_FLASH.replace("15 * random", "15 + random"))
    assert "0 alarms are left" in follow(KEPT, folder, r"sent")
    follow(KEPT, folder, r"[1-9]\d* alarms are left[^\0]*sent")


def test_the_alarms_go_to_a_broker(folder):
    with LocalBroker() as broker, Listener(broker.port, "thermometer/alarms") as listener:
        (folder / "main.py").write_text(OVER_MQTT.replace("127.0.0.1", f"127.0.0.1:{broker.port}"))
        commands = KEPT.rstrip() + " & sleep 4; kill $!; echo done"
        follow(commands, folder, "done")
        assert all(float(alarm) > 30 for alarm in listener.payloads("thermometer/alarms"))
        assert listener.payloads("thermometer/alarms")


@pytest.mark.skipif("SOAK" not in os.environ, reason="forty files through an emulated serial port take a minute")
def test_the_emulated_board_runs_it(folder):
    (folder / "main.py").write_text(TWO_RECORDS.replace(*QUICKLY))
    link = folder / "pico"
    board = subprocess.Popen(EMULATED.replace("/tmp/pico", str(link)).split(), cwd=ROOT)
    try:
        deadline = time.monotonic() + 60
        while not link.exists():
            assert time.monotonic() < deadline and board.poll() is None
            time.sleep(0.1)
        follow(INSTALL, folder, r"sent: too hot", str(link), seconds=400)
        environment = {**os.environ, "AIMDB": str(ROOT), "PORT": str(link)}
        subprocess.run(["sh", "-e", "-c", COPY], cwd=folder, env=environment, check=True, timeout=120)
    finally:
        board.terminate()
        board.wait(10)


def test_every_program_is_there():
    assert "python\n" not in re.sub(r"```python\n.*?```", "", PAGE, flags=re.DOTALL)
