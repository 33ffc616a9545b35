"""`make graph`: a program's records as text and as a diagram, without a board."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
import asyncio
from aimdb import AimDb, Mailbox, SingleLatest, SpmcRing, every
from aimdb_flash import FlashQueue
from machine import ADC, Pin

sensor = ADC(4)
led = Pin("LED", Pin.OUT)
db = AimDb()

async def show(consumer):
    pass

async def compare(inputs, producer):
    pass

def to_fahrenheit(celsius):
    return celsius * 1.8 + 32

def celsius():
    return 27 - (sensor.read_u16() * 3.3 / 65535 - 0.706) / 0.001721

db.configure("celsius", SpmcRing(16)).source(every(100, celsius)).tap(show)
db.configure("fahrenheit", SpmcRing(4)).transform("celsius", to_fahrenheit).link_to("mqtt://me:secret@host/f")
db.configure("both", SingleLatest()).transform_join(("celsius", "fahrenheit"), compare)
db.configure("log", FlashQueue("/log"))
db.configure("button", Mailbox()).tap(show)
button = db.sync_producer("button")

while True:
    try:
        asyncio.run(db.run())
    except Exception as error:
        print(error)
"""

TEXT = """\
button  Mailbox
    from interrupts or threads
    to   tap show
celsius  SpmcRing(16)
    from source celsius every 100 ms
    to   tap show, record fahrenheit, record both
log  FlashQueue(n)
    from NO STAGE; code may produce in it by its key
    to   NO STAGE; code may read it by its key
fahrenheit  SpmcRing(4)
    from transform to_fahrenheit of celsius
    to   link mqtt://host/f, record both
both  SingleLatest
    from join compare of celsius, fahrenheit
    to   NO STAGE; code may read it by its key
"""

MERMAID = """\
flowchart LR
    r0["button<br/>Mailbox"]
    r1["celsius<br/>SpmcRing(16)"]
    r2["log<br/>FlashQueue(n)"]
    r3["fahrenheit<br/>SpmcRing(4)"]
    r4["both<br/>SingleLatest"]
    s0(["celsius every 100 ms"])
    s0 --> r1
    s1(["show"])
    r1 --> s1
    r1 -->|"to_fahrenheit"| r3
    s3[/"mqtt://host/f"/]
    r3 --> s3
    r1 -->|"compare"| r4
    r3 -->|"compare"| r4
    s5(["show"])
    r0 --> s5
    ir0{{"interrupts or threads"}} --> r0
    classDef alone stroke-dasharray: 5 5
    class r2,r4 alone
"""


@pytest.fixture
def draw(tmp_path):
    def draw(text: str, *options: str) -> subprocess.CompletedProcess[str]:
        program = tmp_path / "program.py"
        program.write_text(text)
        command = [sys.executable, ROOT / "tools" / "graph" / "draw.py", program, *options]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        result.stdout = re.sub(r"FlashQueue\(\d+\)", "FlashQueue(n)", result.stdout)  # It goes by the flash's size.
        return result

    return draw


def test_a_program_for_a_board_is_told_as_text(draw):
    result = draw(PROGRAM, "--only", "text")
    assert (result.stdout, result.stderr, result.returncode) == (TEXT, "", 0)


def test_a_program_for_a_board_is_drawn_as_a_mermaid_diagram(draw):
    assert draw(PROGRAM, "--only", "mermaid").stdout == MERMAID


def test_both_are_given_when_nothing_is_said(draw):
    assert draw(PROGRAM).stdout == TEXT + "\n" + MERMAID


def test_its_files_are_not_those_of_the_computer(draw, tmp_path):
    path = tmp_path / "of-the-computer"
    result = draw(f"open('/of-the-program', 'w').write('x')\nopen({str(path)!r}, 'w')\n" + PROGRAM)
    assert result.returncode == 1 and "OSError" in result.stderr  # It has no such folder.
    assert not path.exists() and not Path("/of-the-program").exists()


def test_mistakes_are_told_with_the_graph(draw):
    text = PROGRAM.replace('transform("celsius"', 'transform("kelvin"').replace(".tap(show)", ".tap(to_fahrenheit)", 1)
    result = draw(text, "--only", "text")
    assert "graph: record 'fahrenheit' has a transform of 'kelvin', which is no record\n" in result.stderr
    assert "graph: record 'celsius' has a tap, to_fahrenheit, that is not an async function" in result.stderr
    assert "from transform to_fahrenheit of kelvin" in result.stdout


def test_a_program_that_only_defines_main_is_run(draw):
    text = (
        "from aimdb import AimDb, Mailbox\n"
        "async def main():\n    db = AimDb()\n    db.configure('a', Mailbox())\n    await db.run()\n"
    )
    assert draw(text, "--only", "text").stdout.startswith("a  Mailbox\n")


def test_a_program_that_fails_or_has_no_database_is_said(draw):
    for text, words in (("1 / 0", "ZeroDivisionError"), ("", "no AimDb")):
        result = draw(text)
        assert result.returncode == 1 and words in result.stderr and "program.py" in result.stderr, result


def test_a_board_that_is_not_there_is_said_with_those_that_are(draw):
    result = draw(PROGRAM, "--board", "toaster")
    assert result.returncode == 1 and result.stderr.startswith("graph: There is no board called 'toaster'. "), result


