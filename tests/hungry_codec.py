"""A codec that lacks memory once, and a queue on flash that peers read by it, for tests."""

from aimdb import JsonCodec


class HungryCodec(JsonCodec):
    """There is no memory for 3 in the first attempt."""

    has_failed = False

    def encode(self, value):
        if value == 3 and not self.has_failed:
            self.has_failed = True
            raise MemoryError
        return super().encode(value)


def hungry_queue(db, key):
    """A queue on flash as record `key`, with this codec for peers."""
    from flash_devices import Flash
    from flash_support import opened

    queue = opened(Flash(4, 4096))
    db.configure(key, queue).remote(write=True, codec=HungryCodec())
    return queue
