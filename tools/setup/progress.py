"""Shows what long work is at: on a terminal in one line that changes, elsewhere by a line every so often."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from collections.abc import Iterator

# Elsewhere than on a terminal: often enough that nobody thinks it hangs.
QUIET_SECONDS = 20


class Progress:
    """One step after the other. `detail` may be set by the work; a thread shows it."""

    def __init__(self) -> None:
        self.detail = ""
        self._terminal = sys.stdout.isatty()

    def say(self, text: str) -> None:
        """A line that stays."""
        print(text, flush=True)

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Shows the work in the block under this name, and the seconds that it took."""
        self.detail = ""
        began = time.monotonic()
        ended = threading.Event()
        shower = threading.Thread(target=self._show, args=(text, began, ended), daemon=True)
        if not self._terminal:
            self.say(f"  {text} ...")
        shower.start()
        try:
            yield
        except BaseException:
            if self._terminal:
                print()
            raise
        finally:
            ended.set()
            shower.join()
        seconds = f"{time.monotonic() - began:.0f} s"
        self.say(f"\r\033[K  {text}: {seconds}" if self._terminal else f"    {seconds}")

    def _show(self, text: str, began: float, ended: threading.Event) -> None:
        while not ended.wait(0.5 if self._terminal else QUIET_SECONDS):
            seconds = f"{time.monotonic() - began:.0f} s"
            line = f"  {text}, {seconds}: {self.detail}" if self._terminal else f"    {seconds}: {self.detail}"
            line = line[: shutil.get_terminal_size().columns - 1]
            print(f"\r\033[K{line}" if self._terminal else line, end="" if self._terminal else "\n", flush=True)
