"""`make view`: a live picture of what a node does, in the terminal, over AimX."""

from __future__ import annotations

import argparse
import json
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from aimx_connection import AimxClient, AimxError, Refused, WrongUrl, dial, parts_of, seconds
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.coordinate import Coordinate
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Input, Static
from view_records import Records, Row, drawn, shortened

ORDERS = ("key", "rate", "held", "lost")

# After a connection that ended: the first pause in seconds, which doubles up to the second.
PAUSES = (1.0, 10.0)

VALUE_WIDTH = 32


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "url",
        nargs="?",
        help="tcp://host:port, tls://host:port, serial://device?baud=115200 or a serial port; none: an emulated node",
    )
    parser.add_argument("--token", help="what the node asks for in its hello")
    parser.add_argument("--ca", help="file with the certificate that tls:// trusts")
    parser.add_argument("--every", type=seconds, default=1.0, help="seconds between two looks (1)")
    parser.add_argument("--picture", type=Path, help="write an SVG file and end, instead of showing the view")
    parser.add_argument("--seconds", type=seconds, default=15, help="with --picture: after so many seconds (15)")
    options = parser.parse_args(arguments)
    if options.url:
        is_port = "://" not in options.url and ("/" in options.url or options.url.startswith("COM"))
        url = f"serial://{options.url}" if is_port else options.url
        return show(url, options)
    from emulated_node import emulated_node

    print("Starting an emulated node. It serves its records in some seconds ...", flush=True)
    with emulated_node() as url:
        return show(url, options)


def show(url: str, options: argparse.Namespace) -> int:
    """Show the view, or take a picture of it."""
    try:
        parts_of(url)
    except WrongUrl as error:
        print(error, file=sys.stderr)
        return 1

    def connect() -> AimxClient:
        return AimxClient(dial(url, options.ca))

    view = View(url, connect, options.token, options.every)
    if options.picture:
        return take_picture(view, options.picture, options.seconds)
    view.run()
    return view.return_code or 0


def take_picture(view: View, file: Path, seconds: float) -> int:
    """Run the view unseen, and write what it shows in the end."""
    pictures = []

    def end() -> None:
        pictures.append(view.export_screenshot(title=view.url))
        view.exit()

    view.call_at_start = lambda: view.set_timer(seconds, end)
    view.run(headless=True, size=(124, 22))
    for picture in pictures:
        file.write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL))  # They are on another host.
    return 0 if pictures and view.records.rows else 1


class RecordTable(DataTable):
    """The records, one of which is chosen."""

    BINDINGS = [
        Binding("enter", "select_cursor", "Look at one"),
        Binding("home", "scroll_top", show=False),
        Binding("end", "scroll_bottom", show=False),
    ]


