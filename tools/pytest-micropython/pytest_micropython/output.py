"""What a run on a target prints, as it comes: text of the tests, and the lines of the harness's report."""

import codecs
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Protocol

MARK = "\x1e"


class Run(Protocol):
    """One interpreter at work. Its output arrives in pieces; None is the end of it."""

    pieces: queue.Queue[str | None]

    def stop(self) -> None:
        """Ends the interpreter, whatever it is doing."""

    def how_it_ended(self) -> str:
        """For the message about an interpreter that ended by itself."""


class ProcessRun:
    """A run that is a process of the host: the unix port itself, or mpremote talking to a board."""

    def __init__(self, command: list[str], **popen_options: object) -> None:
        # Bounded: a test that prints for ever then waits for its reader, and does not fill the host's memory.
        self.pieces: queue.Queue[str | None] = queue.Queue(maxsize=100)
        # A session of its own, so that Ctrl-C reaches pytest alone and pytest ends the run in its own way.
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **popen_options,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        with self.process.stdout as stream:
            while data := stream.read1():
                self.pieces.put(decoder.decode(data))
        self.pieces.put(None)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def how_it_ended(self) -> str:
        status = self.process.wait()
        return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


class Hang(Exception):
    """The message is how long the run was given."""


class Report:
    """Reads a run line by line, and notices when it hangs."""

    def __init__(self, run: Run, seconds: float) -> None:
        self.run = run
        self.ended = False
        self._rest = ""
        self.allow(seconds)

    def allow(self, seconds: float) -> None:
        """From now on, the run has this long before it counts as hanging."""
        self._allowed = seconds
        self._deadline = time.monotonic() + seconds

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yields ("text", what a test printed) and (event, its argument), until the run ends.

        Whoever saw what was wanted stops iterating, and goes on with a new call where this one was left.

        Raises:
            Hang: the time that `allow` gave is over.
        """
        while not self.ended:
            while "\n" in self._rest:
                line, self._rest = self._rest.split("\n", 1)
                yield from _parts(line.removesuffix("\r") + "\n")
            piece = self._next_piece()
            if piece is None:
                break
            self._rest += piece
        yield from _parts(self._take_rest())
        if not self.ended:
            raise Hang(f"in {self._allowed:g} s")

    def _next_piece(self) -> str | None:
        """None when the run has ended, and when it printed nothing in time."""
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            return None
        try:
            piece = self.run.pieces.get(timeout=seconds)
        except queue.Empty:
            return None
        self.ended = piece is None
        return piece

    def _take_rest(self) -> str:
        rest, self._rest = self._rest, ""
        return rest


def _parts(line: str) -> Iterator[tuple[str, str]]:
    """A test may print without a newline, so an event can follow text on the same line."""
    text, mark, event = line.partition(MARK)
    if text:
        yield "text", text
    if mark:
        kind, _, argument = event.strip().partition(" ")
        yield kind, argument
