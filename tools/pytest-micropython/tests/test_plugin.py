"""The pytest plugin that runs MicroPython test files, on files made for the purpose and the unix port."""

import subprocess
from importlib.util import find_spec

import pytest
from pytest_micropython.files import Program, find_tool
from pytest_micropython.output import ProcessRun
from pytest_micropython.runner import FileRunner
from pytest_micropython.targets.serial import MOUNTED

pytest_plugins = ["pytester"]

needs_emulator = pytest.mark.skipif(not find_spec("emulated_pico"), reason="emulated-pico is not installed")
if find_spec("emulated_pico"):
    # Here and not in the runs inside of this one, which forget what they import: littlefs works only once.
    import emulated_pico.filesystem


@pytest.fixture
def run(pytester, monkeypatch):
    """Writes test files (by keyword, without `.py`) into a tests folder and runs pytest there."""
    for variable in ("TARGET", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments, **files):
        folder = pytester.path / "tests"
        folder.mkdir(exist_ok=True)
        pytester.makeini("[pytest]\nmicropython_tests = tests\n")
        for name, source in files.items():
            (folder / f"{name}.py").write_text(source)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-ra", *(arguments or ["tests"]))

    return run


def lines(result):
    return result.stdout.str()


def test_functions_are_items_sync_and_async(run):
    result = run(
        "-v",
        "tests",
        test_two="""
import asyncio

def test_sync():
    assert True

async def test_async():
    await asyncio.sleep_ms(1)
""",
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "target: unix, MicroPython 1.*",
            "tests/test_two.py::test_sync PASSED*",
            "tests/test_two.py::test_async PASSED*",
        ]
    )


def test_failure_shows_the_line_the_output_and_a_summary(run):
    result = run(
        test_x="""
async def test_wrong():
    print("before")
    value = 3
    assert value == 4
"""
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '  File "tests/test_x.py", line 5, in test_wrong',
            "    assert value == 4",
            "AssertionError:*",
            "*Captured stdout call*",
            "before",
            "FAILED tests/test_x.py::test_wrong - AssertionError: assert value == 4",
        ]
    )
    assert "harness.py" not in lines(result) and "asyncio/core.py" not in lines(result)


def test_output_of_a_test_that_passes_is_not_shown(run):
    result = run(test_x="def test_talks():\n    print('no newline', end='')")
    result.assert_outcomes(passed=1)
    assert "no newline" not in lines(result)


def test_output_of_a_test_that_passes_is_shown_when_nothing_is_captured(run, capfd):
    run("-s", "tests", test_x="def test_talks():\n    print('no newline', end='')").assert_outcomes(passed=1)
    assert "no newline" in capfd.readouterr().out


def test_skips_have_their_own_reasons(run):
    result = run(
        test_x="""
from harness import only, skip

def test_skipped():
    skip("no radio here")

@only("rp2040", "board", reason="needs the chip")
def test_elsewhere():
    raise ValueError

@only("unix", reason="needs threads")
def test_here():
    pass
"""
    )
    result.assert_outcomes(passed=1, skipped=2)
    result.stdout.fnmatch_lines(
        ["SKIPPED * tests/test_x.py:4: no radio here", "SKIPPED * tests/test_x.py:8: needs the chip"]
    )


def test_a_file_can_skip_itself_before_it_imports_what_is_missing(run):
    result = run(
        test_x="""
import harness

if harness.target == "unix":
    harness.skip("needs a chip")
import rp2

def test_one():
    pass

def test_two():
    pass
"""
    )
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED * tests/test_x.py:8: needs a chip"])


def test_tests_made_while_the_file_is_imported(run):
    result = run(
        "-v",
        "tests",
        test_x="""
def make(number):
    def test():
        assert number != 1
    return test

globals().update({"test_number_%d" % number: make(number) for number in range(3)})
""",
    )
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["FAILED tests/test_x.py::test_number_1 - AssertionError: assert number != 1"])


