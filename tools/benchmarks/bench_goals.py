"""What the library promises about its cost: ratios within one run, so that they mean the same on every target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bench_results import CALL_AND_APPEND, TWO_SWITCHES

BUFFERS = ("SpmcRing", "SingleLatest", "Mailbox", "BoundedQueue")
RECV = [f"deliver: {buffer}, recv" for buffer in BUFFERS]
READY = [f"deliver: {buffer}, ready + try_recv" for buffer in BUFFERS]
ONE_DELIVERY = "deliver: SpmcRing, recv"


class Goal(NamedTuple):
    """`now` must not be above `limit`; `decided_by` is the worst operation, where there are several."""

    sentence: str
    limit: float
    now: float
    decided_by: str = ""

    @property
    def met(self) -> bool:
        return self.now <= self.limit


def goals_of(results: dict, unit: str) -> list[Goal]:
    """Every goal that this run can speak about: without the peers' queues, not those beside them."""
    operations = results["operations"]

    def cost(*names: str) -> float:
        return sum(operations[name][unit] for name in names)

    def size(name: str) -> float:
        return operations[name]["bytes"]

    def ratio(sentence: str, limit: float, names: list[str], base: float) -> Goal:
        worst = max(names, key=cost)
        return Goal(sentence, limit, round(cost(worst) / base, 3), worst if len(names) > 1 else "")

    def most_bytes(sentence: str, limit: int, names: list[str]) -> Goal:
        worst = max(names, key=size)
        return Goal(sentence, limit, size(worst), worst)

    def all_goals() -> Iterator[Goal]:
        produce = [name for name in operations if name.startswith("produce:")]
        yield ratio("produce / (empty Python call + deque.append)", 1.8, produce, cost(*CALL_AND_APPEND))
        yield most_bytes("produce: bytes", 0, produce)

        by_hand = cost("deliver: deque + Event")
        yield ratio("deliver by recv / deque + Event by hand", 1.1, RECV, by_hand)
        yield most_bytes("deliver by recv: bytes", 48, RECV)
        yield ratio("deliver by ready + try_recv / two task switches", 1.22, READY, cost(*TWO_SWITCHES))
        yield most_bytes("deliver by ready + try_recv: bytes", 0, READY)
        for slots, limit in ((1, 0.9), (16, 0.75)):
            if f"queue of {slots}: RingbufQueue" in operations:
                base = cost(f"queue of {slots}: RingbufQueue")
                sentence = f"queue of {slots}, per value / RingbufQueue"
                yield ratio(sentence, limit, [f"queue of {slots}: BoundedQueue"], base)
        waited = "deliver: SpmcRing, recv with a timeout"
        yield ratio("recv with a timeout / without, value awaited", 1.1, [waited], cost(ONE_DELIVERY))

        for buffer in ("SpmcRing", "BoundedQueue"):
            if f"compute: {buffer}, transform" in operations:
                base = cost(f"compute: {buffer}, a tap by hand")
                yield ratio(f"transform of a {buffer} / a tap by hand", 1.1, [f"compute: {buffer}, transform"], base)

        heap = results["heap"]
        yield Goal("the core after import, with native code: bytes of heap", 15000, heap["after import"])
        if "after import, as bytecode" in heap:
            yield Goal("the core after import, as bytecode: bytes of heap", 12000, heap["after import, as bytecode"])

    return list(all_goals())
