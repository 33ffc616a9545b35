"""What one pytest run needs once: the target, the unix port that lists tests, and where to import from."""

import pytest

from .files import TargetError
from .targets import open_target
from .targets.unix import UnixTarget


class MicroPythonSession:
    def __init__(self, config: pytest.Config) -> None:
        name, heap = config.getoption("target"), config.getoption("heap")
        self.unix = UnixTarget(heap)
        self.target = self.unix if name == "unix" else open_target(name, heap)
        self.description = f"{name}, MicroPython {self.target.describe()}"
        self.time_limit: float = config.getoption("time_limit")
        folders = (config.rootpath / folder for folder in config.getini("micropython_path"))
        self.folders = tuple(folder for folder in folders if folder.is_dir())

    @classmethod
    def of(cls, config: pytest.Config) -> "MicroPythonSession":
        """The one of this pytest run. Without a target there is nothing to test: a sentence, and the end."""
        if KEY not in config.stash:
            try:
                config.stash[KEY] = cls(config)
            except TargetError as error:
                raise pytest.UsageError(str(error)) from None
        return config.stash[KEY]


KEY = pytest.StashKey[MicroPythonSession]()
