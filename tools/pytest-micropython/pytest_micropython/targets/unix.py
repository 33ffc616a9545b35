"""MicroPython's unix port: a process on this computer that imports the sources where they are."""

import os
import shutil
import tempfile

from ..files import Program, find_tool
from ..output import ProcessRun, Run
from . import DESCRIBE, printed_by


class UnixTarget:
    kind = "unix"
    time_limit = 30

    def __init__(self, heap: str) -> None:
        self.command = [find_tool("micropython"), "-X", f"heapsize={heap}", "-c"]

    def describe(self) -> str:
        return printed_by(ProcessRun([*self.command, DESCRIBE]), 10)

    def start(self, program: Program, code: str) -> Run:
        folders = [*map(str, program.search_path), ".frozen"]
        return FolderRun([*self.command, code], env={**os.environ, "MICROPYPATH": ":".join(folders)})


class FolderRun(ProcessRun):
    """In an empty folder of its own, as on a board with an empty flash. Files that tests write go with it."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.folder = tempfile.mkdtemp(prefix="micropython-")
        super().__init__(command, env=env, cwd=self.folder)

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self.folder, ignore_errors=True)
