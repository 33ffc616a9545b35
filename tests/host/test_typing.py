"""What editors show: two type checkers accept programs with annotations, and flag the mistakes that are made most."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from programs import IMPORTED, PYRIGHT, ROOT, STUBS

BIN = Path(sys.executable).parent
LIBRARY = Path(__file__).parents[2] / "lib"

pytestmark = pytest.mark.skipif(
    not ((BIN / "basedpyright").exists() and (BIN / "mypy").exists() and STUBS.exists()),
    reason="the type checkers are not installed; make lint does that",
)

ACCEPTED = """
import asyncio
from typing import Any

from aimdb import AimDb, BoundedQueue, Buffer, BufferFull, BufferLagged, Consumer, DbError, InvalidConfiguration
from aimdb import Mailbox, Metrics, PackedProducer, Producer, Reader, Record, RecordKeyNotFound, SingleLatest, SpmcRing
from aimdb import SyncProducer


async def sensor(producer: Producer) -> None:
    while True:
        producer.produce(21.5)
        try:
            producer.try_produce(21.5)
        except BufferFull as error:
            print(error.value, error.key, error.capacity)
        await producer.produce_async(21.5)
        await producer.produce_async(21.5, timeout_ms=100)
        await asyncio.sleep_ms(100)


async def display(consumer: Consumer) -> None:
    reader: Reader = consumer.subscribe()
    celsius = await reader.recv()
    print("%.1f C" % celsius, await reader.recv(timeout_ms=100))
    await reader.ready()
    try:
        print(reader.try_recv(), reader.lagged)
    except BufferLagged as error:
        print(error.count)
    async for value in reader:
        print("%.1f C" % value)
    reader.close()
    late = await consumer.subscribe_async()
    late.close()


class Display:
    async def __call__(self, consumer: Consumer) -> None:
        await self.show(consumer)

    async def show(self, consumer: Consumer) -> None:
        await display(consumer)


class Largest(Buffer):
    value: Any = None

    def push(self, value: Any) -> None:
        self.value = value
        self.wake()

    def has_value(self, reader: Reader) -> bool:
        return self.value is not None

    def take(self, reader: Reader) -> Any:
        return self.value


db = AimDb()
record: Record = db.configure("temperature", SpmcRing(16)).source(sensor).tap(display)
record.tap(Display()).tap(Display().show).tap(lambda consumer: display(consumer))
db.configure("largest", Largest()).link_to("mqtt://host/x", qos=1).link_from("mqtt://host/y")
for buffer in (SingleLatest(), Mailbox(), BoundedQueue(3)):
    metrics: Metrics = buffer.metrics()
    held, capacity = metrics.occupancy
    print(metrics.produced_count + held, capacity, buffer.peek())
    buffer.close()
producer: Producer = db.producer("temperature")
consumer: Consumer = db.consumer("temperature")
from_interrupts: SyncProducer = db.sync_producer("temperature", 16)
samples: PackedProducer = db.sync_producer("temperature", format="<I")
samples = db.sync_producer("temperature", 16, "<I")
if from_interrupts.try_send(1) or samples.try_send_slot():
    from_interrupts.send(2, timeout_ms=100)
try:
    db.produce_any("temperature", 3)
except RecordKeyNotFound as error:
    print(error)


async def main() -> None:
    await db.produce_any_async("temperature", 3, timeout_ms=100)
    try:
        await db.run()
    except InvalidConfiguration as error:
        print(error.errors)
    except DbError as error:
        print(error)


asyncio.run(main())
asyncio.run(db.run())
"""


def names_on_boards(file: str) -> list[str]:
    """All public names of a package, as the file lists them by which a board finds them."""
    lines = re.search(r'^_?MODULES = .*?"""\\\n(.*?)"""', (LIBRARY / file).read_text(), re.DOTALL | re.MULTILINE)[1]
    return [name.split("=")[0] for line in lines.split("\n") for name in line.split()[1:]]


ALL = names_on_boards("aimdb/loading.py")
BY_NAME = "".join(
    "def of_{0}() -> None:\n    from {0} import {1}\n".format(
        package, ", ".join(names_on_boards(f"{package}/names.py"))
    )
    for package in ("aimdb_flash", "aimdb_mqtt", "aimdb_aimx", "aimdb_node")
)
BY_ASTERISK = """
from aimdb import *

db = AimDb()


def publish() -> None:
    db.produce_any("temperature", 1)
    print({names})
""".format(names=", ".join(ALL))

# Each follows this; both checkers name its last line.
BEFORE = """
import asyncio
from aimdb import AimDb, BoundedQueue, Consumer, Mailbox, Producer, Reader
from aimdb_flash import FlashQueue, FlashReader
db = AimDb()
async def stage(producer: Producer, consumer: Consumer, reader: Reader) -> None:
    pass
