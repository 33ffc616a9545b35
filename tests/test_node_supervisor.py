"""A node comes back by itself: it runs again, is reset, and at last stays reachable."""

import asyncio
import sys
from time import sleep_ms

import harness
from aimdb import AimDb, Mailbox
from aimdb_node import Clock, CrashBook, Restart, Supervisor, Watchdog, check_watchdog
from flash_folder import Folder
from harness import equal, only, raises
from printing import Unspeakable, printed
from scarce import Scarce

PATH = "/flash/crashes.txt"


class Reset(BaseException):
    """The board is reset: whatever ran is gone."""


class Machine:
    """What a watchdog needs of the module `machine`, and what was done with it. `timer`: the number of its only one."""

    def __init__(self, timer=0):
        self.timer = timer
        self.fed = 0
        self.timers = []

    def WDT(self, timeout):
        self.timeout = timeout
        return self

    def feed(self):
        self.fed += 1

    def Timer(self, number):
        if number != self.timer:
            raise ValueError("Timer doesn't exist")
        self.timers.append(Timer())
        return self.timers[-1]


class Timer:
    def init(self, period, callback):
        self.period = period
        self.callback = callback

    def deinit(self):
        self.callback = None


class Node:
    """A board whose application does in each run what the next of `runs` says; without more of them it ends."""

    def __init__(self, *runs, **options):
        self.runs = list(runs)
        self.said = []
        self.paused_ms = 0
        self.resets = 0
        self.repaired = 0
        self.options = options

    async def application(self):
        if self.runs:
            what = self.runs.pop(0)
            if isinstance(what, BaseException):
                raise what
            await what()

    async def repair(self):
        self.repaired += 1
        await asyncio.sleep(1000)

    def pause_ms(self, milliseconds):
        self.paused_ms += milliseconds

    def reset(self):
        self.resets += 1
        raise Reset

    def start(self):
        """One start of the board, until the application ends or the board is reset. True: it was reset."""
        options = dict(crashes=CrashBook(PATH), repair=self.repair)
        options.update(self.options)
        options.setdefault("say", lambda who, text: self.said.append("%s: %s" % (who, text)))
        supervisor = Supervisor(
            self.application,
            reset=self.reset,
            pause_ms=self.pause_ms,
            **options,
        )
        try:
            supervisor.run()
        except Reset:
            asyncio.new_event_loop()  # What was in memory is gone.
            return True
        return False

    def has_said(self, text):
        return [line for line in self.said if text in line]


def failing(count):
    return [ValueError("number %d" % number) for number in range(count)]


def test_an_application_that_ends_is_not_run_again():
    Folder()
    equal(Node().start(), False)


def test_after_an_error_the_application_runs_again_after_a_pause_that_grows():
    Folder()
    node = Node(*failing(4))
    equal(node.start(), False)
    equal(node.paused_ms, (1 + 2 + 4 + 8) * 1000)


def test_an_application_that_awaits_a_cancelled_task_is_run_again():
    Folder()

    async def other():
        await asyncio.sleep(1)

    async def careless():
        task = asyncio.create_task(other())
        task.cancel()
        await task

    node = Node(careless)
    equal(node.start(), False)
    assert node.has_said("CancelledError"), node.said


def test_whatever_an_application_raises_it_is_run_again():
    class Odd(BaseException):
        pass

    Folder()
    node = Node(Odd("this"), SystemExit(1), GeneratorExit(), MemoryError())
    equal(node.start(), False)
    for kind in ("Odd: this", "SystemExit", "GeneratorExit", "MemoryError"):
        assert node.has_said(kind), node.said


def test_what_leaves_no_heap_for_another_run_has_the_board_reset():
    error, reset = ValueError("the heap is full"), Reset()
    pauses = [0]

    async def application():
        raise error

    def end():
        raise reset

    def pause(milliseconds):
        pauses[0] += 1
        if pauses[0] == 200:  # It goes on.
            raise reset

    for blocks in range(0, 150, 5):
        pauses[0] = 0
        supervisor = Supervisor(
            application, crashes=CrashBook("/nowhere/x"), say=lambda who, text: None, reset=end, pause_ms=pause
        )
        with Scarce(blocks):
            try:
                supervisor.run()
            except Reset:
                pass
        asyncio.new_event_loop()


