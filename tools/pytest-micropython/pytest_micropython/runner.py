"""Runs the tests of one file, in one interpreter for as long as that lives, and tells what came of each."""

from collections import deque
from dataclasses import dataclass

from .failure import Failure, explain
from .files import Program
from .output import Hang, Report
from .targets import Target

#: The last lines of a test's output are kept: enough to see what it did, also when it printed for ever.
KEPT_LINES = 50

#: What the way to the target may take: to boot, to mount files, to import.
START_SECONDS = 60


@dataclass
class Result:
    outcome: str  # passed, skipped or failed
    reason: str = ""
    failure: Failure | None = None
    printed: str = ""


class FileRunner:
    """One for a test file. `shown_name` is what messages call the file."""

    def __init__(self, target: Target, program: Program, shown_name: str, time_limit: float) -> None:
        self.target = target
        self.program = program
        self.shown_name = shown_name
        self.time_limit = time_limit
        self._report: Report | None = None
        self._expected: list[str] = []
        self._verdict_on_file: Result | None = None

    def result(self, name: str, later: list[str]) -> Result:
        """The result of one test. The interpreter goes on with the `later` ones while the host is busy."""
        if self._verdict_on_file:
            return self._verdict_on_file
        if name in self._expected:
            self._report.allow(self.time_limit)
        else:
            self.stop()
            self._start([name, *later])
        printed: deque[str] = deque(maxlen=KEPT_LINES)
        result = self._read(name, printed)
        result.printed = "".join(printed)
        return result

    def stop(self) -> None:
        if self._report:
            self._report.run.stop()
        self._report = None
        self._expected = []

    def _start(self, names: list[str]) -> None:
        module, kind = self.program.module, self.target.kind
        code = f"import harness; harness.run({module!r}, {kind!r}, {' '.join(names)!r})"
        self._report = Report(self.target.start(self.program, code), START_SECONDS + self.time_limit)
        self._expected = names

    def _read(self, name: str, printed: deque[str]) -> Result:
        begun = False
        traceback: list[str] | None = None  # a list while one is being printed
        try:
            for event, argument in self._report.lines():
                if event == "text":
                    (printed if traceback is None else traceback).append(argument)
                elif event == "load":
                    printed.clear()  # what the way to the target had to say
                elif event == "begin":
                    begun = argument == name
                    self._report.allow(self.time_limit)
                elif event in ("failed", "import-failed"):
                    traceback = []
                    import_failed = event == "import-failed"
                elif event == "end":
                    failure = explain("".join(traceback or ()), self.program.root)
                    traceback = None
                    if import_failed:
                        return self._import_failed(name, failure)
                    if begun:
                        return self._done(name, Result("failed", failure=failure))
                elif event == "file-skipped":
                    self._verdict_on_file = Result("skipped", argument)
                    return self._verdict_on_file
                elif begun:
                    return self._done(name, Result(event, argument))
        except Hang as hang:
            what, ending = "hang", f"did not {'finish' if begun else 'begin'} {hang}"
        else:
            status = self._report.run.how_it_ended()
            what, ending = "crash", f"ended the interpreter ({status})"
            if not begun:
                said = "".join(printed).strip().splitlines()
                ending = f"did not begin: {said[-1] if said else status}"
        self.stop()
        return _broken(f"{what}: {self.shown_name}::{name} {ending}", f"{what}: {ending}")

    def _done(self, name: str, result: Result) -> Result:
        self._expected = self._expected[self._expected.index(name) + 1 :]
        return result

    def _import_failed(self, name: str, failure: Failure) -> Result:
        """The first test shows why; the others refer to it."""
        see = f"{self.shown_name} did not import: see {name}"
        self._verdict_on_file = _broken(see, see)
        return Result("failed", failure=failure)


def _broken(text: str, summary: str) -> Result:
    return Result("failed", failure=Failure(text, summary))
