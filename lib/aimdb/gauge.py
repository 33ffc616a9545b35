"""What a signal, such as a temperature, has been. Loaded when a gauge is made for a database with `profile=True`."""

from micropython import const

_MASK = const(0x1FFFFFFF)  # Counts stay small ints, which need no heap.


class Gauge:
    """Last, least, largest and mean value of a signal; `Record.signal_gauge` makes it.

    Cancel safety: it never waits. IRQ safety: none.
    """

    def __init__(self, key: str, name: str, unit: str):
        self.names = key, name, unit
        self.reset()

    def reset(self) -> None:
        """Forget all values."""
        self._count = self._refused = 0
        self._last = self._least = self._most = self._mean = 0.0

    def update(self, value: float) -> None:
        """Measure a value. NaN, infinity and what is no number are counted as refused; nothing is raised."""
        try:
            value = value - 0  # Of True it makes a number, and a string raises.
            number = float(value)  # A complex number is no float.
            if number - number != 0:  # NaN, infinite, or an int that is too large.
                raise ValueError
            count = (self._count & _MASK) + 1
            mean = self._mean + (number / count - self._mean / count)  # Their difference may be infinite.
            least, most = (min(value, self._least), max(value, self._most)) if self._count else (value, value)
        except Exception:
            self._refused = (self._refused & _MASK) + 1
            return
        self._count, self._mean = count, mean
        self._last, self._least, self._most = value, least, most

    def described(self) -> dict:
        """The dict that `AimDb.signals` returns for this gauge; an empty one without `AimDb(profile=True)`."""
        record, name, unit = self.names
        return {
            "record": record,
            "name": name,
            "unit": unit,
            "count": self._count,
            "last": self._last,
            "min": self._least,
            "max": self._most,
            "mean": self._mean,
            "refused": self._refused,
        }
