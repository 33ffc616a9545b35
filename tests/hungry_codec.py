"""A codec that lacks memory once, for tests."""

from aimdb import JsonCodec


class HungryCodec(JsonCodec):
    """There is no memory for 3 in the first attempt."""

    has_failed = False

    def encode(self, value):
        if value == 3 and not self.has_failed:
            self.has_failed = True
            raise MemoryError
        return super().encode(value)
