"""Ctrl-C at a chosen call, for tests."""


class Interrupted:
    """In place of a function: call number `at` ends in Ctrl-C, before it has done anything."""

    def __init__(self, function, at=1):
        self.function = function
        self.calls = 0
        self.at = at

    def __call__(self, *arguments):
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        return self.function(*arguments)
