"""An RP2040 in software. Each run gets a fresh board, whose flash holds the compiled files."""

import queue
import threading

from ..files import Program, TargetError
from ..output import Run
from . import DESCRIBE

# The board ends a run when its time limit has passed, not the emulator.
NO_LIMIT = 1e6


class EmulatedTarget:
    kind = "rp2040"
    # A busy emulated chip is up to 25 times slower than a real one.
    time_limit = 300

    def __init__(self) -> None:
        try:
            import emulated_pico
            import emulated_pico.filesystem
        except ImportError as error:
            raise TargetError(f"no emulator ({error}): pip install emulated-pico") from None
        self.package = emulated_pico

    def describe(self) -> str:
        try:
            with self.package.Board() as board:
                return board.exec(DESCRIBE, timeout=60).strip()
        except Exception as error:
            raise TargetError(f"the emulated board does not start: {error}") from error

    def start(self, program: Program, code: str) -> Run:
        # In /lib, where imports look, and where a main.py is not started at boot.
        files = {f"lib/{place}": content for place, content in program.compiled("armv6m").items()}
        return BoardRun(self.package.Board(filesystem=self.package.filesystem.build_image(files)), code)


class BoardRun:
    """A board with a thread of the host that waits for what it prints."""

    def __init__(self, board: object, code: str) -> None:
        self.pieces: queue.Queue[str | None] = queue.Queue()
        self.board = board
        self.code = code
        self.ending = "its program is over"
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        try:
            self.board.start()
            self.board.end_at_reset()
            self.board.exec(self.code, timeout=NO_LIMIT, on_output=self.pieces.put)
        except Exception as error:
            self.ending = str(error)
            self.pieces.put(getattr(error, "stderr", ""))
        self.pieces.put(None)

    def stop(self) -> None:
        self.board.stop()

    def how_it_ended(self) -> str:
        return self.ending
