from micropython import const

from . import kept, once

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import Any, overload

    from .buffer import Buffer, Reader
    from .gauge import Gauge
    from .packed_producer import PackedProducer
    from .sync_producer import SyncProducer

    Stage = Callable[["Record"], Awaitable[object]]
    JoinStage = Callable[[Reader, "Record"], Awaitable[object]]


class Record:
    """A key, its buffer, and the stages that work on it. `AimDb.configure` makes it, and returns it again when it is
    called with its key.

    A source gets the record itself as its producer, and a tap as its consumer. Its calls are those of the buffer, with
    no layer in between.
    `produce` is for loops that must never wait, where the newest value matters most. `try_produce` is for callers that
    do something else when the value is refused. `produce_async` is for values that must not be lost.

    Cancel safety: a `produce_async` that is cancelled has stored nothing; a `subscribe_async` that is cancelled has
    attached no reader. IRQ safety: none; only for the asyncio thread. A `SyncProducer` is for the others.
    """

    def __init__(self, key: str, db: "AimDb"):
        self.key = key
        self.db = db
        self.buffer: Any = None

    def __repr__(self) -> str:
        return "<Record %r %s>" % (self.key, type(self.buffer).__name__)

    if TYPE_CHECKING:
        producer: "Record"
        consumer: "Record"

        def produce(self, value: Any) -> None:
            """Hand `value` to the buffer; never waits, never raises.

            For sensor loops. When the buffer is full, its own rule says what is lost: the oldest value of an
            `SpmcRing`, which counts what a reader has missed; the new one of a `BoundedQueue`, which counts it; the
            previous one of a `SingleLatest` or `Mailbox`. Use `try_produce` or `produce_async` when losing it is not
            acceptable.

            Heap: none.
            """

        def try_produce(self, value: Any) -> None:
            """Store `value` now or be told why not: `BufferFull` or `BufferClosed`, with the value as `.value`.

            For code that does something else when there is no room: slow down, raise an alarm, keep the value.
            When it raises, nothing was stored. On buffers that overwrite it is refused only when closed.

            Heap: only for the exception.
            """

        async def produce_async(self, value: Any, timeout_ms: int | None = None) -> None:
            """Return when the buffer is done with `value`, or raise what went wrong.

            For values that must arrive: *done* means in a slot for a queue in memory, on flash for a flash-backed
            one, acknowledged by the peer for a network-backed one. On buffers that overwrite it is done at once.
            Raises `BufferClosed`, `SelfDeadlock`, whatever else the buffer raises, and `asyncio.TimeoutError` when
            it is not done after `timeout_ms` milliseconds (0 to 2**29 - 1). When it raises, nothing was stored.
            """

        def subscribe(self) -> Reader:
            """A new reader; one for each task that reads."""
            return self.buffer.subscribe()

        async def subscribe_async(self) -> Reader:
            """A new reader, for buffers that must attach somewhere first, as to a broker; for others at once."""
            return await self.buffer.subscribe_async()

        def source(self, stage: "Stage") -> "Record":
            """Run `async def stage(producer)` to produce this record's values; at most one. Returns the record.

            Raises `TypeError` for what cannot be called; other mistakes are reported by `AimDb.run`.
            """
            return self

        def tap(self, stage: "Stage") -> "Record":
            """Run `async def stage(consumer)` to consume this record's values; any number. Returns the record.

            Raises `TypeError` for what cannot be called; other mistakes are reported by `AimDb.run`.
            """
            return self

        def transform(self, key: str, fn: "Callable[..., Any]", state: Any = None) -> "Record":
            """Compute this record from record `key`: `fn(value)` gives its next value, or None for none.

            With a `state`, which is kept for all calls, it is `fn(value, state)`. The new value is stored by
            `produce_async`. While that waits for space, the input's buffer keeps or overwrites what comes in meanwhile.
            Values that an `SpmcRing` has overwritten before they were read are skipped, and counted by it. When the
            input is closed, this record is closed, too. Returns the record.

            Raises `TypeError` for a key that is no string, and for an `fn` that is async or cannot be called; unknown
            inputs, cycles and a second writer are reported by `AimDb.run`.
            """
            return self

        def transform_join(self, keys: "Iterable[str]", stage: "JoinStage") -> "Record":
            """Compute this record from several: run `async def stage(inputs, producer)`.

            `async for key, value in inputs` gives their values in order of arrival, and ends when all inputs are
            closed; `inputs` is a `Reader`. Up to 16 values wait there; when more come, the inputs' buffers keep or
            overwrite them. When the stage returns after all inputs were closed, this record is closed. Returns it.

            Raises `TypeError` or `ValueError` unless the keys are different strings, and for a stage that cannot be
            called; the rest is reported by `AimDb.run`.
            """
            return self

        def signal_gauge(self, name: str, unit: str = "") -> "Gauge":
            """The gauge of this name and unit for a number of this record: `gauge.update(value)` measures one, and
            `AimDb.signals` shows the result.

            Without `AimDb(profile=True)` it does nothing. Raises `TypeError` when `name` or `unit` is no string, and
            `ValueError` when it has half of a surrogate pair.
            """
            return Gauge(self.key, name, unit)

        def link_to(self, url: str, **options) -> "Record":
            """Send every value of this record to `url`; `options` are those of the package for its scheme.

            An `mqtt://` URL needs the package aimdb_mqtt, and so on. Mistakes are reported by `AimDb.run`. Returns the
            record.
            """
            return self

        def link_from(self, url: str, **options) -> "Record":
            """Produce in this record what comes from `url`; the rest is as for `link_to`."""
            return self

        def remote(self, write: bool = False, codec: "Any" = None) -> "Record":
            """Let others reach this record, by a server such as `AimxServer`; with `write` they may produce in it, too.

            A record with a source, a transform or a transform_join is never written by others. `codec` turns values
            into JSON text and back; without one, values must be what JSON can hold. Returns the record.

            Raises `TypeError` for what is no codec, and `ValueError` for a key that others could not name.
            """
            return self

    else:

        def produce_async(self, value, timeout_ms=None):
            if timeout_ms is None:
                return self.push_async(value)
            return kept("timing").timed(self.push_async(value), timeout_ms, self)

        # `AimDb.configure` gives the instance the calls of its buffer. All others are loaded when they are made.
        def __getattr__(self, name):
            return once("registrar").find(self, name)


