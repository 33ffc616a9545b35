import io
import sys
import time

from aimdb import check_int
from aimdb.errors import new
from micropython import const

from .files import check_path, content, replace
from .telling import tell

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)

_SHORTEST = const(256)  # Characters.
_LONGEST = const(16384)
_WRITES = const(8)  # Of texts, between two starts of the board.


class CrashBook:
    """The last error that ended a run, with its traceback, in the file `path` of at most `size` characters.

    A crash loop does not wear the flash out. An error of the same kind at the same place is written the 1st, 2nd, 4th,
    8th … time only, and no more than 8 texts are written between two starts of the board. No method raises: when the
    flash is full or broken, the book is kept in RAM, until the next start.

    Attributes: `crashes`, how many there were; `starts`, how many of the board's last starts in a row were no good,
    this one included; `text`, when it was and the traceback, or an empty string; `is_kept`, whether the flash has taken
    what was written last.

    Raises `TypeError` or `ValueError` unless the path names a file and `size` is from 256 to 16384. IRQ safety: none.
    No method waits.
    """

    if not TYPE_CHECKING:
        __new__ = new

    def __init__(self, path: str = "/crashes.txt", size: int = 1024):
        check_path("the book's", path)
        check_int("size", size, _SHORTEST, _LONGEST)
        self.path = path
        self.size = size
        self.starts = self.crashes = self._written_starts = 0
        self.text = ""
        self.is_kept = True
        self._writes = 0
        try:
            first, _, text = content(path, 4 * size).decode().partition("\n")
            starts, crashes = [int(word) for word in first.split()[1::2]]
            if min(starts, crashes) >= 0:
                self.starts, self.crashes, self.text = starts, crashes, text
                self._written_starts = starts
        except ValueError:  # It is not there, or damaged.
            pass

    def begin(self, by_power: bool, most: int) -> None:
        """The board has started: count the start. When it was `by_power`, the count begins anew, at 1.

        `most`: a count above this no longer matters, and is not written.
        """
        self.starts = 1 if by_power else self.starts + 1
        if self._written_starts > 1 if by_power else self._written_starts < most:
            self._write()

    def good(self) -> None:
        """This start is a good one."""
        self.starts = 0
        if self._written_starts:
            self._write()

    def note(self, error: BaseException, seconds: float) -> str:
        """Count an error that came so many seconds after the start, and return its traceback."""
        self.crashes += 1
        try:
            traceback = traceback_of(error, self.size - 100)
        except Exception:  # There is no memory; or the error cannot be shown.
            traceback = type(error).__name__
        try:
            again = _place(traceback) == _place(self.text.partition("\n")[2])
            self.text = "%s, %d s after the start\n%s" % (_date(), seconds, traceback)
        except Exception:
            return traceback
        if not (again and self.crashes & (self.crashes - 1)) and self._writes < _WRITES:
            self._writes += 1
            self._write()
        return traceback

    def _write(self):
        try:
            replace(self.path, ("starts %d crashes %d\n%s" % (self.starts, self.crashes, self.text)).encode())
            self._written_starts = self.starts
            self.is_kept = True
        except Exception as er:  # A tuple of kinds would take heap here.
            self.is_kept = False
            tell("%s cannot be written: %r", self.path, er)


def traceback_of(error: BaseException, most: int) -> str:
    """The traceback as text, of which the last `most` characters are kept: there stands what the error was.

    What the error itself says has at most half of them, so that its class and place are kept, too.
    """
    file = io.StringIO()
    sys.print_exception(error, file)  # type: ignore[attr-defined]
    text = file.getvalue()
    if len(text) > most:
        place = text.rfind("\n  File ") + 1
        said = text.find("\n", place)  # From here on, the class and what the error says.
        text = text[: said + most // 2].rstrip() + "\n"
    return text[-most:]


def _place(traceback):
    # Where it was and of which class, without what the error says, which may have other numbers each time.
    place, _, last = traceback.strip().rpartition("\n")
    return place, last.split(":")[0]


def _date():
    return "%d-%02d-%02d %02d:%02d:%02d" % time.gmtime()[:6]