def test_helpers_show_values_and_errors(run):
    result = run(
        test_x="""
from harness import equal, heap_locked, raises

def test_equal():
    equal(1, 1)
    equal([1], [2])

def test_raises():
    with raises(ValueError) as caught:
        int("x")
    assert isinstance(caught.error, ValueError)
    with raises(KeyError):
        pass

def test_other_error_passes_through_raises():
    with raises(KeyError):
        raise ValueError("other")

def test_allocates():
    with heap_locked():
        [1, 2]

def test_leaves_the_heap_locked():
    import micropython
    micropython.heap_lock()
    micropython.heap_lock()

def test_has_a_heap():
    assert [1, 2] + [3]
"""
    )
    result.assert_outcomes(passed=2, failed=4)
    result.stdout.fnmatch_lines(
        [
            "FAILED *::test_equal - AssertionError: ?1? is not ?2?",
            "FAILED *::test_raises - AssertionError: KeyError was not raised",
            "FAILED *::test_other_error_passes_through_raises - ValueError: other",
            "FAILED *::test_allocates - MemoryError*",
        ]
    )


HANGS = """
import asyncio

TIME_LIMIT = 0.5

def test_before():
    pass

def test_spins():
    print("spinning", end="")
    while True:
        pass

async def test_waits():
    await asyncio.Event().wait()

def test_prints_for_ever():
    while True:
        print("again")

def test_after():
    pass
"""


def test_a_hang_is_a_failure_that_names_the_test(run):
    result = run(test_x=HANGS)
    result.assert_outcomes(passed=2, failed=3)
    result.stdout.fnmatch_lines(
        [
            "hang: tests/test_x.py::test_spins did not finish in 0.5 s",
            "spinning",
            "hang: tests/test_x.py::test_waits did not finish in 0.5 s",
            "hang: tests/test_x.py::test_prints_for_ever did not finish in 0.5 s",
            "FAILED tests/test_x.py::test_spins - hang: did not finish in 0.5 s",
        ]
    )


def test_the_command_line_overrides_the_time_limit_of_a_file(run):
    result = run("tests", "-k", "spins", "--time-limit", "0.2", test_x=HANGS)
    result.assert_outcomes(failed=1, deselected=3 + 1)
    result.stdout.fnmatch_lines(["hang: tests/test_x.py::test_spins did not finish in 0.2 s"])


CRASHES = """
import sys

def test_before():
    print("process", 1)

def test_exits():
    sys.exit(3)

def test_breaks_the_interpreter():
    import uctypes
    print("last words", end="")
    uctypes.bytearray_at(0, 4)[0]

def test_after():
    pass
"""


def test_a_crash_names_the_test_and_the_others_still_run(run):
    result = run(test_x=CRASHES)
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "SystemExit: 3",
            "crash: tests/test_x.py::test_breaks_the_interpreter ended the interpreter (killed by SIGSEGV)",
            "last words",
        ]
    )


ORDER = """
import sys

def test_a():
    print("ran", "a")

def test_b():
    print("ran", "b")
    assert False

def test_c():
    print("ran", "c")
    sys.print_exception(ValueError(len(sys.modules)))
    assert False
"""


def test_selected_tests_alone_run(run):
    by_word = run("tests", "-k", "test_c", test_x=ORDER)
    by_word.assert_outcomes(failed=1, deselected=2)
    by_name = run("tests/test_x.py::test_b", "tests/test_x.py::test_a")
    by_name.assert_outcomes(passed=1, failed=1)
    assert "ran c" not in lines(by_name)


def test_x_stops_at_the_first_failure(run):
    result = run("-x", "tests", test_x=ORDER, test_y=ORDER)
    result.assert_outcomes(passed=1, failed=1)


