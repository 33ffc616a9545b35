"""What the programs in examples/ print on an emulated board, with what belongs around them."""

import ast
import json
import re
import subprocess
import sys
from functools import cache

import example
import pytest
from emulated_pico import Board, BoardError
from emulated_pico.filesystem import build_image
from surroundings import AROUND, DataLogger, HomeAssistant, Surroundings

SECONDS = {"ring": 8, "latest": 4, "mailbox": 4, "weather_station": 7.5, "data_logger": 6, "buttons": 5}


@cache
def watched(name: str) -> tuple[str, list[str], Surroundings]:
    """What an example prints, what happened around it, and its surroundings."""
    happened: list[str] = []
    with AROUND.get(name, Surroundings)(happened.append) as around:
        return example.run(name, SECONDS[name], around), happened, around


def printed(name: str) -> str:
    return watched(name)[0]


@pytest.mark.parametrize("name", example.names())
def test_an_example_is_short_and_says_what_to_wire(name):
    source = (example.FOLDER / f"{name}.py").read_text()
    assert source.count("\n") < 100
    assert "Wiring:" in ast.get_docstring(ast.parse(source)) or "wiring" in ast.get_docstring(ast.parse(source))


def test_every_example_is_listed_and_tested():
    page = (example.FOLDER / "README.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == [
        *("ring", "latest", "mailbox"),
        *("weather_station", "data_logger", "buttons", "home_assistant"),
    ]
    assert sorted([*SECONDS, "home_assistant"]) == example.names()


def test_a_slow_reader_of_a_ring_is_told_what_it_missed():
    text = printed("ring")
    assert "fast: 40 values, 0 to 39" in text
    missed = [int(count) for count in re.findall(r"slow: missed (\d+) values\n", text)]
    seen = re.findall(r"slow: (\d+)\n", text)
    in_all = int(re.search(r"missed (\d+) values in all", text)[1])
    assert missed and sum(missed) == in_all == 40 - len(seen)
    assert seen[-1] == "39"


def test_a_slow_reader_of_the_latest_value_skips_to_what_holds():
    text = printed("latest")
    fast, slow = (re.findall(rf"{who}: (\d+) C", text) for who in ("fast", "slow"))
    assert fast == [str(celsius) for celsius in range(20, 30)]
    assert slow[0] == "20" and slow[-1] == "29" and len(slow) < 6
    assert re.search(r"late: 2[45] C", text)
    assert text.endswith("the last value stays: 29 C\n")


def test_a_newer_command_takes_the_place_of_an_older_one():
    assert re.findall(r"the lamp is (\w+)", printed("mailbox")) == ["blue", "yellow", "black"]


def test_the_weather_station_shows_means_and_survives_a_loose_wire():
    text = printed("weather_station")
    assert re.search(r"display: case 27\.\d light \d+\.0 mean 25\.0", text)
    assert re.search(r"record 'outside': outside of its source failed: OSError", text)
    assert "mean 36.0" in text


def test_the_alarms_of_the_weather_station_are_all_sent():
    assert re.findall(r"sent: (too hot|cool again)", printed("weather_station")) == ["too hot", "cool again"]


def test_commands_change_the_rates_of_the_weather_station():
    text = printed("weather_station")
    assert text.count("command: done") == 1
    assert "command: refused: MS is a whole number from 10 to 60000, not '5'" in text


def test_the_data_logger_uploads_every_sample_through_a_power_cut():
    text, _, around = watched("data_logger")
    before, _, after = text.partition("the power goes out")
    assert "start 1; 0 samples are on the flash" in before and "no answer; it stays on the flash" in before
    kept = int(re.search(r"start 2; (\d+) samples are on the flash", after)[1])
    assert kept > 2
    for start in (1, 2):
        numbers = [number for life, number in around.taken if life == start]
        assert numbers == list(range(1, len(numbers) + 1)), around.taken
    assert [life for life, _ in around.taken].count(1) == kept
    assert f"uploaded 1 {kept}\n" in after and "uploaded 2 1\n" in after


class LateGateway(DataLogger):
    """It answers 1.2 s late at first, and does not hear the third line."""

    lives = 1
    heard = 0

    def arrange(self, board: Board, life: int) -> None:
        super().arrange(board, 1)
        uart = board.mcu.uart[0]
        hear, answer = uart.on_byte, uart.feed_byte

        def lossy(byte: int) -> None:
            if self.heard != 2:
                hear(byte)
            self.heard += byte == 10

        def late(byte: int) -> None:
            board.after(1.2 if self.heard < 3 else 0.001, lambda: answer(byte))

        uart.on_byte, uart.feed_byte = lossy, late