class View(App[None]):
    """The window. A thread asks the node; what it hears is drawn here."""

    CSS = """
    #state { height: auto; max-height: 3; background: $panel; padding: 0 1; }
    #records { height: 1fr; }
    #stages { height: auto; max-height: 40%; border-top: solid $panel; display: none; }
    #stages.some { display: block; }
    ModalScreen { align: center middle; }
    .box { width: 80%; height: auto; max-height: 90%; border: round $accent; padding: 1 2; background: $surface; }
    """
    BINDINGS = [
        Binding("p", "pause", "Pause"),
        Binding("s", "sort", "Sort"),
        Binding("w", "write", "Write"),
        Binding("r", "reset", "Reset times"),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", show=False, priority=True),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, url: str, connect: Callable[[], AimxClient], token: str | None, every: float) -> None:
        super().__init__()
        self.url = url
        self.records = Records()
        self.call_at_start: Callable[[], object] = lambda: None
        self._connect = connect
        self._token = token
        self._every = every
        self._ended = threading.Event()
        self._client: AimxClient | None = None  # Set by the thread that asks; None while there is no connection.
        self._state = Text("connecting")
        self._order = ORDERS[0]
        self._paused = False

    def compose(self) -> ComposeResult:
        yield Static(id="state")
        yield RecordTable(id="records", cursor_type="row", zebra_stripes=True)
        yield DataTable(id="stages", show_cursor=False)
        yield Footer()

    def on_mount(self) -> None:
        # What changes comes first: a terminal of 80 characters may not have room for the rest.
        self._table.add_columns("record", "newest", "values/s", "held", "dropped", "lag", "curve", "buffer", "from")
        self.query_one("#stages", DataTable).add_columns("stage", "of", "calls", "mean us", "longest us", "share")
        self._draw()
        self._begin(self._ask)
        self.call_at_start()

    def on_unmount(self) -> None:
        self._ended.set()

    @property
    def _table(self) -> DataTable:
        return self.query_one("#records", DataTable)

    def _begin(self, function: Callable[..., None], *arguments: object) -> None:
        # A daemon, as it may be waiting for an answer when the window closes.
        threading.Thread(target=function, args=arguments, daemon=True).start()

    # In the thread that asks.

    def _ask(self) -> None:
        pause = PAUSES[0]
        while not self._ended.is_set():
            try:
                client = self._connect()
                try:
                    welcome = client.hello("aimdb-view", self._token)
                    self._client = client
                    pause = PAUSES[0]
                    while not self._ended.is_set():
                        self._look(client, welcome.get("server", "?"))
                        self._ended.wait(self._every)
                finally:
                    self._client = None
                    client.close()
            except Exception as error:  # What is no AimDB may answer anything.
                reason = str(error).removeprefix(f"{self.url} ") if isinstance(error, AimxError) else repr(error)
                self._show(f"{reason}; the next try is in {pause:.0f} s", failed=True)
                self._ended.wait(pause)
                pause = min(2 * pause, PAUSES[1])

    def _look(self, client: AimxClient, server: str) -> None:
        if self._paused:
            client.ping()
            self._show(f"{server} answers")
            return
        began = time.monotonic()
        client.ping()
        answer_ms = (time.monotonic() - began) * 1000
        began = time.monotonic()
        entries = client.records()
        values = {}
        for entry in entries:
            try:
                values[entry["record_key"]] = client.call("record.get", {"name": entry["record_key"]})
            except Refused:
                pass  # It holds no value now.
        seen = f"{len(entries)} records" if entries else "no records, only those with a .remote() are seen"
        state = f"{server}: {seen}, an answer takes {answer_ms:.0f} ms"
        self.call_later(self._take, entries, values, began, state)

    def _show(self, state: str, failed: bool = False) -> None:
        self.call_later(self._set_state, state, failed)

    # In the window.

    def _set_state(self, state: str, failed: bool = False) -> None:
        self._state = Text(state, "bold red" if failed else "")
        self._draw_state()

    def _take(self, entries: list[dict], values: dict[str, object], now: float, state: str) -> None:
        try:
            self.records.update(entries, now)
            for key, value in values.items():
                self.records.rows[key].see(value)
            self._draw()
            self._set_state(state)
        except Exception as error:
            self.records.rows.clear()  # No key is to draw it again.
            self._set_state(repr(error), failed=True)

    def _draw_state(self) -> None:
        if not self.query("#state"):  # The view has just ended.
            return
        parts = [Text(self.url, "bold"), self._state]
        if self._paused:
            parts.append(Text("paused", "bold yellow"))
        if self.records.rows:
            parts.append(Text(f"by {self._order}"))
        self.query_one("#state", Static).update(Text("  ").join(parts))

    def _draw(self) -> None:
        self._draw_state()
        table = self._table
        chosen, place = self._chosen(), table.cursor_coordinate
        scrolled = table.scroll_offset
        # Set in this way it does not scroll the table, which is to stay where it is.
        table.set_reactive(DataTable.cursor_coordinate, Coordinate(0, 0))
        table.clear()
        for row in self.records.sorted_by(self._order):
            table.add_row(*cells_of(row), key=row.key)
        table.scroll_to(*scrolled, animate=False, immediate=True)
        if chosen in self.records.rows:
            row = table.get_row_index(chosen)
            if row == place.row:
                table.set_reactive(DataTable.cursor_coordinate, place)
            else:
                table.move_cursor(row=row)
        self._draw_stages()

    def _draw_stages(self) -> None:
        stages = self.records.stages()
        table = self.query_one("#stages", DataTable)
        table.set_class(bool(stages), "some")
        scrolled = table.scroll_offset
        table.clear()
        whole = sum(stage.total_us for stage in stages) or 1
        for stage in stages:
            numbers = (f"{stage.calls}", f"{stage.mean_us:.0f}", f"{stage.max_us:.0f}", f"{stage.total_us / whole:.0%}")
            names = Text(stage.name), Text(stage.record)
            table.add_row(*names, *(Text(number, justify="right") for number in numbers))
        table.scroll_to(*scrolled, animate=False, immediate=True)

    def _chosen(self) -> str:
        table = self._table
        if not table.row_count:
            return ""
        return table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value or ""

    # Keys.

    def action_pause(self) -> None:
        self._paused = not self._paused
        self._draw_state()

    def action_sort(self) -> None:
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self._draw()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        if row := self.records.rows.get(event.row_key.value or ""):
            self.push_screen(OneRecord(row))

    def action_write(self) -> None:
        row = self.records.rows.get(self._chosen())
        if row and not row.writable:
            self.notify(f"{row.key} cannot be written from outside", severity="warning", markup=False)
        elif row:
            self.push_screen(NewValue(row), lambda value: self._write(row.key, value))

    def _write(self, key: str, text: str | None) -> None:
        if text is None:
            return
        try:
            value = json.loads(text)
        except ValueError as error:
            self.notify(f"This is no JSON, where text has quotes: {error}", severity="error", markup=False)
        else:
            self._begin(self._call, "record.set", {"name": key, "value": value}, f"{key} is written")

    def action_reset(self) -> None:
        self._begin(self._call, "profiling.reset", None, "the times begin anew")

    def _call(self, method: str, params: dict | None, done: str) -> None:
        try:
            if self._client is None:
                raise AimxError("there is no connection")
            self._client.call(method, params)
        except (AimxError, ValueError) as error:  # JSON has no NaN, though Python reads it.
            self.call_later(self.notify, str(error), severity="error", markup=False)
        else:
            self.call_later(self.notify, done, markup=False)


class OneRecord(ModalScreen[None]):
    """One record, with all that is known of it."""

    BINDINGS = [Binding("escape,enter,q", "app.pop_screen", "Back")]

    def __init__(self, row: Row) -> None:
        super().__init__()
        self._row = row

    def compose(self) -> ComposeResult:
        yield VerticalScroll(Static(id="text"), classes="box")

    def on_mount(self) -> None:
        self._draw()
        self.set_interval(0.5, self._draw)

    def _draw(self) -> None:
        self.query_one("#text", Static).update(Text("\n".join(lines_of(self._row))))


class NewValue(ModalScreen["str | None"]):
    """Asks for a value, as JSON."""

    BINDINGS = [Binding("escape", "dismiss(None)", "Back")]

    def __init__(self, row: Row) -> None:
        super().__init__()
        self._row = row

    def compose(self) -> ComposeResult:
        before = json.dumps(self._row.value, ensure_ascii=False) if self._row.has_value else ""
        with Vertical(classes="box"):
            yield Static(f"A new value for {self._row.key}, as JSON:", markup=False)
            yield Input(before)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)


