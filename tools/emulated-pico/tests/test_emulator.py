"""The emulated board, as its users see it: `emulated_pico.Board`."""

import contextlib
import gc
import re
import threading
import time
import weakref
from collections.abc import Iterator

import pytest
from emulated_pico import Board, BoardError
from emulated_pico.filesystem import build_image, read_image
from emulated_pico.flash import TYPICAL_BUSY_NANOSECONDS, FlashOperation

# Upper bounds in seconds, far above what a slow machine needs: no test waits for one to pass.
PATIENCE = 120


@pytest.fixture
def board() -> Iterator[Board]:
    with Board() as board:
        yield board


def test_exec_returns_what_the_guest_prints(board: Board) -> None:
    assert board.exec("print(6 * 7)", PATIENCE) == "42\n"


def test_exec_keeps_the_state_of_the_one_before(board: Board) -> None:
    board.exec("kept = 5", PATIENCE)
    assert board.exec("print(kept)", PATIENCE) == "5\n"


def test_exec_takes_code_that_is_longer_than_the_usb_queue(board: Board) -> None:
    assert board.exec(f"print(len('{'x' * 3000}'))", PATIENCE) == "3000\n"


def test_exec_returns_text_that_is_not_ascii(board: Board) -> None:
    assert board.exec("print('Grüße ☀')", PATIENCE) == "Grüße ☀\n"


def test_exec_streams_output_while_the_guest_runs(board: Board) -> None:
    pieces: list[str] = []

    def release_guest(piece: str) -> None:
        pieces.append(piece)
        board.pin(15).set(True)

    # The guest ends only because its first line has arrived here.
    board.exec(
        "from machine import Pin\n"
        "button = Pin(15, Pin.IN, Pin.PULL_DOWN)\n"
        "print('first')\n"
        "while not button.value(): pass\n"
        "print('second')\n",
        PATIENCE,
        on_output=release_guest,
    )
    assert "".join(pieces) == "first\nsecond\n"


def test_guest_exception_becomes_board_error_with_the_traceback(board: Board) -> None:
    with pytest.raises(BoardError, match="ZeroDivisionError") as caught:
        board.exec("1 / 0", PATIENCE)
    assert 'File "<stdin>", line 1' in caught.value.stderr


def test_timeout_is_named_and_leaves_a_board_that_listens(board: Board) -> None:
    with pytest.raises(BoardError, match=r"not done after 1 s.*started.*timeout="):
        board.exec("print('started')\nwhile True: pass", timeout=1)
    assert board.exec("print('alive')", PATIENCE) == "alive\n"


def test_reset_clears_ram_and_keeps_flash(board: Board) -> None:
    board.exec("kept = 5\nwith open('note.txt', 'w') as file: file.write('hello')", PATIENCE)
    board.reset(PATIENCE)
    assert board.exec("print('kept' in globals(), open('note.txt').read())", PATIENCE) == "False hello\n"


def test_guest_can_reset_itself(board: Board) -> None:
    board.wait_for("MicroPython v", PATIENCE)
    board.write(b"import machine; machine.reset()\r")
    board.wait_for("MicroPython v", PATIENCE)
    cause = board.exec("import machine\nprint(machine.reset_cause() == machine.WDT_RESET)", PATIENCE)
    assert cause == "True\n"


def test_console_has_what_main_printed_from_its_first_line() -> None:
    image = build_image({"main.py": b"print('first line')\nprint('last line')\n"})
    with Board(filesystem=image) as board:
        board.wait_for("last line", PATIENCE)
        assert board.console.startswith("first line\r\nlast line\r\n")


def test_wait_for_finds_each_print_once() -> None:
    image = build_image({"main.py": b"print('tick 1')\nprint('tick 2')\n"})
    with Board(filesystem=image) as board:
        assert board.wait_for("tick", PATIENCE) == "tick"
        assert board.wait_for("tick", PATIENCE) == " 1\r\ntick"


def test_wait_for_a_text_that_never_comes_times_out(board: Board) -> None:
    with pytest.raises(BoardError, match="no 'never printed' from the board"):
        board.wait_for("never printed", timeout=0.1)


def test_write_types_on_the_prompt(board: Board) -> None:
    board.write(b"print(20 + 3)\r")
    assert board.wait_for("23\r\n", PATIENCE)


def test_idle_time_is_free() -> None:
    with Board() as board:
        before = board.nanoseconds
        # 10 minutes: with a clock that keeps pace this could not end within the patience.
        board.exec("import time\nfor minute in range(10): time.sleep(60)", PATIENCE)
        assert board.nanoseconds - before >= 600e9


def test_paced_board_is_not_faster_than_the_wall_clock() -> None:
    with Board(paced=True) as board:
        start = time.monotonic()
        board.exec("import time\ntime.sleep_ms(500)", PATIENCE)
        assert time.monotonic() - start >= 0.5


