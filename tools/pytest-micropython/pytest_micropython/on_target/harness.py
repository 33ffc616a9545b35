"""Runs the tests of one file on the target, and what a test imports: skip, only, equal, raises, heap_locked.

What came of each test is printed. A line of the report begins with MARK, which no test prints:

    load FILE, or that and:   file-skipped REASON  |  import-failed, a traceback, end
    begin NAME, and one of:   passed  |  skipped REASON  |  failed, a traceback, end
"""

import asyncio
import gc
import sys

import micropython

MARK = "\x1e"

# Where the tests run: "unix", "rp2040" (emulated) or "board". Set before the test file is imported.
target = "unix"

# Without it, an error that is raised while the heap is locked has no traceback.
if hasattr(micropython, "alloc_emergency_exception_buf"):
    micropython.alloc_emergency_exception_buf(200)


class SkipTest(Exception):
    pass


def skip(reason):
    """Ends the test, or the import of the whole file, as skipped."""
    raise SkipTest(reason)


def only(*targets, reason):
    """Decorator: the test runs on these targets; elsewhere it is skipped for this reason."""

    def mark(test):
        return test if target in targets else lambda: skip(reason)

    return mark


def equal(actual, expected):
    """An assert that shows both values when they differ."""
    if actual != expected:
        raise AssertionError(f"{actual!r} is not {expected!r}")


class raises:
    """`with raises(KeyError) as caught:` passes when the block raises one, and keeps it in `caught.error`."""

    def __init__(self, kind):
        self.kind = kind
        self.error = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None:
            raise AssertionError(self.kind.__name__ + " was not raised")
        self.error = error
        return issubclass(kind, self.kind)


class heap_locked:
    """`with heap_locked():` makes every allocation in the block a MemoryError."""

    def __enter__(self):
        micropython.heap_lock()

    def __exit__(self, kind, error, traceback):
        micropython.heap_unlock()


def report(*words):
    print(MARK, end="")
    print(*words)


def report_error(kind, error):
    report(kind)
    sys.print_exception(error)
    report("end")


def load(module, where):
    """Imports the test file for this target; when that fails, says why and returns None."""
    global target
    target = where
    report("load", module)
    try:
        return __import__(module)
    except SkipTest as reason:
        report("file-skipped", reason)
    except Exception as error:
        report_error("import-failed", error)


def list_tests(module, where):
    """Prints the names of the tests of a file, and the time limit that it asks for."""
    tests = load(module, where)
    if tests:
        report("limit", getattr(tests, "TIME_LIMIT", 0))
        for name, value in tests.__dict__.items():  # dir() leaves out names that were made at run time
            if name.startswith("test_") and callable(value):
                report("test", name)
    report("listed")


def run(module, where, names):
    """Runs the named tests (one string, parted by spaces), in this order."""
    tests = load(module, where)
    if tests:
        for name in names.split():
            report("begin", name)
            run_test(tests, name)


def run_test(tests, name):
    gc.collect()
    asyncio.new_event_loop()
    try:
        result = getattr(tests, name)()
        if hasattr(result, "send"):
            asyncio.run(result)
    except SkipTest as reason:
        unlock_heap()
        report("skipped", reason)
    except KeyboardInterrupt:
        raise  # the host interrupts a test that hangs
    except BaseException as error:
        unlock_heap()
        report_error("failed", error)
    else:
        unlock_heap()
        report("passed")
    asyncio.new_event_loop()
    # asyncio keeps the last task that failed, and with it what its test has made.
    asyncio.core._exc_context.update(exception=None, future=None)


def unlock_heap():
    """A test that failed with the heap locked must not fail the ones after it."""
    micropython.heap_lock()
    while micropython.heap_unlock():
        pass
