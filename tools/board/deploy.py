"""Puts the library, with the firmware or alone, onto a board: only what changed, checked, then restarted.

The new files are first copied beside the old ones and checked there; then all are renamed into place at once.
A deploy that breaks off leaves the old program whole, and the next one goes on with what is missing. When the power
goes out between two renames, boot.py does the rest at the next start.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import os
import re
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

import ownership
from board_declaration import CHIPS, board_file, board_folders, chip_of, declared_values
from board_link import BoardFull, BoardLink, find_port, mpremote_by_hand
from device_files import MPY_VERSION, ROOT, DeployError, files_for, library_files
from pytest_micropython.mpy import ASK_ARCHITECTURE, architecture_named

# Older ones read past the end of a deque that has wrapped round when it is indexed, as our buffers do.
OLDEST_MICROPYTHON = (1, 25)

STAGING = "/deploy.new"


def deploy(
    link: BoardLink,
    files: dict[str, bytes],
    board: str | None,
    root: Path,
    dry_run: bool,
    restart: bool,
    force: bool,
) -> None:
    """Bring these files onto the board behind `link`, and print what it does.

    Arguments:
        board: the folder below boards/ that they were made for, or None when any board will do.
        force: overwrite and remove also what is the user's.
    """
    began = time.monotonic()
    try:
        found = link.persist(lambda: survey(link, files))
        check_board(found, board, root)
        check_rivals(found, link.port)
        changed = {path: data for path, data in files.items() if not holds(found, path, data)}
        stale = stale_files(found, files)
        check_foreign(found, files, stale, link.port, root, force)
        listed = {ownership.entry(path, sha256(data).digest()) for path, data in files.items()}
        version = ".".join(str(number) for number in found["version"])
        print(f"{found['machine']}, MicroPython {version}, on {link.port}")
        if dry_run:
            for path, data in changed.items():
                print(f"  {path}  {len(data)} bytes, would be copied")
            for path in stale:
                print(f"  {path}  would be removed")
        elif changed or stale or not listed <= found["ours"]:
            # The list goes first, with what is there and what is to come: one of the two is there whenever power fails.
            there = {(path, digits) for path, digits in found["ours"] if path not in stale}
            new_list = {ownership.LIST: ownership.write(still_there(found, there) | listed)}

            def bring() -> dict:
                now = found if link.stopped else survey(link, files)  # Anew after the connection broke off.
                return copy(link, now, files, {**new_list, **changed}, stale)

            found = link.persist(bring)
            broken = [path for path, data in files.items() if not holds(found, path, data)]
            if broken:
                raise DeployError(
                    f"{', '.join(broken)} on the board differs from what was copied. Deploy again; if it "
                    "stays so, the board's flash is worn out or damaged."
                )
    except (DeployError, KeyboardInterrupt):
        # The board goes back to the program it had.
        if restart and link.stopped:
            with contextlib.suppress(DeployError):
                link.restart()
        raise
    if restart:
        link.restart()
    size = sum(len(data) for data in changed.values())
    print(
        f"{len(changed)} {'to copy' if dry_run else 'copied'} ({size} bytes), "
        f"{len(files) - len(changed)} unchanged, {len(stale)} {'to remove' if dry_run else 'removed'}, "
        f"{'board restarted, ' if restart else ''}{time.monotonic() - began:.1f} s"
    )


def still_there(found: dict, entries: ownership.Entries) -> ownership.Entries:
    """Those of the entries whose file is as it was put there. What the survey did not look at is believed."""
    return {
        (path, digits)
        for path, digits in entries
        if path not in found["files"] or (path, digits) == ownership.entry(path, found["files"][path])
    }


def survey(link: BoardLink, wanted: dict[str, bytes]) -> dict:
    """What the board is, and which of our files it holds, in one mpremote run."""
    return parse_survey(link.run(["exec", board_side("make_folder", "install") + survey_call(wanted)]))


def board_side(*left_out: str) -> str:
    """The text of board_side.py for a slow link: without comments, wide indents and what is left out."""
    source = ast.parse(Path(__file__).with_name("board_side.py").read_text())
    _, *parts = source.body
    source.body = [part for part in parts if getattr(part, "name", None) not in left_out]
    return re.sub("(?m)^(    )+", lambda indent: " " * (len(indent[0]) // 4), ast.unparse(source))


def survey_call(wanted: dict[str, bytes]) -> str:
    folders = [*owned_folders(wanted), STAGING]
    loose = [path for path in wanted if not path.startswith(tuple(folders))]
    return f"\nsurvey({loose}, {folders}, {rivals_of(wanted)}, {ownership.LIST!r})"


def parse_survey(output: str) -> dict:
    for line in output.splitlines():
        if line.startswith("SURVEY "):
            with contextlib.suppress(SyntaxError, ValueError):
                found = ast.literal_eval(line.removeprefix("SURVEY "))
                return {**found, "ours": ownership.parse(found["list"].decode(errors="replace"))}
    raise DeployError("The board's answer was garbled, perhaps by something it prints meanwhile. Try again.")


def check_board(found: dict, board: str | None, root: Path = ROOT) -> None:
    """Refuse boards on which our files would not run."""
    version = ".".join(str(number) for number in found["version"])
    oldest = ".".join(str(number) for number in OLDEST_MICROPYTHON)
    if found["name"] != "micropython":
        raise DeployError(
            f"The board runs {found['name']} {version}, which lacks parts of MicroPython that AimDB needs. "
            "Flash MicroPython: micropython.org/download"
        )
    if tuple(found["version"]) < OLDEST_MICROPYTHON:
        raise DeployError(
            f"The board runs MicroPython {version}; AimDB needs {oldest} or newer. "
            "Flash a newer one: micropython.org/download"
        )
    if found["mpy"] != MPY_VERSION:
        raise DeployError(
            f"The board loads .mpy version {found['mpy']}, but we write version {MPY_VERSION}. "
            "Flash another MicroPython: micropython.org/download"
        )
    chip = chip_of(board, root) if board else None
    name, named, found_chip = found["machine"].rpartition(" with ")
    wrong = f"The board is a {found['machine']}, not a '{board}'. Name the right one: make deploy BOARD="
    if chip and (CHIPS[chip].port != found["platform"] or named and found_chip.lower() != chip):
        raise DeployError(wrong + "...")
    if board:
        # A board of the user's own runs the firmware of the one that it is like.
        declared = {each: declared_values(board_file(each, root)) for each in board_folders(root)}
        right = [each for each, values in declared.items() if named and values.get("NAME") == name]
        if right and declared[board].get("_FIRMWARE") not in [declared[each].get("_FIRMWARE") for each in right]:
            raise DeployError(wrong + right[0])


def check_rivals(found: dict, port: str) -> None:
    """Refuse to deploy what something of the user's is in the place of, or would hide: it is not ours to delete."""
    if found["blocked"]:
        paths = " ".join(":" + path for path in found["blocked"])
        raise DeployError(
            "On the board a folder stands in the place of a file that we copy, or a file in that of a folder. Save "
            f"it if you need it, then remove it: {mpremote_by_hand()} connect {port} fs rm -r {paths}"
        )
    if found["rivals"]:
        paths = " ".join(":" + path for path in found["rivals"])
        raise DeployError(
            "The board would import something else instead of what we copy. Save it if you need it, then "
            f"remove it: {mpremote_by_hand()} connect {port} fs rm -r {paths}"
        )


