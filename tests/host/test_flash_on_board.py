"""The power of an emulated board goes out at its flash operations, while it uses a FlashQueue on its real flash.

`SOAK=1` in the environment cuts at every operation, in three shapes; otherwise at some, each time on the flash that
the cut before has left.
"""

import ast
import os

import device_files
import pytest
from emulated_pico import Board, BoardError
from emulated_pico.filesystem import build_image
from emulated_pico.flash import FlashOperation

PATIENCE = 600
SHAPES = ("before", "partly", "after")

SECTOR = 4096

STORAGE = {
    "files": "'/queue', max_size=24 * 4096",
    "blocks": "BlockStorage(rp2.Flash(start={free}, len=24 * 4096))",
}

BURSTS = (1, 5, 1, 9)  # So many values are produced together.
FEW = (1, 4)  # Enough for files, each flush of which is ten operations.

PROGRAM = """
import asyncio
import rp2
from aimdb import BufferEmpty
from aimdb_flash import BlockStorage, FlashQueue

queue = FlashQueue({storage}, flush_ms=0)
reader = queue.subscribe()
found = []
try:
    while True:
        found.append(int(reader.try_recv().split()[0]))
except BufferEmpty:
    pass
print("found", found)
reader.close()

async def produce(number):
    await queue.push_async(b"%d " % number + b"." * 90)
    print("accepted", number)

async def consume(count):
    reader = queue.subscribe()
    for _ in range(count):
        number = int((await reader.recv()).split()[0])
        print("read", number)
        await reader.commit()
        print("committed", number)

async def main():
    number = {first}
    for burst in {bursts}:
        await asyncio.gather(*[produce(number + i) for i in range(burst)])
        number += burst
        await consume(burst - 1)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def image():
    return build_image({path[1:]: data for path, data in device_files.library_files(["aimdb_flash"], None).items()})


def free_sectors(image):
    """The first place for the raw region that littlefs has not used, and will not, as nothing is written to it."""
    return next(
        start for start in range(0, len(image), SECTOR) if not image[start : start + 24 * SECTOR].strip(b"\xff")
    )


class Account:
    """What a board has told of its values, over all its lives."""

    def __init__(self, image):
        self.free = free_sectors(image)
        self.produced = set()
        self.accepted = set()
        self.read = set()
        self.committed = set()
        self.first = 0  # The next life's first value.

    def check(self, found):
        assert found == sorted(set(found))
        assert self.accepted - self.read <= set(found), "lost"
        assert not self.committed & set(found), "committed, and back"
        assert set(found) <= self.produced
        # From here on these are what there is.
        self.accepted, self.read = set(found), set()

    def follow(self, text):
        for line in text.splitlines():
            word, _, argument = line.partition(" ")
            if word == "found":
                self.check(ast.literal_eval(argument))
            elif word in ("accepted", "read", "committed"):
                getattr(self, word).add(int(argument))


def live(image, account, storage, cut_at, how, bursts=BURSTS):
    """One life of a board: until its power is cut at this operation. Returns the flash; None: it came to its end."""
    with Board(filesystem=image, model="pico") as board:

        def cut(operation: FlashOperation) -> bool:
            if len(board.flash.log) < cut_at:
                return True
            if how == "partly":
                flash = board.mcu.flash
                middle = operation.address + operation.size // 2
                if operation.kind == "erase":
                    flash[operation.address : middle] = b"\xff" * (operation.size // 2)
                else:
                    for i in range(operation.size // 2):
                        flash[operation.address + i] &= operation.data[i]
            board.cut_power()
            return how == "after"

        board.flash.clear()
        board.flash.before = cut
        printed = []
        program = PROGRAM.format(storage=STORAGE[storage].format(free=account.free), bursts=bursts, first=account.first)
        # What the board had said last may not have come through.
        account.produced |= set(range(account.first, account.first + sum(bursts)))
        account.first += sum(bursts)
        try:
            board.exec(program, PATIENCE, on_output=printed.append)
        except BoardError as error:
            assert "stopped" in str(error), error
            ended = False
        else:
            ended = True
        # Whole lines only: the last may have been cut, too.
        account.follow("".join(printed).rpartition("\n")[0])
        return None if ended else board.filesystem()


@pytest.mark.parametrize("storage, cuts", [("files", (30, 3, 44)), ("blocks", (14, 3, 12))])
def test_values_outlast_a_row_of_power_cuts(image, storage, cuts):
    account = Account(image)
    flash = image
    for cut_at, how in zip(cuts, ("partly", "after", "before")):
        flash = live(flash, account, storage, cut_at, how)
        assert flash, "the power was not cut"
    assert account.committed and account.accepted


@pytest.mark.skipif(not os.environ.get("SOAK"), reason="takes many minutes; `make soak` runs it")
@pytest.mark.parametrize("how", SHAPES)
@pytest.mark.parametrize("storage", STORAGE)
def test_values_outlast_a_power_cut_at_every_operation(image, storage, how):
    # One after the other on the same flash: each life begins with checking what the one before has left.
    account = Account(image)
    flash, cut_at = image, 0
    bursts = FEW if storage == "files" else BURSTS
    while (left := live(flash, account, storage, cut_at + 1, how, bursts)) is not None:
        flash, cut_at = left, cut_at + 1
        print(f"{storage}, cut {how} at operation {cut_at}: {len(account.accepted)} accepted", flush=True)
    assert cut_at > 10