def cells_of(row: Row) -> list[Text]:
    """What the table shows of a record."""
    # Who produces into a full queue waits or loses values; a ring is always full, and a record of one value, too.
    full = row.kind != "spmc_ring" and (row.held or 0) >= (row.capacity or 0) > 1
    held = f"{number(row.held)} of {number(row.capacity)}" if row.capacity else number(row.held)
    return [
        Text(row.key, "bold green" if row.writable else "bold"),
        Text(shortened(row.value, VALUE_WIDTH) if row.has_value else "-"),
        Text("-" if row.rate is None else f"{row.rate:.1f}", justify="right"),
        Text(held, "bold yellow" if full else "", justify="right"),
        Text(number(row.dropped), "bold red" if row.dropped else "", justify="right"),
        Text(number(row.lag), "bold magenta" if row.lag else "", justify="right"),
        Text(drawn(row.curve), "cyan"),
        Text(row.kind),
        Text(row.origin),
    ]


def lines_of(row: Row) -> list[str]:
    """What is shown of a record that is looked at alone."""
    lines = [
        f"{row.key}: {row.kind}, from {row.origin}, {'writable' if row.writable else 'read-only'}",
        f"produced {number(row.produced)}, held {number(row.held)} of {number(row.capacity)}, "
        f"dropped {number(row.dropped)}, lag {number(row.lag)}",
        "",
        json.dumps(row.value, ensure_ascii=False, indent=2) if row.has_value else "no value yet",
        "",
    ]
    if row.curve:
        lines += [drawn(row.curve), f"from {min(row.curve):g} to {max(row.curve):g}", ""]
    for signal in row.signals:
        lines.append("  ".join(f"{name} {value}" for name, value in signal.items()))
    for stage in row.stages:
        lines.append("  ".join(f"{name} {value}" for name, value in stage.items()))
    return lines


def number(count: int | None) -> str:
    """A count, or what stands for one that is not known."""
    return "-" if count is None else str(count)


if __name__ == "__main__":
    sys.exit(main())