def test_an_answer_that_comes_late_acknowledges_no_other_sample():
    with LateGateway(lambda text: None) as around:
        text = example.run("data_logger", 8, around)
    numbers = sorted({number for _, number in around.taken})
    assert "no answer" in text and len(numbers) > 4 and numbers == list(range(1, len(numbers) + 1)), around.taken


def test_a_contact_that_bounces_makes_one_event():
    events = re.findall(r"^\d+ (.*)$", printed("buttons"), re.MULTILINE)
    pressed = [event for event in events if "volume" not in event]
    assert pressed == ["play pressed", "play released", "stop pressed", "stop released"]


def test_the_knob_is_followed_in_both_directions():
    volumes = [int(volume) for volume in re.findall(r"volume (-?\d+)", printed("buttons"))]
    assert volumes == [1, 2, 3, 2]


# On which topics the board is heard, its name left out.
ANNOUNCED = {
    "homeassistant/sensor/ID/temperature/config",
    "homeassistant/switch/ID/led/config",
    "ID/available",
    "ID/temperature",
}


def test_home_assistant_finds_the_board_and_switches_its_led(wifi_board):
    printed: list[str] = []
    with HomeAssistant(lambda text: None) as around:
        for path, data in around.files().items():
            wifi_board.exec(f"with open({path!r}, 'wb') as file: file.write({data!r})")
        around.arrange(wifi_board, 0)

        def end_when_done() -> None:
            # By what has arrived, on either side: the wall clock of a busy machine says nothing of that.
            seen = {re.sub(r"pico_\w+", "ID", topic): payload for topic, payload in list(around.listener.messages)}
            if "no command for the LED" in "".join(printed):
                wifi_board.write_after(0.2, example.INTERRUPT)
                return
            # The command itself is seen, too, before the board has obeyed it.
            if not sent and seen.get("ID/led") == b"ON" and seen.keys() >= ANNOUNCED:
                sent.append(next(topic for topic, _ in around.listener.messages if topic.endswith("/led/set")))
                around.listener.send(sent[0], b"\xff")  # What nobody expects.
            wifi_board.after(0.2, end_when_done)

        sent: list[str] = []
        end_when_done()
        with pytest.raises(BoardError, match="KeyboardInterrupt"):
            wifi_board.exec((example.FOLDER / "home_assistant.py").read_text(), 300, printed.append)
        messages = dict(around.listener.messages)
        wifi_board.exec("db = broker = available = state = None; asyncio.new_event_loop(); import gc; gc.collect()")
    text = "".join(printed)
    assert "connected\n" in text and "the LED is ON\n" in text and "None" not in text
    assert r"no command for the LED: b'\xff'" in text
    configs = {topic: json.loads(payload) for topic, payload in messages.items() if topic.endswith("/config")}
    kinds = {re.fullmatch(r"homeassistant/(\w+)/pico_\w+/\w+/config", topic)[1] for topic in configs}
    assert kinds == {"sensor", "switch"}
    for config in configs.values():
        assert messages[config["availability_topic"]] == b"online"
        assert config["unique_id"] and config["device"]["identifiers"]
        state = messages[config["state_topic"]]
        assert state == b"ON" if "command_topic" in config else 26 < json.loads(state) < 28


@pytest.mark.parametrize("content", [None, b"{", b"[]", b'{"ssid": "a", "password": "b"}'], ids=str)
def test_home_assistant_is_told_what_its_settings_are_to_have(wifi_board, content):
    wifi_board.exec("import os\nif 'network.json' in os.listdir(): os.remove('/network.json')")
    if content is not None:
        wifi_board.exec(f"with open('/network.json', 'wb') as file: file.write({content!r})")
    with pytest.raises(BoardError, match="/network.json is to have ssid, password and broker: "):
        wifi_board.exec((example.FOLDER / "home_assistant.py").read_text(), 60)


def test_an_example_runs_on_a_board_at_a_port(capfd):
    files = example.files_of("mailbox")
    del files["main.py"]
    with Board(build_image(files), paced=True) as board:
        assert example.main(["mailbox", "--port", board.serve_pty()]) == 0
    assert re.findall(r"the lamp is (\w+)", capfd.readouterr().out) == ["blue", "yellow", "black"]


@pytest.mark.parametrize("time", ["nan", "-3"])
def test_a_time_that_never_ends_or_is_over_gets_a_sentence(time):
    command = [sys.executable, example.__file__, "mailbox", "--seconds", time]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2 and f"'{time}' is no number of seconds, such as 10" in result.stderr


@pytest.mark.parametrize(
    "options, complaint",
    [
        ([], "NAME is one of buttons, data_logger, home_assistant, latest, mailbox, ring, weather_station, not ''"),
        (["weathr"], "NAME is one of buttons, data_logger"),
    ],
)
def test_what_cannot_be_run_gets_a_sentence(options, complaint):
    result = subprocess.run([sys.executable, example.__file__, *options], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith("example: " + complaint)
