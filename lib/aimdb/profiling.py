"""Which stage is slow: how long each runs in its own code. Loaded by `AimDb(profile=True)`.

IRQ safety: none.
"""

from time import ticks_diff, ticks_us


class Times:
    """How often a stage ran, and how long, in microseconds."""

    def __init__(self, record, kind: str, function):
        self.record = record
        self.kind = kind
        self.function = function
        self.reset()

    def reset(self) -> None:
        self.calls = self.least = self.most = 0
        self._seconds = self._rest = 0  # The sum, in two parts that are small ints, which need no heap.

    def add(self, microseconds: int) -> None:
        if not self.calls or microseconds < self.least:
            self.least = microseconds
        if microseconds > self.most:
            self.most = microseconds
        self.calls += 1
        self._rest += microseconds
        while self._rest >= 1000000:
            self._rest -= 1000000
            self._seconds += 1

    def described(self) -> dict:
        total = self._seconds * 1000000 + self._rest
        return {
            "record": self.record.key,
            "kind": self.kind,
            "name": getattr(self.function, "__name__", type(self.function).__name__),
            "calls": self.calls,
            "total_us": total,
            "min_us": self.least,
            "mean_us": total // (self.calls or 1),
            "max_us": self.most,
        }


class Profile:
    """The times of all stages of a database, and its gauges."""

    def __init__(self, profile: bool):
        if profile is not True:
            raise TypeError("profile is True or False, not %r" % (profile,))
        self._times: list = []
        self.gauges: list = []

    def times_of(self, stages) -> "list[Times]":
        """Those of these stages, (record, kind, function, …) each; new ones for those that are not known yet."""
        found: list = []
        for record, kind, function, _ in stages:
            for times in self._times:
                if times.record is record and times.kind == kind and times.function is function:
                    if times not in found:  # A function may be two taps of a record.
                        break
            else:
                times = Times(record, kind, function)
                timed = _timed(function.fn, times) if kind == "transform" else None
                self._times.append(times)
                if timed:
                    function.fn = timed
            found.append(times)
        return found

    def watch(self, stages: "list[list]") -> None:
        """Have each stage, [record, kind, function, coroutine], timed from one wait to the next.

        Of a transform that is the time in its function.
        """
        for stage, times in zip(stages, self.times_of(stages)):
            if stage[1] != "transform":
                stage[3] = _Stepped(stage[3], times)

    def described(self, db) -> "list[dict]":
        """What `AimDb.profile` returns."""
        return [times.described() for times in self.times_of(db._stages)]

    def reset(self) -> None:
        """Begin anew, also with the gauges."""
        for each in self._times + self.gauges:
            each.reset()


class _Stepped:
    # Stands in for the coroutine of a stage in its task.

    def __init__(self, coroutine, times):
        self._coroutine = coroutine
        self._times = times

    def send(self, value):
        start = ticks_us()
        try:
            return self._coroutine.send(value)
        finally:
            self._times.add(ticks_diff(ticks_us(), start))

    def throw(self, error):
        start = ticks_us()
        try:
            return self._coroutine.throw(error)
        finally:
            self._times.add(ticks_diff(ticks_us(), start))


def _timed(function, times):
    def call(*arguments):
        start = ticks_us()
        try:
            return function(*arguments)
        finally:
            times.add(ticks_diff(ticks_us(), start))

    return call
