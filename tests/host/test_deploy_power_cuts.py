"""The power goes out while a deploy puts its files into place: after the next start there is one program, whole."""

from hashlib import sha256

import pytest
from deploy import STAGING, board_side
from device_files import ROOT
from emulated_pico import Board, BoardError
from emulated_pico.filesystem import build_image, read_image

BOOT = (ROOT / "firmware" / "boot.py").read_bytes()
OLD = {
    "boot.py": BOOT,
    "main.py": b"old main",
    "lib/one/a.mpy": b"old a",
    "lib/one/b.mpy": b"old b",
    "lib/gone/c.mpy": b"old c",
}
NEW = {"main.py": b"new main", "lib/one/a.mpy": b"new a", "lib/one/b.mpy": b"new b", "lib/two/d.mpy": b"new d"}
STALE = ["/lib/gone/c.mpy"]


def install_until(cut: int, with_effect: bool) -> tuple[dict[str, bytes], bool]:
    """The files after the next start, when the power was cut at this operation of the flash; and whether it was."""
    staged = {f"{STAGING}/{number}": path for number, path in enumerate(NEW)}
    files = {**OLD, **{source[1:]: NEW[path] for source, path in staged.items()}}
    moves = [(source, "/" + path, sha256(NEW[path]).digest()) for source, path in staged.items()]
    left = cut

    def before(operation: object) -> bool:
        nonlocal left
        left -= 1
        if not left:
            board.cut_power()
        return bool(left) or with_effect

    # main.py is no program here; the board comes to its prompt.
    with Board(build_image(files)) as board:
        board.flash.before = before
        try:
            board.exec(f"{board_side('survey')}\ninstall({moves}, {STALE}, {STAGING!r})", timeout=300)
        except BoardError:
            assert left <= 0
    with Board(board.filesystem()) as board:
        folders = board.exec("import os; print(*os.listdir('/lib'))", timeout=300).split()
    files = read_image(board.filesystem())
    assert ("gone" in folders) == ("lib/gone/c.mpy" in files)  # Empty, it would hide a module of its name.
    return files, left <= 0


@pytest.mark.parametrize("with_effect", [False, True])
def test_a_power_cut_at_any_operation_leaves_the_old_program_or_the_new_one(with_effect):
    old = {path: data for path, data in OLD.items() if path != "boot.py"}
    found = []
    was_cut = True
    while was_cut:
        files, was_cut = install_until(len(found) + 1, with_effect)
        program = {path: data for path, data in files.items() if path != "boot.py" and STAGING[1:] not in path}
        assert program in (old, NEW), (len(found) + 1, program)
        found.append(program == NEW)
    assert found == sorted(found) and len(found) > 10 and not found[0], found


@pytest.mark.parametrize("damaged", [b"\xff\xfe", b"x" * 300_000], ids=["no text", "no lines"])
def test_a_list_that_is_damaged_is_none(damaged):
    files = {"boot.py": BOOT, "main.py": b"print('at', 'work')", f"{STAGING[1:]}/moves": damaged}
    with Board(build_image(files)) as board:
        board.wait_for("at work", 60)
        assert "Traceback" not in board.console
