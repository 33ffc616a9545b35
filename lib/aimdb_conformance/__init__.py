"""What every aimdb buffer promises, as tests that take a buffer factory.

In a test file, for a buffer of your own:

    from aimdb_conformance import conformance
    globals().update(conformance(lambda: MyBuffer(3), competing=True, refuses=True, keeps_for_late=True))

Each function of the result is a test, sync or async; `await run_all(tests)` runs them without a test runner. They
are made of `assert`: compile them with mpy-cross -O0, which keeps it.
"""

from .allocating import NoHeap
from .filling import Overwriting, Refusing
from .growing import Growing
from .joining import Late, Leaving, NothingOld
from .reading import Reading
from .sharing import Competing, FanOut
from .support import Way as Way
from .writing import AtOnce, OnArrival, Writing


def conformance(make, competing=False, refuses=False, keeps_for_late=False, readable=True, allocates=False, way=None):
    """The tests for the buffers that `make()` returns, as a dict from name to function.

    competing       a value goes to exactly one reader; otherwise every reader sees every value
    refuses         when full, `try_push` raises `BufferFull` and `push_async` waits; otherwise it overwrites
    keeps_for_late  a reader that subscribes late gets what is held; otherwise only what comes after
    allocates       its calls may use the heap
    readable        False for a buffer that only takes values
    way             a `Way`, for a buffer whose values live elsewhere: `push_async` is done when its value has arrived
                    there, and readers get it when it has come back
    """
    kinds = [Writing, OnArrival if way else AtOnce]
    if readable:
        kinds.append(Reading)
        kinds.append(Competing if competing else FanOut)
        kinds.append(Late if keeps_for_late else NothingOld)
        kinds.append(Refusing if refuses else Overwriting)
        if not way:
            kinds.append(Leaving)
        kinds.append(Growing)
        if not allocates:
            kinds.append(NoHeap)
    tests = {}
    for kind in kinds:
        suite = kind(make, way or Way())
        for name in dir(suite):
            if name.startswith("test_"):
                tests[name] = getattr(suite, name)
    return tests


async def run_all(tests):
    """Run `tests` one after another and print a line for each; the first failure is raised.

    The test of a loop that is left does nothing here: this runs in a loop itself.
    """
    for name in sorted(tests):
        result = tests[name]()
        if hasattr(result, "send"):
            await result
        print("ok", name)
