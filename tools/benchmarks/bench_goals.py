"""What the library promises about its cost: ratios within one run, so that they mean the same on every target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bench_results import CALL_AND_APPEND, TWO_SWITCHES

BUFFERS = ("SpmcRing", "SingleLatest", "Mailbox", "BoundedQueue")
RECV = [f"deliver: {buffer}, recv" for buffer in BUFFERS]
READY = [f"deliver: {buffer}, ready + try_recv" for buffer in BUFFERS]
ONE_DELIVERY = "deliver: SpmcRing, recv"
SMALLEST_BUFFERS = ("SpmcRing(1)", "SingleLatest()", "Mailbox()", "BoundedQueue(1)")
SLOT_BYTES = 4


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
        yield ratio("produce / (empty Python call + deque.append)", 1.6, produce, cost(*CALL_AND_APPEND))
        if "put: RingbufQueue, overwriting" in operations:
            overwriting = cost("put: RingbufQueue, overwriting")
            yield ratio("produce / RingbufQueue.put_nowait overwriting", 0.2, produce, overwriting)
        yield most_bytes("produce: bytes", 0, produce)

        switches = cost(*TWO_SWITCHES)
        yield ratio("deliver by recv / two task switches", 1.1, RECV, switches)
        yield most_bytes("deliver by recv: bytes", 48, RECV)
        yield ratio("deliver by ready + try_recv / two task switches", 1.15, READY, switches)
        yield most_bytes("deliver by ready + try_recv: bytes", 0, READY)
        yield ratio("queue of 1, per value / two task switches", 1.2, ["queue of 1: BoundedQueue"], switches)
        if "queue of 16: RingbufQueue" in operations:
            base = cost("queue of 16: RingbufQueue")
            yield ratio("queue of 16, per value / RingbufQueue", 0.6, ["queue of 16: BoundedQueue"], base)
        four = ["deliver: SpmcRing, recv, 4 readers"]
        yield ratio("deliver to 4 readers / four deliveries to one", 1.1, four, 4 * cost(ONE_DELIVERY))

        # A limit on waiting is measured twice: on a value that is there, and on one that comes during the wait. Two
        # task switches alone are above 1/5 of a delivery into wait_for_ms, so that there we compare what either adds.
        held, waited = "recv with a timeout, value held: SpmcRing", "deliver: SpmcRing, recv with a timeout"
        base = cost("recv, value held: SpmcRing")
        yield ratio("recv with a timeout / without, value held", 1.1, [held], base)
        yield ratio("recv with a timeout / without, value awaited", 1.1, [waited], cost(ONE_DELIVERY))
        wait_for = cost("wait_for_ms(recv), value held: SpmcRing")
        yield ratio("recv with a timeout / wait_for_ms(recv), value held", 0.2, [held], wait_for)
        ours = cost(waited) - cost(ONE_DELIVERY)
        theirs = cost("deliver: SpmcRing, wait_for_ms(recv)") - cost(ONE_DELIVERY)
        yield Goal("what a timeout adds / what wait_for_ms adds, value awaited", 0.2, round(ours / theirs, 3))

        yield Goal("the core as .mpy: bytes", 6144, results["mpy"]["total"])
        yield Goal("the core after import: bytes of heap", 8192, results["heap"]["after import"])
        largest = max(SMALLEST_BUFFERS, key=lambda name: results["heap"][name])
        yield Goal("a buffer object and one slot: bytes of heap", 249 + SLOT_BYTES, results["heap"][largest], largest)

    return list(all_goals())
