"""MicroPython's raw REPL: the protocol by which a host runs code on a board and learns what came of it."""

import codecs
from collections.abc import Callable

from emulated_pico.console import HINT, Console, Deadline
from emulated_pico.errors import BoardError

INTERRUPT = b"\x03"
ENTER = b"\x01"
LEAVE = b"\x02"
END = b"\x04"
BANNER = b"raw REPL; CTRL-B to exit\r\n>"
ACCEPTED = b"OK"


def run_code(
    console: Console,
    write: Callable[[bytes], None],
    code: str,
    timeout: float,
    on_output: Callable[[str], object] | None = None,
) -> str:
    """Run code through the raw REPL; return its output, with line ends as \\n.

    Arguments:
        console: where the answers appear.
        write: sends bytes to the board.
        code: MicroPython source.
        timeout: upper bound, in seconds of wall time.
        on_output: called with each piece of output as it arrives.

    Raises:
        BoardError: the code raised, or it was not done in time and was interrupted, or the board is gone.
    """
    deadline = Deadline(timeout)
    output = Output(on_output)
    start = console.end
    write(b"\r" + INTERRUPT + INTERRUPT + ENTER)
    try:
        ready = console.wait_for(BANNER, start, deadline)
        write(code.encode() + END)
        accepted = console.wait_for(ACCEPTED, ready, deadline)
        printed = console.wait_for(END, accepted, deadline, output.add)
        traceback = Output(None)
        console.mark_taken(console.wait_for(END, printed, deadline, traceback.add))
    except BoardError:
        if not deadline.remaining:
            # The next exec must find a board that listens.
            write(INTERRUPT)
            raise BoardError(
                f"exec timed out: the code was not done after {timeout:g} s of the wall clock, and was interrupted."
                f" It printed {output.text!r}. {HINT}"
            ) from None
        raise
    write(LEAVE)
    if traceback.text:
        raise BoardError(traceback.text.strip().splitlines()[-1], stderr=traceback.text)
    return output.text


class Output:
    """Bytes in, text out: UTF-8 that may be cut anywhere."""

    def __init__(self, listener: Callable[[str], object] | None) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._listener = listener
        self.text = ""

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        piece = self._decoder.decode(data).replace("\r", "")
        self.text += piece
        if piece and self._listener is not None:
            self._listener(piece)