def test_same_program_takes_the_same_cycles_on_two_fresh_boards() -> None:
    def run() -> tuple[int, int, list]:
        with Board() as board:
            board.exec(
                "import machine\n"
                "def work():\n"
                "    values = {}\n"
                "    for number in range(300): values[number] = str(number)\n"
                "    return values\n"
                "machine.mem32[0x50400000] = 1\n"
                "work()\n"
                "machine.mem32[0x50400000] = 2\n",
                PATIENCE,
            )
            return board.marker.cycles_between(1, 2), board.cycles, board.marker.marks

    assert run() == run()


def test_guest_can_read_the_cycle_counter_from_the_marker(board: Board) -> None:
    before = board.cycles
    cycles = int(board.exec("import machine\nprint(machine.mem32[0x50400000])", PATIENCE))
    assert before < cycles < board.cycles


def test_host_drives_an_input_pin(board: Board) -> None:
    read = "from machine import Pin\nprint(Pin(15, Pin.IN, Pin.PULL_DOWN).value())"
    board.pin(15).set(True)
    assert board.exec(read, PATIENCE) == "1\n"
    board.pin(15).set(False)
    assert board.exec(read, PATIENCE) == "0\n"


def test_pulses_reach_an_interrupt_at_exact_times(board: Board) -> None:
    board.exec("from machine import Pin, mem32", PATIENCE)
    board.exec("def seen(pin): mem32[0x50400000] = 1", PATIENCE)
    board.exec("Pin(15, Pin.IN).irq(seen, Pin.IRQ_RISING, hard=True)", PATIENCE)
    pulses = board.pin(15).pulse(5, 200_000)
    board.exec("import time; time.sleep_ms(3)", PATIENCE)
    assert [after - before for before, after in zip(pulses.rising, pulses.rising[1:])] == [200_000] * 4
    delays = [mark.nanoseconds - edge for mark, edge in zip(board.marker.marks, pulses.rising, strict=True)]
    assert all(0 < delay < 100_000 for delay in delays)


def test_a_mark_is_told_at_that_moment(board: Board) -> None:
    times = []
    board.marker.on_mark = lambda mark: times.append((mark.number, int(board.mcu.clock.nanos)))
    board.exec("from machine import mem32; mem32[0x50400000] = 7", PATIENCE)
    assert times == [(7, board.marker.marks[-1].nanoseconds)]


def test_released_pin_follows_its_pull_resistor(board: Board) -> None:
    board.pin(15).set(False)
    board.pin(15).release()
    read = "from machine import Pin\nprint(Pin(15, Pin.IN, Pin.PULL_UP).value())"
    assert board.exec(read, PATIENCE) == "1\n"


def test_host_sees_an_output_pin(board: Board) -> None:
    board.exec("from machine import Pin\nled = Pin(15, Pin.OUT, value=1)", PATIENCE)
    assert board.pin(15).value is True
    board.exec("led.value(0)", PATIENCE)
    assert board.pin(15).value is False


def test_pin_that_does_not_exist_is_refused(board: Board) -> None:
    with pytest.raises(ValueError, match="no GPIO30"):
        board.pin(30)


def test_guest_reads_the_analog_value_that_the_host_sets(board: Board) -> None:
    board.adc[0] = 2000
    # MicroPython widens 12 bits to 16 by repeating the upper ones.
    assert board.exec("from machine import ADC\nprint(ADC(0).read_u16() >> 4)", PATIENCE) == "2000\n"


def test_the_temperature_sensor_begins_at_27_degrees(board: Board) -> None:
    degrees = "27 - (ADC(4).read_u16() * 3.3 / 65535 - 0.706) / 0.001721"
    assert 26.5 < float(board.exec(f"from machine import ADC\nprint({degrees})", PATIENCE)) < 27.5


@pytest.mark.parametrize("value", [-1, 4096])
def test_analog_value_of_more_than_12_bits_is_refused(board: Board, value: int) -> None:
    with pytest.raises(ValueError, match="12 bits"):
        board.adc[0] = value


def test_flash_operations_of_a_new_small_file_are_counted(board: Board) -> None:
    board.flash.clear()
    board.exec("with open('new.txt', 'w') as file: file.write('0123456789')", PATIENCE)
    assert (board.flash.programs, board.flash.erases) == (2, 0)


def test_flash_log_has_what_is_written_and_where(board: Board) -> None:
    board.flash.clear()
    board.exec("with open('new.txt', 'w') as file: file.write('findable content')", PATIENCE)
    assert all(operation.address >= 0x12C000 for operation in board.flash.log)
    assert any(b"findable content" in operation.data for operation in board.flash.log)
    times = [operation.nanoseconds for operation in board.flash.log]
    assert times == sorted(times)
    assert times[-1] <= board.nanoseconds