def test_five_runs_without_memory_reset_the_board_though_there_is_none_to_write_that_down():
    class Unwritten(CrashBook):
        def _write(self):
            self.is_kept = False

    node = Node(*([MemoryError()] * 6), crashes=Unwritten("/nowhere/x"))
    equal((node.start(), node.repaired), (True, 0))


def test_a_repair_without_memory_resets_the_board():
    Folder()

    async def repair():
        raise MemoryError

    node = Node(*failing(15), repair=repair)
    equal([node.start() for _ in range(5)], [True] * 5)
    equal(len(node.has_said("REDUCED")), 10)


def test_an_application_that_is_tried_again_and_takes_all_memory_does_not_take_it_from_the_repair():
    Folder()
    node = Node(*failing(15), MemoryError(), MemoryError(), repair_s=0)
    equal([node.start() for _ in range(5)], [True] * 5)
    equal(node.runs, [])


def test_what_tells_may_fail_and_the_node_runs_all_the_same():
    def say(who, text):
        raise OSError(5)

    Folder()
    node = Node(*failing(2))
    supervisor = Supervisor(node.application, crashes=CrashBook(PATH), say=say, pause_ms=node.pause_ms)
    supervisor.run()
    equal(node.runs, [])


def test_the_error_and_its_traceback_are_said_and_said_again_at_the_next_start():
    Folder()
    node = Node(ValueError("the first"))
    node.start()
    assert node.has_said("Traceback") and node.has_said("ValueError: the first"), node.said
    node = Node()
    node.start()
    assert "ValueError: the first" in node.said[1] and node.said[1].startswith("crash: 1 so far"), node.said


def test_the_fifth_failure_in_a_row_resets_the_board():
    Folder()
    node = Node(*failing(9))
    equal(node.start(), True)
    equal(len(node.runs), 4)


def test_a_good_run_begins_the_count_of_failures_anew():
    Folder()

    async def good():
        await asyncio.sleep_ms(20)
        raise ValueError("late")

    node = Node(*failing(3), *([good] * 6), good_s=0.01)
    equal(node.start(), False)


def test_after_three_starts_without_a_good_run_the_board_stays_up_in_reduced_mode():
    Folder()
    node = Node(*failing(100), repair_s=0.01)
    equal([node.start() for _ in range(3)], [True] * 3)
    equal(node.repaired, 0)
    del node.runs[2:]
    equal(node.start(), False)
    equal(node.repaired, 3)  # Before the two failures that were left, and after each of them.


class Esp32:
    """What a program asks of the module `machine` of an ESP32 about the last reset."""

    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = range(1, 6)
    cause = PWRON_RESET

    @classmethod
    def reset_cause(cls):
        return cls.cause


def test_a_board_that_tells_its_own_reset_as_that_of_a_pin_gets_to_reduced_mode_too():
    Folder()
    node = Node(*failing(30))
    sys.modules["machine"] = Esp32
    try:
        equal(node.start(), True)
        Esp32.cause = Esp32.HARD_RESET  # As after machine.reset().
        equal([node.start() for _ in range(2)], [True] * 2)
        node.options["repair_s"] = 0
        del node.runs[:]
        equal(node.start(), False)
    finally:
        del sys.modules["machine"]
    equal(node.repaired, 1)
    assert node.has_said("after: reset pin or machine.reset(); start 4 without a good run"), node.said


def test_an_application_that_cannot_be_imported_ends_in_reduced_mode_too():
    Folder()

    async def importing():
        import there_is_no_such_module  # noqa: F401

    node = Node(*([importing] * 15), repair_s=0.01)
    equal([node.start() for _ in range(4)], [True] * 3 + [False])
    assert node.repaired and node.has_said("there_is_no_such_module"), node.said


def test_without_a_reduced_mode_the_application_is_tried_for_ever():
    Folder()
    node = Node(*failing(40), repair=None)
    equal([node.start() for _ in range(4)], [True] * 3 + [False])
    equal(node.runs, [])


