"""Leaves a program few blocks of the heap, so that one of its next allocations fails; and measures what stays on it."""

import gc
import sys

BLOCK = 4 * (8 if sys.maxsize > 2**31 else 4)  # Bytes.


class Scarce:
    """`with Scarce(blocks):` so many blocks are free in it, side by side, and no others."""

    def __init__(self, blocks):
        self._hole = (None,) * (4 * blocks - 2) if blocks else None  # With the two words of its head.
        self._filling = None

    def __enter__(self):
        size = 1 << 18
        while size >= BLOCK:
            self._fill(size)
            size >>= 2
        # What filling has used itself was free again afterwards.
        for _ in range(2):
            self._fill_singly()
        self._hole = None
        gc.collect()

    def __exit__(self, kind, error, traceback):
        # Piece by piece, as whatever holds one of them would hold all that were filled before.
        filling, self._filling = self._filling, None
        while filling:
            if len(filling) == 2:
                filling[1] = None
            filling = filling[0]
        overwrite_the_stack(20)
        gc.collect()

    def _fill(self, size):
        try:
            while True:
                self._filling = [self._filling, bytearray(size)]
        except MemoryError:
            pass

    def _fill_singly(self):
        gc.collect()
        try:
            while True:
                self._filling = (self._filling,)
        except MemoryError:
            pass


def overwrite_the_stack(depth):
    # The collector takes what is left on it for references, of which one may hold all that was filled.
    if depth:
        overwrite_the_stack(depth - 1)


def make_with_little(make, forget, step: int) -> None:
    """Call `make` with ever more free blocks, each time with all memory right after: then it must work.

    `forget` undoes what it has made and loaded. Where a failed import had left a name without a module, the interpreter
    would crash in the second call.
    """
    for blocks in range(0, 120, step):
        forget()
        with Scarce(blocks):
            try:
                make()
            except MemoryError:
                pass
        make()


def left_by(use, times: int) -> int:
    """Bytes that stay on the heap when `use` is called so many times, after a first one."""
    use()
    gc.collect()
    before = gc.mem_alloc()
    for _ in range(times):
        use()
    gc.collect()
    return gc.mem_alloc() - before
