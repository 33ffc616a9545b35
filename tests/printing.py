"""What the library prints, for tests to look at."""

import builtins


class printing:
    """`with printing() as said:` keeps what the block prints, on whatever stream, in `said.text`."""

    def __enter__(self):
        self.text = ""
        self._original = builtins.print
        builtins.print = self._listen
        return self

    def _listen(self, *words, file=None):
        self.text += " ".join([str(word) for word in words]) + "\n"

    def __exit__(self, *error):
        builtins.print = self._original


def printed(call):
    """What is printed while `call()` runs."""
    with printing() as said:
        call()
    return said.text


class Unspeakable(Exception):
    """An error that cannot be shown, as of a value that is nested deep."""

    def __str__(self):
        raise RuntimeError("maximum recursion depth exceeded")

    __repr__ = __str__