class AimDb:
    """Records, the stages that produce and consume their values, and the loop that runs them.

        db = AimDb()
        db.configure("temperature", SpmcRing(16)).source(read_sensor).tap(show)
        asyncio.run(db.run())

    Cancel safety: cancelling `run` cancels all stages and waits for them; a `produce_any_async` that is cancelled has
    stored nothing. IRQ safety: none; only for the asyncio thread.
    """

    def __init__(self, profile: bool = False) -> None:
        """`profile`: time all stages, for `profile()`, and let gauges take values. Without it nothing is timed."""
        self._records: dict[str, Record] = {}
        self._stages: list = []  # (record, kind, function, URL of a link), in the order of configuring.
        self.remotes: dict[str, tuple] = {}  # (record, whether it may be written, codec), by key; see `Record.remote`.
        self.mistakes: list = []  # (record, kind, what was refused, reason).
        # What ended the last `run`: (record key, kind of stage, function name, error).
        self.failed: tuple | None = None
        self._loop: Any = None  # The loop in which `run` is under way.
        self._profile: Any = None
        if profile is not False:
            self._profile = kept("profiling").Profile(profile)
        if type(self) is not AimDb:  # Its calls are perhaps reached by `super()`, which needs them in the class.
            once("registrar").fill()

    if TYPE_CHECKING:

        def configure(self, key: str, buffer: "Buffer | None" = None) -> Record:
            """Declare record `key` with its `buffer`, or extend it when called again with the key alone.

            Returns the record, on which `.source(fn)` and `.tap(fn)` add stages. Mistakes that show only when all
            records are known are reported by `run`. Raises `TypeError` or `ValueError` for a key that is not a string
            or is empty, and `TypeError` for a `buffer` that is no `Buffer`.
            """
            return self._records[key]

        def producer(self, key: str) -> Record:
            """The record of `key`, to produce in it outside of the wiring. Raises `RecordKeyNotFound`."""
            return self._records[key]

        def consumer(self, key: str) -> Record:
            """The record of `key`, to consume it outside of the wiring. Raises `RecordKeyNotFound`."""
            return self.producer(key)

        @overload
        def sync_producer(self, key: str, depth: int = 16, format: None = None) -> SyncProducer: ...

        @overload
        def sync_producer(self, key: str, depth: int, format: str) -> PackedProducer: ...

        @overload
        def sync_producer(self, key: str, depth: int = 16, *, format: str) -> PackedProducer: ...

        def sync_producer(self, key: str, depth: int = 16, format: str | None = None) -> SyncProducer:
            """A new `SyncProducer` of the record of `key`, for interrupts, threads and the other core.

            It holds up to `depth` values while the loop does not take them. With a `format`, as `struct` has it, it is
            a `PackedProducer`, for samples of several fields.

            Raises `RecordKeyNotFound`, and `TypeError` or `ValueError` for a wrong depth or format.
            """
            return SyncProducer(self.producer(key).buffer, depth)

        def produce_any(self, key: str, value: Any) -> None:
            """`produce(value)` in the record of `key`, for routers. Raises `RecordKeyNotFound`."""

        async def produce_any_async(self, key: str, value: Any, timeout_ms: int | None = None) -> None:
            """`produce_async(value, timeout_ms)` in the record of `key`; also raises `RecordKeyNotFound`."""

        def graph(self) -> dict[str, list]:
            """The program as data: "nodes" are its records, "edges" are what leads from one to another, "order" is
            their order.

            A node has `key`, `origin`, `buffer_type`, `buffer_capacity`, `tap_count` and `has_outbound_link`; an edge
            `from`, `to` and `edge_type`; in the order each record comes after those from which it is computed. All are
            in the form that AimDB's `graph.nodes`, `graph.edges` and `graph.topo_order` have. URLs are without
            password.
            """
            return {}

        def profile(self) -> list[dict]:
            """How long each stage has run, without the time that it waited; empty without `AimDb(profile=True)`.

            A dict for each, in the order of configuring: `record`, `kind`, `name`, `calls`, `total_us`, `min_us`,
            `mean_us` and `max_us`. `calls` counts how often the stage has run from one wait to the next; of a
            transform, the calls of `fn`.
            """
            return []

        def signals(self) -> list[dict]:
            """What the gauges have measured, a dict for each: `record`, `name`, `unit`, `count`, `last`, `min`, `max`,
            `mean`, and `refused`, the number of values that were no finite numbers.
            """
            return []

        def reset_profile(self) -> None:
            """Begin anew with `profile()` and `signals()`."""

        async def run(self) -> None:
            """Run all stages in this loop until all have ended.

            The `run` of buffers starts first. Then come each `link_to` and the taps, the transforms and joins, each
            before its inputs, and last each `link_from` and the sources. So a stage that subscribes first thing
            misses nothing. A stage that ends normally stops no other. When one raises, a line on `sys.stderr` names it
            with its record, and `failed` keeps it. All other stages are cancelled and waited for. Then `run` raises the
            error. A stage that waits at a `yield` where nothing wakes it is named, too.

            Raises `InvalidConfiguration` with every mistake made in configuring, before any stage has started, and
            `AlreadyRunning` when it runs in this loop. Whether a lambda, closure, bound method or object is async, only
            a call tells: `run` calls such stages when there is no other mistake.

            A line on `sys.stderr` names each of these mistakes: the run has not begun a second after this call; a
            `produce_async` of its first ten seconds was not awaited; a source waits for a value of its own record.
            """

    else:
        from .errors import new as __new__

        def configure(self, key=None, buffer=None, **options):
            return kept("configuring").configure(self, key, buffer, options)

        # The other calls are loaded when they are made.
        def __getattr__(self, name):
            return once("registrar").find(self, name)