def check_foreign(found: dict, files: dict[str, bytes], stale: list[str], port: str, root: Path, force: bool) -> None:
    """Refuse to touch the user's files, unless forced."""
    digests = {path: sha256(data).digest() for path, data in files.items()}
    foreign = ownership.foreign(found["files"], found["blank"], found["ours"], digests, stale, root)
    paths = [*foreign.overwritten, *foreign.removed]
    if paths and not force:
        library = "" if paths[0].startswith("/lib/") else " The library alone goes beside your program: make install."
        raise DeployError(
            f"The board has files that were not put there from here, so nothing was changed: {foreign}. Save what you "
            f"need ({mpremote_by_hand()} connect {port} fs cp :{paths[0]} .), then run this again with FORCE=1."
            f"{library}"
        )


def copy(link: BoardLink, found: dict, wanted: dict, changed: dict, stale: list[str]) -> dict:
    """Copy what is not there, check and rename it in one mpremote run; returns the survey made after it."""
    changed = {path: data for path, data in changed.items() if not holds(found, path, data)}
    stale = [path for path in stale if path in found["files"]]
    staged = {path: f"{STAGING}/{staging_name(path, data)}" for path, data in changed.items()}
    missing = {path: data for path, data in changed.items() if not holds(found, staged[path], data)}
    total = sum(len(data) for data in missing.values())
    if total > found["free"]:
        raise DeployError(
            f"The board's filesystem is full: {total} bytes are to be copied, {found['free']} are free. "
            f"Delete files that you no longer need ({mpremote_by_hand()} connect {link.port} fs tree -s shows them), "
            "then run this again."
        )
    for path in changed.keys() - missing.keys():
        print(f"  {path}  already there from a deploy that broke off")

    moves = [(staged[path], path, sha256(data).digest()) for path, data in changed.items()]
    begun = iter(missing.items())
    last = next(reversed(missing), None)

    def report(line: str) -> None:
        if line.startswith("cp "):
            path, data = next(begun)
            print(f"  {path}  {len(data)} bytes", flush=True)
            if path == last:
                print("  all are checked on the board, and renamed into place ...", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        make_staging = f"import os\nif '{STAGING[1:]}' not in os.listdir('/'): os.mkdir('{STAGING}')"
        commands = [["exec", make_staging]]
        for number, (path, data) in enumerate(missing.items()):
            local = Path(folder, str(number))
            local.write_bytes(data)
            commands.append(["fs", "cp", "-f", str(local), ":" + staged[path]])
        install = f"\ninstall({moves}, {stale}, '{STAGING}')"
        commands.append(["exec", board_side() + install + survey_call(wanted)])
        try:
            # The slowest links carry a few hundred bytes a second.
            output = link.run(*commands, patience=60 + total / 200, each_line=report)
        except BoardFull:
            with contextlib.suppress(DeployError):
                link.run(["fs", "rm", "-r", ":" + STAGING])
            raise
    for path in stale:
        print(f"  {path}  removed")
    return parse_survey(output)


def staging_name(path: str, data: bytes) -> str:
    """The name of a file, by its path and content, so that a later deploy can tell whether it is the one needed."""
    return sha256(path.encode() + b"\0" + data).hexdigest()[:16]


def holds(found: dict, path: str, data: bytes) -> bool:
    return found["files"].get(path) == sha256(data).digest()


def owned_folders(wanted: dict[str, bytes]) -> list[str]:
    """Folders of the packages that we deploy: everything importable in them is ours."""
    packages = {path.split("/")[2] for path in wanted if path.startswith("/lib/") and path.count("/") > 2}
    return [f"/lib/{package}" for package in sorted(packages)]


def stale_files(found: dict, wanted: dict[str, bytes]) -> list[str]:
    """In our folders: what we put there and no longer ship, and what would be imported in place of what we ship."""
    folders = tuple(folder + "/" for folder in owned_folders(wanted))

    def is_stale(path: str) -> bool:
        listed = ownership.entry(path, found["files"][path]) in found["ours"]
        return path not in wanted and (listed or path.removesuffix(".py") + ".mpy" in wanted)

    return [path for path in found["files"] if path.startswith(folders) and is_stale(path)]


def rivals_of(wanted: dict[str, bytes]) -> list[str]:
    """Paths outside our folders that MicroPython would import before what we deploy."""
    rivals = []
    for folder in owned_folders(wanted):
        hidden = folder.removeprefix("/lib")
        rivals += [hidden, hidden + ".py", hidden + ".mpy"]
    for path in wanted:
        if path.endswith(".mpy") and not path.startswith(tuple(owned_folders(wanted))):
            module = path.removesuffix(".mpy")
            rivals += [module, module + ".py"]
            if module.startswith("/lib/"):
                hidden = module.removeprefix("/lib")
                rivals += [hidden, hidden + ".py", hidden + ".mpy"]
    return rivals


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", help="its serial port; not needed when one board is plugged in")
    parser.add_argument("--board", default="pico_w", help="folder below boards/ that describes it (pico_w)")
    parser.add_argument("--library", nargs="+", metavar="PACKAGE", help="only these packages, for any board")
    parser.add_argument("--keep-line-numbers", action="store_true", help="larger files, better tracebacks")
    parser.add_argument("--bytecode", action="store_true", help="no native code: less heap, slower (or BYTECODE=1)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be copied, and copy nothing")
    parser.add_argument("--no-reset", action="store_true", help="leave the board at its prompt, not running")
    parser.add_argument("--force", action="store_true", help="overwrite and remove your own files (or FORCE=1)")
    parser.add_argument("--root", type=Path, default=ROOT, help="repository to deploy from (this one)")
    options = parser.parse_args(arguments)
    native = not (options.bytecode or os.environ.get("BYTECODE"))
    try:
        if options.library:
            link = BoardLink(options.port or find_port())
            number = link.persist(lambda: link.run(["exec", ASK_ARCHITECTURE])).strip()
            architecture = architecture_named(number) if native else None
            packages = ",".join(options.library).replace(",", " ").split()
            board, files = None, library_files(packages, architecture, options.root, options.keep_line_numbers)
        else:
            # Compiled first: a mistake in a source must not stop a running board.
            board, files = options.board, files_for(options.board, options.root, options.keep_line_numbers, native)
            link = BoardLink(options.port or find_port())
        restart, force = not options.no_reset, options.force or bool(os.environ.get("FORCE"))
        deploy(link, files, board, options.root, options.dry_run, restart, force)
    except DeployError as error:
        print(f"deploy: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("deploy: stopped. Run it again; it goes on with what is missing.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