def test_an_error_of_the_import_is_reported_once(run):
    result = run(test_bad="import missing\n\ndef test_a(): pass\n\ndef test_b(): pass", test_good="def test_c(): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            '  File "tests/test_bad.py", line 1, in <module>',
            "    import missing",
            "ImportError: no module named 'missing'",
        ]
    )
    assert lines(result).count("ImportError") == 1


def test_a_module_that_is_not_found_is_told_where_it_was_looked_for(run):
    result = run(test_bad="import missing\n\ndef test_a(): pass")
    result.stdout.fnmatch_lines(["it was looked for in tests; the setting micropython_path names the folders"])


def test_tests_in_a_class_are_an_error_of_their_file(run):
    result = run(test_bad="class TestMean:\n    def test_a(self): pass", test_good="class TestBoard:\n    pins = 3")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["class TestMean: a test is a function of the file, and not in a class"])


def test_a_fixture_is_an_error_of_its_file(run):
    result = run(test_bad="def test_a(tmp_path): pass", test_good="def test_b(value=3): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["test_a: a test takes no arguments, as there are no fixtures. MicroPython runs this*"])


@pytest.mark.parametrize("kind", ["unix", "rp2040"])
def test_an_import_of_pytest_is_told_where_it_belongs(run, kind):
    result = run(f"--target={kind}", test_bad="import pytest\n\ndef test_a(): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["ImportError: no module named 'pytest'", "MicroPython runs this file; what needs*"])


def test_a_syntax_error_is_an_error_of_the_import(run):
    result = run(test_bad="def test_a(: pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["SyntaxError: invalid syntax"])


def test_a_crash_during_the_import_is_an_error(run):
    result = run(test_bad="import uctypes\nuctypes.bytearray_at(0, 4)[0]")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the interpreter ended during the import (killed by SIGSEGV)"])


def test_files_share_nothing_but_helpers(run, pytester):
    (pytester.path / "lib").mkdir()
    (pytester.path / "lib" / "product.py").write_text("def double(x):\n    return 2 * x")
    source = """
import helpers, product, os

def test_double():
    assert helpers.seen == []
    helpers.seen.append(product.double(2))
    assert os.listdir() == []
    open("made", "w").close()
"""
    result = run(test_x=source, test_y=source, helpers="seen = []")
    result.assert_outcomes(passed=2)


def test_host_files_are_ordinary_pytest_files(run, pytester):
    (pytester.path / "tests" / "host").mkdir(parents=True)
    (pytester.path / "tests" / "host" / "test_h.py").write_text(
        "import sys\n\ndef test_h(tmp_path): assert sys.implementation.name == 'cpython'"
    )
    source = "import sys\n\ndef test_m(): assert sys.implementation.name == 'micropython'"
    result = run("-v", "tests", test_x=source)
    result.assert_outcomes(passed=2)


def test_without_the_setting_all_files_are_ordinary_ones(pytester):
    pytester.makepyfile(test_x="import sys\n\ndef test_it(): assert sys.implementation.name == 'cpython'")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--target=/dev/no-such-port")
    result.assert_outcomes(passed=1)
    assert "target:" not in lines(result)


def test_files_outside_of_the_named_folders_are_ordinary_ones(run, pytester):
    source = "import sys\n\ndef test_it(): assert sys.implementation.name == {!r}"
    pytester.makepyfile(test_x=source.format("cpython"))
    result = run("tests", "test_x.py", test_y=source.format("micropython"))
    result.assert_outcomes(passed=2)


@needs_emulator
def test_environments_and_hidden_folders_are_not_copied_to_a_target(run, pytester):
    for place in (".hidden/broken.py", "environment/lib/broken.py", "tests/host/broken.py"):
        file = pytester.path / place
        file.parent.mkdir(parents=True)
        file.write_text("def broken(:")
    (pytester.path / "environment" / "pyvenv.cfg").touch()
    (pytester.path / "main.py").write_text("ANSWER = 42")
    source = "import main\n\ndef test_it(): assert main.ANSWER == 42"
    result = run("--target=rp2040", "-o", "micropython_path=.", "tests", test_x=source)
    result.assert_outcomes(passed=1)


def test_each_file_has_one_interpreter(run):
    result = run(test_x="seen = []\ndef test_a():\n    seen.append(1)\n\ndef test_b():\n    assert seen == [1]")
    result.assert_outcomes(passed=2)


def test_a_port_that_is_missing_is_one_sentence(run):
    result = run("--target=/dev/no-such-port", "tests", test_x="def test_a(): pass")
    check_usage_error(result, "ERROR: no MicroPython board answers on /dev/no-such-port: there is no such port; *")


def test_an_interpreter_that_is_missing_is_one_sentence(run, monkeypatch):
    monkeypatch.setenv("MICROPYTHON", "/no/such/program")
    result = run("-q", "tests", test_x="def test_a(): pass")
    check_usage_error(result, "ERROR: MICROPYTHON is /no/such/program, which is no program")


def check_usage_error(result, sentence):
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([sentence])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


EVERYWHERE = """
import asyncio, harness, product
from harness import skip

TIME_LIMIT = 20

def test_passes():
    assert product.half(4) == 2

async def test_fails():
    await asyncio.sleep_ms(1)
    print("on", harness.target)
    product.half("x")

def test_skipped():
    skip("no radio here")

def test_resets():
    if harness.target == "rp2040":
        import machine, time
        time.sleep_ms(50)  # A reset takes along what USB has not sent yet.
        machine.reset()
    raise SystemExit

def test_after():
    pass
"""


@pytest.fixture
def product(pytester):
    (pytester.path / "lib").mkdir()
    (pytester.path / "lib" / "product.py").write_text("def half(x):\n    return x // 2")


def check_everywhere(result, kind):
    result.assert_outcomes(passed=2, failed=2, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "target: *MicroPython 1.* on Raspberry Pi Pico W with RP2040",
            '  File "tests/test_x.py", line 13, in test_fails',
            '    product.half("x")',
            '  File "lib/product.py", line 2, in half',
            "    return x // 2",
            f"on {kind}",
            "SKIPPED * tests/test_x.py:15: no radio here",
        ]
    )


@needs_emulator
def test_the_same_file_on_the_emulated_chip(run, product):
    result = run("--target=rp2040", "tests", test_x=EVERYWHERE)
    check_everywhere(result, "rp2040")
    result.stdout.fnmatch_lines(["crash: tests/test_x.py::test_resets ended the interpreter (the board was reset)"])


@needs_emulator
def test_the_same_file_on_a_serial_port(run, product):
    with emulated_pico.Board(paced=True) as board:
        result = run(f"--target={board.serve_pty()}", "tests", test_x=EVERYWHERE)
        flash = board.filesystem()
    check_everywhere(result, "board")
    assert b"test_x" not in flash


@needs_emulator
def test_tests_that_need_the_chip_s_modules_are_listed_from_their_source(run):
    result = run(
        "--target=rp2040",
        "tests",
        test_x="import rp2\n\ndef test_flash():\n    rp2.Flash()",
        test_y="import rp2, missing\n\ndef test_a(): pass\n\ndef test_b(): pass",
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        ["ImportError: no module named 'missing'", "tests/test_y.py did not import: see test_a"]
    )


def test_a_run_that_does_not_begin_is_summed_up_by_its_last_words(tmp_path):
    class Silent:
        kind = "board"

        def start(self, program, code):
            return ProcessRun(["sh", "-c", "echo connected; echo no room; exit 1"])

    runner = FileRunner(Silent(), Program(tmp_path / "test_x.py", (), tmp_path), "test_x.py", 10)
    assert runner.result("test_a", []).failure.message == "crash: did not begin: no room"


def test_a_folder_that_a_board_cannot_read_is_named(tmp_path):
    command = [find_tool("micropython"), "-c", MOUNTED]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "OSError: the board cannot read the folder that mpremote mount shows it" in said.stdout + said.stderr