def test_a_flash_can_be_busy_as_long_as_a_real_one(board: Board) -> None:
    erase = "import rp2, time\nstart = time.ticks_us()\nrp2.Flash().ioctl(6, 200)\nprint(time.ticks_us() - start)"
    assert int(board.exec(erase, PATIENCE)) < 5_000
    board.flash.busy = dict(TYPICAL_BUSY_NANOSECONDS)
    assert 45_000 <= int(board.exec(erase, PATIENCE)) < 50_000


def test_flash_operation_that_is_refused_has_no_effect(board: Board) -> None:
    unchanged = board.filesystem()
    board.flash.before = lambda operation: False
    # The filesystem may notice that its write came to nothing.
    with contextlib.suppress(BoardError):
        board.exec("with open('new.txt', 'w') as file: file.write('lost')", PATIENCE)
    assert board.filesystem() == unchanged


def test_power_can_be_cut_at_a_flash_operation(board: Board) -> None:
    def cut_at_second(operation: FlashOperation) -> bool:
        last = len(board.flash.log) == 2
        if last:
            board.cut_power()
        return not last

    board.flash.clear()
    board.flash.before = cut_at_second
    with pytest.raises(BoardError, match="stopped"):
        board.exec("with open('new.txt', 'w') as file: file.write('x' * 5000)", PATIENCE)
    assert len(board.flash.log) == 2
    with Board(filesystem=board.filesystem()) as after:
        # The file is there, as littlefs promises, but nothing of what was being written.
        assert after.exec("print(repr(open('new.txt').read()))", PATIENCE) == "''\n"


def test_files_that_the_guest_wrote_are_readable_on_the_host(board: Board) -> None:
    board.exec("import os\nos.mkdir('data')\nwith open('data/a.txt', 'w') as file: file.write('A')", PATIENCE)
    assert read_image(board.filesystem()) == {"data/a.txt": b"A"}


def test_image_made_on_the_host_is_mounted_by_the_guest() -> None:
    image = build_image({"lib/package/__init__.py": b"answer = 42\n", "data.bin": bytes(5000)})
    with Board(filesystem=image) as board:
        code = "import os, package\nprint(package.answer, os.stat('data.bin')[6])"
        assert board.exec(code, PATIENCE) == "42 5000\n"


def test_image_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match="1000 bytes, but the flash has 868352"):
        Board(filesystem=bytes(1000))


def test_unknown_model_is_refused() -> None:
    with pytest.raises(ValueError, match="pico, pico_w"):
        Board(model="pico_x")


def test_plain_pico_runs_too() -> None:
    with Board(model="pico") as board:
        assert board.exec("print('here')", PATIENCE) == "here\n"


def test_stopped_board_can_still_be_examined() -> None:
    with Board() as board:
        board.exec("print('said')", PATIENCE)
    assert "said" in board.console
    assert board.cycles > 0
    assert read_image(board.filesystem()) == {}


def test_stopped_board_says_so(board: Board) -> None:
    board.stop()
    with pytest.raises(BoardError, match="does not run"):
        board.exec("print(1)", PATIENCE)


def test_stop_leaves_neither_a_thread_nor_the_board_behind() -> None:
    threads = threading.active_count()
    board = Board()
    board.start()
    board.stop()
    assert threading.active_count() == threads
    chip = weakref.ref(board.mcu.usb_ctrl)
    del board
    gc.collect()
    assert chip() is None


def test_fault_in_the_emulator_ends_a_wait(board: Board) -> None:
    def fail(operation: FlashOperation) -> None:
        raise RuntimeError("the hook is broken")

    board.flash.before = fail
    with pytest.raises(BoardError, match="the hook is broken"):
        board.exec("open('new.txt', 'w').close()", PATIENCE)


def test_a_reset_by_the_guest_ends_an_exec_after_what_was_printed():
    with Board() as board:
        board.end_at_reset()
        printed = []
        with pytest.raises(BoardError, match="the board was reset"):
            board.exec("import machine, time; print('last'); time.sleep(1); machine.reset()", on_output=printed.append)
        assert "".join(printed).startswith("last\n")


def test_things_happen_later_by_the_emulated_clock() -> None:
    program = b"""
import time
from machine import Pin
pin = Pin(14, Pin.IN, Pin.PULL_DOWN)
while not pin.value():
    time.sleep_ms(1)
print("high at", time.ticks_ms())
print("typed", input(), time.ticks_ms())
"""
    board = Board(filesystem=build_image({"main.py": program}))
    gpio = board.mcu.gpio[14]

    def rise() -> None:
        gpio.set_input_value(True)
        board.write_after(0.5, b"a line\r")  # Also from where the engine calls.

    board.after(2, rise)
    assert not board.is_running
    with board:
        text = board.wait_for("a line", PATIENCE) + board.wait_for("\n>>> ", PATIENCE)
        assert board.is_running
    assert not board.is_running
    high = int(re.search(r"high at (\d+)", text)[1])
    typed = int(re.search(r"typed a line (\d+)", text)[1])
    assert 1900 < high <= 2005 and 495 <= typed - high <= 510
