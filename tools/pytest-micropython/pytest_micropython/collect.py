"""MicroPython test files and their tests, as pytest's tree has them."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from .failure import Failure
from .files import Program, TargetError
from .listing import ListingError, list_tests
from .runner import FileRunner
from .session import MicroPythonSession


class TestFailed(Exception):
    """Carries what the target said about a test to pytest's report of it."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure


class FailureText:
    """What pytest prints for a failed test; `reprcrash` is where it looks for the line of the summary."""

    def __init__(self, failure: Failure, path: Path, line: int) -> None:
        self.text = failure.text
        self.reprcrash = SimpleNamespace(path=str(path), lineno=line, message=failure.message)

    def __str__(self) -> str:
        return self.text

    def toterminal(self, terminal: object) -> None:
        terminal.line(self.text)


class MicroPythonFile(pytest.File):
    """A file whose tests share one interpreter. It lives from the first of them to the last."""

    runner: FileRunner

    def collect(self) -> Iterator[pytest.Item]:
        session = MicroPythonSession.of(self.config)
        program = Program(self.path, session.folders, self.config.rootpath)
        try:
            listing = list_tests(program, session.target.kind, session.unix)
        except ListingError as error:
            raise self.CollectError(str(error)) from None
        if listing.skipped and not listing.tests:
            pytest.skip(listing.skipped, allow_module_level=True)
        limit = session.time_limit or listing.time_limit or session.target.time_limit
        self.runner = FileRunner(session.target, program, self.nodeid, limit)
        for name, line in listing.tests.items():
            yield MicroPythonTest.from_parent(self, name=name, line=line)

    def teardown(self) -> None:
        self.runner.stop()


class MicroPythonTest(pytest.Item):
    """One test function. It runs on the target; here its result is fetched."""

    def __init__(self, *, line: int, **node: object) -> None:
        super().__init__(**node)
        self.line = line

    def runtest(self) -> None:
        siblings = [item for item in self.session.items if item.parent is self.parent]
        later = [item.name for item in siblings[siblings.index(self) + 1 :]]
        try:
            result = self.parent.runner.result(self.name, later)
        except TargetError as error:
            raise TestFailed(Failure(str(error), str(error))) from None
        print(result.printed, end="")
        if result.outcome == "skipped":
            pytest.skip(result.reason)
        if result.failure:
            raise TestFailed(result.failure)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: str | None = None) -> object:
        if isinstance(excinfo.value, TestFailed):
            return FailureText(excinfo.value.failure, self.path, self.line)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, self.line - 1 if self.line else None, self.name
