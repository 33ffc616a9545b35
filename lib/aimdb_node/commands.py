import json

from aimdb.errors import check_int, new
from micropython import const

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SHOWN = const(40)  # Characters of what was wrong that an answer repeats.


class Refused(ValueError):
    """What a command raises to refuse; its text is the answer."""


class Commands:
    """Lines of text such as `interval 50`, checked before anything is done.

        commands = Commands()
        commands.add("interval", set_interval, whole("MS", 1, 3600000))
        print(commands.obey("interval 50"))

    `obey` takes whatever comes over the air or from a console, and returns an answer in words; it refuses what no
    command expects. An error that the command's function raises is its answer, too, except the kinds in `passed`.

    `longest`: bytes of a line. Attributes: `refused_count`, `failed_count`. Raises `TypeError` or `ValueError`. IRQ
    safety: none. No method waits.
    """

    if not TYPE_CHECKING:
        __new__ = new

    def __init__(self, longest: int = 80, passed: "tuple" = ()):
        check_int("longest", longest, 1)
        kinds = (passed,) if isinstance(passed, type) else passed
        if not isinstance(kinds, tuple) or not all([isinstance(each, type) for each in kinds]):
            raise TypeError("passed is a tuple of kinds of errors, not %r" % (passed,))
        self._table: dict = {}
        self._longest = longest
        self._passed = passed
        self.refused_count = self.failed_count = 0

    def add(self, name: str, function: "Callable", *arguments: "Callable") -> None:
        """A new command, `name`. Each of `arguments` takes a word of the line and returns the value that `function` is
        called with, or raises `Refused`; what `function` returns is the answer, "done" for None. Raises `TypeError`
        for a name that is no word, and for what cannot be called or is async.
        """
        given = (name, function) + arguments
        fit = [callable(each) and type(each).__name__ != "generator" for each in given[1:]]
        if not isinstance(name, str) or name.split() != [name] or not all(fit):
            raise TypeError("a command is a word and functions without async, not %r" % (given,))
        self._table[name] = function, arguments

    def obey(self, line: "Any") -> str:
        """Do what the line says, and return the answer."""
        try:
            word, *given = self._words(line)
            if word not in self._table:
                raise Refused("there is no command %r; there are: %s" % (word[:_SHOWN], self._usage()))
            function, arguments = self._table[word]
            takes = len(arguments)
            if len(given) != takes:
                raise Refused("%s takes %d value%s, not %d" % (word, takes, "s"[takes == 1 :], len(given)))
            values = [argument(text) for argument, text in zip(arguments, given)]
            answer = function(*values)
            if hasattr(answer, "send"):  # Of a bound method only a call tells.
                raise TypeError("command %r is async, and has not run" % word)
            return "done" if answer is None else str(answer)
        except Exception as er:
            if isinstance(er, self._passed):
                raise
            refused = isinstance(er, Refused)
            self.refused_count += refused
            self.failed_count += not refused
            try:
                return "refused: %s" % er if refused else "failed: %r" % er
            except Exception:  # There is no memory, or the error cannot be shown.
                return "refused" if refused else "failed"

    def _words(self, line):
        if not isinstance(line, (str, bytes, bytearray)):
            raise Refused("a command is a line of text, not " + repr(line)[:_SHOWN])
        if len(line) > self._longest:
            raise Refused("a line has at most %d bytes" % self._longest)
        try:
            text = (line if isinstance(line, str) else bytes(line).decode()).strip()
            if text.startswith('"'):  # JSON, as links send it that have no other codec.
                text = json.loads(text)
        except ValueError:  # Of UnicodeError, too.
            raise Refused("that is no text: " + repr(line)[:_SHOWN])
        words = text.split()
        if not words:
            raise Refused("an empty line; there are: " + self._usage())
        return words

    def _usage(self):
        return ", ".join(sorted(self._table))


def whole(name: str, least: int, most: int) -> "Callable[[str], int]":
    """An argument that is a whole number from `least` to `most`. The refusal calls it `name`.

    Raises `TypeError` when one of the two is no int, and `ValueError` when `least` is larger than `most`.
    """
    if type(least) is not int or type(most) is not int:
        raise TypeError("%s is a whole number from an int to an int, not from %r to %r" % (name, least, most))
    if least > most:
        raise ValueError("%s is never a whole number from %d to %d" % (name, least, most))

    def argument(text):
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise Refused("%s is a whole number from %d to %d, not %r" % (name, least, most, text[:_SHOWN]))
        return number

    return argument


def one_of(*words: str) -> "Callable[[str], str]":
    """An argument that is one of these words. Raises `TypeError` when there are none, or something else."""
    if not words or not all([isinstance(each, str) for each in words]):
        raise TypeError("one_of is given words, not %r" % (words,))
    shown = ", ".join(words)

    def argument(text):
        if text not in words:
            raise Refused("one of %s, not %r" % (shown, text[:_SHOWN]))
        return text

    return argument
