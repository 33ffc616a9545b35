"""The pytest plugin: its options, and which files are MicroPython's.

Those are the test files below the folders that the setting `micropython_tests` names, unless a folder named `host`
is on their way: these, and all others, are ordinary pytest files. Without the setting the plugin does nothing.
"""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from .collect import MicroPythonFile, MicroPythonTest
from .session import MicroPythonSession


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("micropython")
    group.addoption(
        "--target",
        default=os.environ.get("TARGET") or "unix",
        help="where MicroPython tests run: unix, rp2040 (emulated), or the serial port of a board. "
        "The default is the environment variable TARGET, else unix.",
    )
    group.addoption(
        "--time-limit",
        type=float,
        default=0,
        metavar="SECONDS",
        help="after this time a test counts as hanging (default: the file's TIME_LIMIT, else by target)",
    )
    group.addoption("--heap", default="1M", metavar="SIZE", help="heap of the unix port (default: 1M)")
    parser.addini("micropython_tests", "folders whose test files run on MicroPython", "linelist", [])
    folders = "folders that MicroPython tests import from, relative to the root"
    parser.addini("micropython_path", folders, "linelist", ["lib", "tests"])


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """A target that cannot be used ends the run here, before anything else is reported."""
    if folders_of_tests(session.config):
        MicroPythonSession.of(session.config)


def pytest_report_header(config: pytest.Config) -> str | None:
    return f"target: {MicroPythonSession.of(config).description}" if folders_of_tests(config) else None


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    for folder in folders_of_tests(parent.config):
        if module_path.is_relative_to(folder) and "host" not in module_path.relative_to(folder).parts:
            return MicroPythonFile.from_parent(parent, path=module_path)
    return None


def folders_of_tests(config: pytest.Config) -> list[Path]:
    return [config.rootpath / folder for folder in config.getini("micropython_tests")]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip was raised in this plugin; what the reader wants to see is the test that it came from."""
    report = yield
    if isinstance(item, MicroPythonTest) and report.skipped and isinstance(report.longrepr, tuple):
        report.longrepr = (str(item.path), item.line, report.longrepr[2])
    return report