def test_a_repair_that_fails_is_run_again():
    Folder()

    async def repair():
        node.repaired += 1
        if node.repaired < 10:
            raise OSError(5)
        await asyncio.sleep(10)

    node = Node(*failing(15), repair=repair, repair_s=0.01)
    equal([node.start() for _ in range(4)], [True] * 3 + [False])
    equal(node.repaired, 10)


def test_a_repair_that_runs_into_a_time_limit_of_its_own_has_failed_and_is_run_again():
    Folder()

    async def repair():
        node.repaired += 1
        if node.repaired < 10:
            raise asyncio.TimeoutError("no answer")
        await asyncio.sleep(10)

    node = Node(*failing(15), repair=repair, repair_s=0.01)
    equal([node.start() for _ in range(4)], [True] * 3 + [False])
    equal(node.repaired, 10)
    assert node.has_said("no answer"), node.said


def test_after_its_time_a_repair_that_fails_again_and_again_gives_way_to_the_application_too():
    class Quick(Node):
        def pause_ms(self, milliseconds):
            sleep_ms(milliseconds // 100)

    Folder()

    async def repair():
        node.repaired += 1
        raise OSError(5)

    node = Quick(*failing(15), repair=repair, repair_s=1)
    equal([node.start() for _ in range(4)], [True] * 3 + [False])
    assert 3 < node.repaired < 10, node.repaired
    assert node.has_said("OSError") and node.has_said("the application is tried again"), node.said


def test_after_a_repair_that_returns_the_application_is_tried_again():
    Folder()

    async def repair():
        node.repaired += 1

    node = Node(*failing(17), repair=repair)
    equal([node.start() for _ in range(4)], [True] * 3 + [False])
    equal((node.repaired, node.runs), (3, []))


def test_a_start_after_a_good_run_is_the_first_again():
    Folder()

    async def good():
        await asyncio.sleep_ms(20)

    for _ in range(3):
        Node(*failing(5)).start()
    node = Node(good, good_s=0.01)
    book = CrashBook(PATH)
    book.good()
    node.start()
    equal(node.repaired, 0)
    equal(CrashBook(PATH).starts, 0)


def test_a_restart_on_request_is_no_crash():
    Folder()
    node = Node(Restart())
    equal(node.start(), True)
    equal(CrashBook(PATH).crashes, 0)


def test_a_restart_for_repair_leads_to_reduced_mode():
    Folder()
    equal(Node(Restart("repair")).start(), True)
    node = Node(repair_s=0.05)
    equal(node.start(), False)
    equal((node.repaired, CrashBook(PATH).crashes), (1, 0))


def test_a_restart_on_request_in_reduced_mode_has_the_application_tried_again():
    Folder()
    for _ in range(3):
        Node(*failing(5)).start()

    async def mended():
        raise Restart

    equal(Node(repair=mended).start(), True)
    node = Node()
    equal(node.start(), False)
    equal((node.repaired, CrashBook(PATH).starts), (0, 0))


def test_ctrl_c_gives_the_prompt_and_forgets_the_quick_starts():
    Folder()
    machine = Machine()
    for _ in range(2):
        Node(*failing(5)).start()
    with raises(KeyboardInterrupt):
        Node(KeyboardInterrupt(), watchdog=Watchdog(8000, machine)).start()
    equal(CrashBook(PATH).starts, 0)
    # The prompt does not feed the watchdog; a timer does.
    fed = machine.fed
    machine.timers[0].callback(None)
    equal(machine.fed, fed + 1)


def test_ctrl_c_at_any_time_gives_the_prompt():
    interrupted = 0
    while True:
        Folder()
        machine = Machine()
        calls = 0

        def counted(function):
            def call(*arguments):
                nonlocal calls
                calls += 1
                if calls == interrupted:
                    raise KeyboardInterrupt
                return function(*arguments)

            return call

        Node(*failing(5)).start()
        node = Node(*failing(3), watchdog=Watchdog(8000, machine))
        node.pause_ms = counted(node.pause_ms)
        machine.feed = counted(machine.feed)
        node.options["say"] = counted(lambda who, text: None)
        interrupted += 1
        try:
            node.start()
            break
        except KeyboardInterrupt:
            equal((interrupted, CrashBook(PATH).starts), (interrupted, 0))
            equal(len(machine.timers), int(hasattr(machine, "timeout")))
    assert interrupted > 60, interrupted


def test_an_error_of_a_stage_ends_the_run_and_the_next_run_is_served():
    Folder()
    mailbox = Mailbox()
    db = AimDb()
    read = []

    async def read_one(consumer):
        read.append(await consumer.subscribe().recv())
        if len(read) < 4:
            raise ValueError(read)

    db.configure("command", mailbox).tap(read_one)

    async def run():
        mailbox.push(len(read))
        await db.run()

    node = Node(*([run] * 4))
    equal(node.start(), False)
    equal(read, [0, 1, 2, 3])


# The watchdog


def test_a_watchdog_is_fed_by_the_loop_and_in_the_pauses():
    Folder()
    machine = Machine()

    async def work():
        await asyncio.sleep_ms(40)
        node.fed = machine.fed
        raise ValueError

    node = Node(work, watchdog=Watchdog(20, machine))
    node.start()
    equal(machine.timeout, 20)
    assert node.fed > 4, node.fed
    assert machine.fed >= node.fed + 4, machine.fed


def test_while_a_run_begins_a_timer_feeds_the_watchdog_and_none_is_left_when_it_has_failed():
    Folder()
    machine = Machine()

    async def work():
        await asyncio.sleep_ms(0)
        fed = machine.fed
        machine.timers[-1].callback(None)
        node.fed = machine.fed - fed
        raise ValueError

    node = Node(work, watchdog=Watchdog(8000, machine))
    node.start()
    equal(node.fed, 1)
    equal([timer.callback for timer in machine.timers], [None] * len(machine.timers))


def test_in_reduced_mode_a_watchdog_is_patient_enough_for_what_blocks_the_loop():
    Folder()
    timeouts = []
    for timeout in (600, 600, 600, 600, 0):
        machine = Machine()
        machine.timeout = None
        node = Node(*failing(5), repair_s=0, watchdog=Watchdog(timeout, machine))
        node.start()
        timeouts.append(machine.timeout)
    equal(timeouts, [600, 600, 600, 8388, None])


def test_a_loop_that_stops_does_not_feed_its_watchdog():
    machine = Machine()

    async def hang():
        from time import sleep_ms

        await asyncio.sleep_ms(1)
        before = machine.fed
        sleep_ms(30)
        equal(machine.fed, before)

    Folder()
    node = Node(hang, watchdog=Watchdog(20, machine))
    equal(node.start(), False)
    equal(node.has_said("AssertionError"), [])


def test_what_takes_long_has_a_timer_that_feeds_for_a_limited_time():
    for timer in (-1, 0):  # On an RP2, and on each kind of ESP32.
        feeds_for_a_limited_time(Machine(timer))


def feeds_for_a_limited_time(machine):
    watchdog = Watchdog(8000, machine)
    watchdog.start()
    with watchdog.patience(20):
        (timer,) = machine.timers
        equal(timer.period, 2000)
        timer.callback(None)
        equal(machine.fed, 1)
        from time import sleep_ms

        sleep_ms(25)
        timer.callback(None)
        equal(machine.fed, 1)
    equal(timer.callback, None)


def test_at_the_prompt_a_timer_feeds_also_after_something_took_long():
    machine = Machine()
    watchdog = Watchdog(8000, machine)
    watchdog.start()
    with watchdog.patience(20):
        pass
    watchdog.release()
    fed = machine.fed
    machine.timers[-1].callback(None)
    equal((len(machine.timers), machine.fed), (2, fed + 1))


def test_what_takes_long_within_something_else_ends_no_timer_of_that():
    machine = Machine()
    watchdog = Watchdog(8000, machine)
    watchdog.start()
    with watchdog.patience(1000):
        with watchdog.patience(1000):
            pass
        machine.timers[0].callback(None)
    watchdog.release()
    with watchdog.patience(20):
        pass
    machine.timers[1].callback(None)
    equal(len(machine.timers), 2)


def test_what_takes_longer_than_what_it_is_within_has_its_own_time():
    from time import sleep_ms

    machine = Machine()
    watchdog = Watchdog(8000, machine)
    watchdog.start()
    with watchdog.patience(20):
        with watchdog.patience(1000):
            sleep_ms(25)
            machine.timers[0].callback(None)
            equal(machine.fed, 1)
        with watchdog.patience(1):
            machine.timers[0].callback(None)
            equal(machine.fed, 3)  # Once at the end of the block before.
    equal(len(machine.timers), 1)


def test_where_the_program_has_all_timers_what_takes_long_is_done_all_the_same_and_it_is_told():
    class Busy(Machine):
        def Timer(self, number):
            raise OSError(12)

    watchdog = Watchdog(8000, Busy())
    watchdog.start()
    done = []

    def take_long():
        with watchdog.patience(1000):
            done.append(True)

    assert "no timer feeds the watchdog of 8000 ms: OSError" in printed(take_long)
    assert done


class Told:
    def produce(self, value):
        raise ValueError(value)  # So that it ends.


async def ask_for_the_time():
    clock = Clock("localhost", 9)
    try:
        await asyncio.wait_for_ms(clock.keep(Told()), 20)
    except asyncio.TimeoutError:
        pass


async def connect_to_a_broker():
    db = AimDb()
    db.configure("x", Mailbox()).link_to("mqtt://localhost:9/x")
    try:
        await asyncio.wait_for_ms(db.run(), 20)
    except asyncio.TimeoutError:
        pass


async def ask_whether_there_is_a_way():
    from aimdb_node import answers

    await answers("localhost", 9, 100)


def test_while_the_name_of_a_host_is_looked_up_a_timer_feeds_the_watchdog():
    for look_up in (ask_for_the_time, connect_to_a_broker, ask_whether_there_is_a_way):
        machine = Machine()
        Watchdog(2000, machine).start()
        asyncio.run(look_up())
        asyncio.new_event_loop()
        assert machine.timers and machine.timers[0].callback is None, (look_up, machine.timers)


def test_without_a_watchdog_nothing_is_done():
    watchdog = Watchdog()
    watchdog.start()
    with watchdog.patience(20):
        watchdog.feed()
    watchdog.release()


def test_a_watchdog_that_the_board_does_not_take_is_said_and_the_node_runs():
    class Strict(Machine):
        def WDT(self, timeout):
            raise ValueError("timeout exceeds 8388")

    class Without:
        fed = 0

    for machine in (Strict(), Without()):
        node = Node(watchdog=Watchdog(9000, machine))
        assert "no watchdog of 9000 ms" in printed(node.start)
        equal(machine.fed, 0)


def test_a_time_that_would_reset_the_board_at_each_start_is_no_setting():
    for fitting in (0, 500, 8388):
        check_watchdog(fitting)
    for wrong in (1, 499, 8389, -1):
        with raises(ValueError):
            check_watchdog(wrong)
    for wrong in ("8000", None, [1], 2000.0, True):
        with raises(TypeError):
            check_watchdog(wrong)
            Watchdog(wrong)


# The book of crashes


def test_a_start_by_power_begins_the_count_of_starts_anew_also_for_the_starts_after_it():
    files = Folder()
    for _ in range(3):
        CrashBook(PATH).begin(False, 4)
    CrashBook(PATH).begin(True, 4)
    before = files.flash.operations
    CrashBook(PATH).begin(True, 4)
    equal(files.flash.operations, before)
    book = CrashBook(PATH)
    book.begin(False, 4)
    equal(book.starts, 2)


def test_a_board_that_sleeps_deeply_after_each_short_run_is_no_board_that_fails():
    Folder()
    sys.modules["machine"] = Esp32
    Esp32.cause = Esp32.DEEPSLEEP_RESET
    try:
        for _ in range(6):
            with raises(Reset):
                Supervisor(hang, hang, CrashBook(PATH), watchdog=Biting(), say=lambda who, text: None).run()
            asyncio.new_event_loop()
    finally:
        del sys.modules["machine"]
    equal(CrashBook(PATH).starts, 1)


def test_an_application_that_returns_at_each_start_is_none_that_fails():
    Folder()

    async def measure():
        pass

    for _ in range(6):
        Supervisor(measure, hang, CrashBook(PATH), say=lambda who, text: None).run()
    equal(CrashBook(PATH).starts, 0)


def test_what_is_in_the_file_is_bounded():
    Folder()
    CrashBook(PATH, 300).note(ValueError("x" * 5000), 7)
    with open(PATH) as file:
        text = file.read()
    assert len(text) <= 300, len(text)
    assert CrashBook(PATH).text.endswith("xxx\n")


def test_of_an_error_that_says_too_much_the_book_has_class_and_place():
    Folder()
    book = CrashBook(PATH)
    try:
        raise ValueError("too much " * 1000)
    except ValueError as er:
        traceback = book.note(er, 1)
    assert len(traceback) <= 924 and ", line " in traceback and "\nValueError: too much " in traceback, traceback


def test_a_damaged_file_is_an_empty_book():
    wrong = [b"", b"\xff\xfe", b"starts", b"starts x crashes y\n", b"starts 1\nValueError", b"1 2 3 4 5 6"]
    for content in wrong + [b"starts -9 crashes -9\nx", b"\0" * 4000]:
        Folder()
        with open(PATH, "wb") as file:
            file.write(content)
        book = CrashBook(PATH)
        equal((content, book.starts, book.crashes), (content, 0, 0))
        book.note(ValueError("after it"), 1)
        equal(CrashBook(PATH).crashes, 1)


def test_an_error_that_cannot_be_shown_is_counted():
    Folder()
    node = Node(Unspeakable(), ValueError("next"))
    equal(node.start(), False)
    equal((CrashBook(PATH).crashes, len(node.has_said("next"))), (2, 1))


def test_the_class_of_an_error_that_cannot_be_shown_is_in_the_book():
    Folder()
    book = CrashBook(PATH)
    book.note(ValueError("before"), 1)
    equal(book.note(TypeError(Unspeakable()), 7), "TypeError")
    assert CrashBook(PATH).text.endswith(", 7 s after the start\nTypeError"), CrashBook(PATH).text


def test_a_full_flash_ends_nothing():
    Folder(blocks=8)
    with open("/flash/big", "wb") as file:
        with raises(OSError):
            while True:
                file.write(bytes(100))
                file.flush()
    node = Node(*failing(3))
    equal(node.start(), False)
    equal(len(node.has_said("Traceback")), 3)


def test_a_flash_that_counts_no_starts_leads_to_reduced_mode_instead_of_resets_without_end():
    class Unwritable(CrashBook):
        def _write(self):
            self.path = "/nowhere/crashes.txt"
            super()._write()

    node = Node(*failing(5), crashes=Unwritable(PATH), repair_s=0)
    equal((node.start(), node.resets, node.repaired), (False, 0, 1))


@only("unix", reason="takes long")
def test_a_thousand_crashes_cost_the_flash_little():
    # In this order, as each file system takes memory.
    for name, crash, most in (
        ("the same", lambda number: ValueError("number %d" % number), 60),
        ("one and the other", lambda number: (ValueError if number % 2 else KeyError)(number), 60),
    ):
        files = Folder(blocks=10, block_size=4096, program_size=256)
        before = files.flash.operations
        book = CrashBook(PATH)
        for number in range(1000):
            book.note(crash(number), number)
        assert files.flash.erased < 10, files.flash.erased
        assert files.flash.operations - before < most, (name, files.flash.operations - before)


@only("unix", reason="takes long")
def test_a_thousand_starts_that_hang_cost_the_flash_little():
    files = Folder(blocks=10, block_size=4096, program_size=256)
    before = files.flash.operations
    for _ in range(1000):
        with raises(Reset):
            Supervisor(hang, hang, CrashBook(PATH), watchdog=Biting(), say=lambda who, text: None).run()
        asyncio.new_event_loop()
    assert files.flash.operations - before < 40, files.flash.operations - before
    equal(CrashBook(PATH).starts, 4)


async def hang():
    await asyncio.sleep(1000)


class Biting(Watchdog):
    """Resets the board when the loop comes round."""

    def feed(self):
        raise Reset


@only("unix", reason="takes long")
def test_a_thousand_crashes_of_a_supervised_node_cost_the_flash_little():
    files = Folder(blocks=8, block_size=4096, program_size=256)
    before = files.flash.operations
    node = Node(*failing(1000), repair_s=0, say=lambda who, text: None)
    while node.start():
        pass
    assert files.flash.operations - before < 120, files.flash.operations - before
    assert CrashBook(PATH).crashes >= 512, CrashBook(PATH).crashes


if harness.target != "unix":
    harness.skip("uses the reset causes of no board")


def test_a_coroutine_in_place_of_the_application_is_told():
    async def main():
        pass

    for arguments in ((main(),), (main, main())):
        with raises(TypeError) as caught:
            Supervisor(*arguments)
        assert "pass main, not main()" in str(caught.error), caught.error


def test_what_cannot_be_called_is_told_where_it_is_given():
    for options in ({"application": None}, {"application": len, "say": 3}, {"application": len, "repair": "repair"}):
        with raises(TypeError) as caught:
            Supervisor(**options)
        assert "a Supervisor is given functions, not " in str(caught.error), caught.error


def test_what_is_called_in_passing_and_async_is_told_where_it_is_given():
    for name in ("say", "reset", "pause_ms"):
        for wrong in (nothing, 5, ""):
            if name == "say" and wrong is not nothing:
                continue  # As above.
            with raises(TypeError) as caught:
                Supervisor(nothing, **{name: wrong})
            equal(str(caught.error), "%s is a function without async, not %r" % (name, wrong))


def test_a_path_in_place_of_the_book_and_a_time_in_place_of_the_watchdog_are_told():
    for wrong in ("/crashes.txt", 0, ""):
        with raises(TypeError) as caught:
            Supervisor(nothing, crashes=wrong)
        equal(str(caught.error), "crashes is a CrashBook, not %r" % (wrong,))
    for wrong in (8000, 0, object):
        with raises(TypeError) as caught:
            Supervisor(nothing, watchdog=wrong)
        equal(str(caught.error), "watchdog is a Watchdog, not %r" % (wrong,))


def test_an_application_without_async_is_told_in_the_book():
    def pause_ms(milliseconds):
        raise KeyboardInterrupt

    for result in (None, 5, []):

        def application(result=result):
            return result

        book = CrashBook(PATH)
        with raises(KeyboardInterrupt):
            Supervisor(application, crashes=book, say=lambda who, text: None, pause_ms=pause_ms).run()
        assert "a Supervisor runs async functions, and %r is none" % (application,) in book.text, book.text


def test_the_patience_of_a_watchdog_is_checked_where_it_is_given():
    for kind, wrong in ((ValueError, -1), (ValueError, 2**29), (TypeError, None), (TypeError, 0.5), (TypeError, "5")):
        with raises(kind) as caught:
            Watchdog().patience(wrong)
        assert str(caught.error).startswith("most_ms is an int from 0 to "), caught.error


def test_times_that_no_timer_takes_are_told_where_they_are_given():
    for name in ("good_s", "repair_s"):
        for kind, wrong in (
            (ValueError, -1),
            (ValueError, 604800),
            (TypeError, "60"),
            (TypeError, None),
            (TypeError, float("inf")),
            (TypeError, float("nan")),
            (TypeError, []),
        ):
            with raises(kind) as caught:
                Supervisor(nothing, **{name: wrong})
            assert str(caught.error).startswith(name + " is an int from 0 to 536870, not "), caught.error
        Supervisor(nothing, **{name: 536870})


def test_a_book_with_no_path_or_a_size_that_no_board_holds_is_told_where_it_is_made():
    for wrong in (-1, 0, 255, 16385, 2**29, 2**70):
        with raises(ValueError) as caught:
            CrashBook(PATH, wrong)
        equal(str(caught.error), "size is an int from 256 to 16384, not %d" % wrong)
    for arguments in ((PATH, "1024"), (PATH, None), (0,), (None,)):
        with raises(TypeError):
            CrashBook(*arguments)
    for wrong in ("", "/", "a\0b"):
        with raises(ValueError) as caught:
            CrashBook(wrong)
        equal(str(caught.error), "the path of the book's file names none: %r" % wrong)


async def nothing():
    pass