def test_the_sensor_node_of_this_repository_is_drawn_with_its_network(draw):
    command = [sys.executable, ROOT / "tools" / "graph" / "draw.py", ROOT / "firmware" / "sensor_node.py"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "temperature  SpmcRing(16)\n" in result.stdout and "flowchart LR" in result.stdout
    assert "to   link mqtt://broker.local:1883/node/answer" in result.stdout


def test_numbers_may_be_made_of_what_boards_have_in_any_order(draw):
    text = (
        "from machine import Pin\n"
        "pin = Pin(1)\n"
        "level = pin.value() << 1 | pin.value()\n"
        "for x in (3 - pin, 3 * pin, 3 / pin, 3 % pin, pin % 3, 3 ^ pin, ~pin, -pin, pin < 3, pin >= 3, 1 << pin):\n"
        "    pass\n"
    )
    result = draw(text + PROGRAM, "--only", "text")
    assert (result.stdout, result.stderr, result.returncode) == (TEXT, "", 0)


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_the_examples_are_drawn(path):
    command = [sys.executable, ROOT / "tools" / "graph" / "draw.py", path]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0 and "flowchart LR" in result.stdout, result.stderr


# What users write: (what comes before the database, what makes and runs it).
MAKES = "db = AimDb()\ndb.configure('a', Mailbox())\n"
PROGRAMS = {
    "waits for the WiFi": (
        "import network, time\nwlan = network.WLAN(network.STA_IF)\nwlan.active(True)\nwlan.connect('a', 'b')\n"
        "while not wlan.isconnected():\n    time.sleep(1)\nwhile wlan.status() != 3:\n    time.sleep_ms(500)\n"
        "print('as', wlan.ifconfig()[0], wlan.config('mac').hex())\n",
        MAKES,
    ),
    "drives a strip of lights": (
        "import machine, neopixel\nstrip = neopixel.NeoPixel(machine.Pin(5), 8)\nstrip[0] = (255, 0, 0)\n"
        "strip.write()\n",
        MAKES,
    ),
    "scans a wire for thermometers": (
        "import onewire, ds18x20, machine\nwire = ds18x20.DS18X20(onewire.OneWire(machine.Pin(12)))\n"
        "roms = wire.scan()\nfor rom in roms:\n    print(rom.hex())\nprint(len(roms))\n",
        MAKES,
    ),
    "has a driver that is not here": (
        "import ssd1306\nfrom machine import I2C\nfrom umqtt.simple import MQTTClient\n"
        "class Display(ssd1306.SSD1306_I2C):\n    def show_all(self):\n        pass\n"
        "display = Display(128, 64, I2C(0))\n",
        MAKES,
    ),
    "has passwords in a module": (
        "import secrets\nfrom config import PORT, BROKER\nurl = 'mqtt://%s:%d/x' % (BROKER, PORT)\n"
        "other = 'mqtt://' + secrets.MQTT_HOST + '/x'\n",
        MAKES
        + "db.configure('b', Mailbox()).link_from(url)\ndb.configure('c', Mailbox()).link_from(secrets.URL + '/x')\n",
    ),
    "asks the chip who it is": (
        "import machine, binascii, gc, micropython, os\nname = binascii.hexlify(machine.unique_id()).decode()\n"
        "micropython.alloc_emergency_exception_buf(100)\nos.dupterm(None)\nmachine.freq(125_000_000)\n"
        "if machine.I2C(0).readfrom_mem(0x76, 0xD0, 1)[0] == 0x60:\n    print(gc.mem_free())\n",
        MAKES,
    ),
    "makes it in main": (
        "",
        "import aimdb\nasync def other():\n    await asyncio.sleep(9)\n"
        "async def main():\n    db = aimdb.AimDb()\n    db.configure('a', aimdb.Mailbox())\n"
        "    await asyncio.gather(db.run(), other())\n",
    ),
    "makes it in a function": (
        "",
        "def build():\n    db = AimDb()\n    db.configure('a', Mailbox())\n    return db\n",
    ),
    "makes it in a class": (
        "",
        "class App:\n    def __init__(self):\n        self.db = AimDb()\n        self.db.configure('a', Mailbox())\n",
    ),
    "catches all and starts again": (
        "",
        "def start():\n    while True:\n        try:\n            db = AimDb()\n"
        "            db.configure('a', Mailbox())\n"
        "            asyncio.run(db.run())\n        except:\n            pass\n"
        "if __name__ == '__main__':\n    start()\n",
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_of_a_user_is_drawn_that(draw, name):
    first, rest = PROGRAMS[name]
    result = draw("import asyncio\nfrom aimdb import AimDb, Mailbox\n" + first + rest, "--only", "text")
    assert result.stdout.startswith("a  Mailbox\n") and result.returncode == 0, result.stderr
    if "c" in rest.split("'"):
        assert "link mqtt://BROKER:1/x" in result.stdout and "link mqtt://URL/x" in result.stdout


def test_what_is_missing_here_is_said(draw):
    result = draw("import ssd1306\n" + PROGRAM, "--only", "text")
    assert (result.stdout, result.returncode) == (TEXT, 0)
    assert result.stderr == "graph: there is no module ssd1306 here; something stands in for it\n"


def test_a_program_reads_the_files_beside_it_or_examples_of_them(draw, tmp_path):
    read = "import json\nwith open('/secrets.json') as file:\n    words = json.load(file)\nassert words == [1]\n"
    result = draw(read + PROGRAM, "--only", "text")
    assert result.returncode == 1 and "(it reads /secrets.json, which is not beside it)" in result.stderr
    for name in ("secrets.example.json", "secrets.json"):
        (tmp_path / name).write_text("[1]")
        assert draw(read + PROGRAM, "--only", "text").stdout == TEXT
        (tmp_path / name).unlink()