"""
FLAGGED = {
    "a misspelt import": "from aimdb import SpmcRng",
    "a misspelt import from the queue on flash": "from aimdb_flash import FlashQue",
    "a misspelt import from the node": "from aimdb_node import Superviser",
    "a misspelt import from MQTT": "from aimdb_mqtt import Brokr",
    "a misspelt import from AimX": "from aimdb_aimx import AimxServr",
    "a call that there is not": "    producer.publish(1)",
    "an argument that is missing": "    producer.produce()",
    "an await that was forgotten for recv": "    reader.recv()",
    "a value that was not awaited": "    print(reader.recv() + 1)",
    "an await that was forgotten for ready": "    reader.ready()",
    "an await that was forgotten for produce_async": "    producer.produce_async(1)",
    "an await that was forgotten for subscribe_async": "    consumer.subscribe_async()",
    "an await that was forgotten for produce_any_async": '    db.produce_any_async("a", 1)',
    "an await that was forgotten for run": "    db.run()",
    "an await that was forgotten for push_async": "    BoundedQueue(1).push_async(1)",
    "an await that was forgotten for push_async on flash": '    FlashQueue("/journal").push_async(b"1")',
    "an await that was forgotten for flush": '    FlashQueue("/journal").flush()',
    "an await that was forgotten for recv from flash": '    FlashReader(FlashQueue("/journal")).recv()',
    "an await too many": "    await producer.produce(1)",
    "a stage that is not async": 'db.configure("a").tap(lambda consumer: None)',
    "a stage that was called": 'db.configure("a").source(stage(db.producer("a"), db.consumer("a"), Reader(Mailbox())))',
    "a buffer class instead of a buffer": 'db.configure("a", Mailbox)',
    "a timeout in words": '    await reader.recv(timeout_ms="1 s")',
}


def mypy(folder: Path) -> list[tuple[str, int, str]]:
    """File, line and sentence of everything that mypy has against the programs in the folder."""
    environment = {**os.environ, "MYPYPATH": ":".join(map(str, IMPORTED))}
    command = [BIN / "mypy", "--follow-imports=silent", "--check-untyped-defs", "--custom-typeshed-dir", STUBS]
    command += ["--disable-error-code=var-annotated", "--cache-dir", folder / "cache", *folder.glob("*.py")]
    printed = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True).stdout
    found = re.findall(r"^(\w+\.py):(\d+): error: (.*)$", printed, re.MULTILINE)
    return [(name, int(line), sentence) for name, line, sentence in found]


def pyright(folder: Path) -> list[tuple[str, int, str]]:
    """The same of pyright, which is what VS Code's Python extension runs."""
    (folder / "pyrightconfig.json").write_text(json.dumps(PYRIGHT))
    command = [BIN / "basedpyright", "--outputjson", *folder.glob("*.py")]
    printed = subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout
    return [
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1, each["message"])
        for each in json.loads(printed)["generalDiagnostics"]
    ]


@pytest.fixture(scope="module", params=[mypy, pyright], ids=["mypy", "pyright"])
def checked(request, tmp_path_factory):
    """What a checker has against all programs of this file, which it sees at once: {name: [(line, sentence)]}."""
    folder = tmp_path_factory.mktemp("programs")
    programs = {"accepted": ACCEPTED, "by_asterisk": BY_ASTERISK, "by_name": BY_NAME}
    for number, line in enumerate(FLAGGED.values()):
        programs[f"flagged_{number}"] = BEFORE + line
    for name, program in programs.items():
        (folder / f"{name}.py").write_text(program)
    found = {name: [] for name in programs}
    for file, line, sentence in request.param(folder):
        found[file.removesuffix(".py")].append((line, sentence))
    return found


def test_a_program_with_annotations_is_accepted(checked):
    assert checked["accepted"] == []


def test_all_names_of_the_other_packages_are_known(checked):
    assert checked["by_name"] == []


def test_all_names_are_known_by_the_asterisk(checked):
    assert checked["by_asterisk"] == []


@pytest.mark.parametrize("mistake", FLAGGED)
def test_a_mistake_is_flagged(checked, mistake):
    number = list(FLAGGED).index(mistake)
    assert {line for line, _ in checked[f"flagged_{number}"]} == {BEFORE.count("\n") + 1}


@pytest.mark.parametrize(
    "argument, said",
    [
        ([], "Name the file of your program: make types PROGRAM=main.py"),
        (["PROGRAM=no/such.py"], f"There is no file no/such.py in {ROOT}: give its whole path."),
    ],
)
def test_a_program_that_is_not_there_gets_a_sentence(argument, said):
    command = ["make", "--no-print-directory", "types", *argument]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode and result.stdout == said + "\n"
