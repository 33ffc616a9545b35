"""The repairs of rp2040py: that they hold, and that rp2040py still needs them.

A test named `..._upstream_still_...` drives rp2040py as it comes. When one fails, rp2040py has been repaired:
the repair that it names, and both of its tests, can go.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from emulated_pico import Board
from emulated_pico.filesystem import build_image
from emulated_pico.repairs import (
    repair_nat_reset,
    repair_nat_retransmission,
    repair_wifi_credits,
    repair_wifi_power,
)
from emulated_pico.repairs.wifi_power import WIFI_POWER
from rp2040py.external.cyw43 import net
from rp2040py.external.cyw43.bus import GSPIBus
from rp2040py.external.cyw43.chip import Cyw43439
from rp2040py.external.cyw43.nat import GATEWAY_MAC, GUEST_IP, NatBridge
from rp2040py.gpio_pin import FUNCTION_SIO
from rp2040py.peripherals.uart import UARTDR, UARTICR, UARTIMSC, UARTTXINTR
from rp2040py.peripherals.usb import INTE, INTR_DEV_SOF, SIE_CTRL, SIE_CTRL_PULLUP_EN
from rp2040py.rp2040 import RP2040
from rp2040py.simulator import Simulator
from rp2040py.usb.cdc import USBCDC

PATIENCE = 120
SECOND = 1_000_000_000


@pytest.fixture
def board() -> Iterator[Board]:
    with Board() as board:
        yield board


# USB: silence instead of empty packets


def test_guest_at_rest_costs_no_cycles(board: Board) -> None:
    board.exec("import time", PATIENCE)
    before = board.cycles
    board.exec("time.sleep(60)", PATIENCE)
    # The empty packets of the stock host cost a hundred million cycles in a minute.
    assert board.cycles - before < 20_000_000


def test_upstream_still_answers_with_empty_packets() -> None:
    cdc = USBCDC(RP2040().usb_ctrl)
    answers = []
    cdc._out_endpoint = 2
    cdc.usb.endpoint_read_done = lambda endpoint, data: answers.append(bytes(data))
    cdc.usb.on_endpoint_read(2, 64)
    assert answers == [b""], "rp2040py no longer answers with empty packets: remove repairs/usb_cdc.py"


# USB: a guest that comes back with other descriptors


def test_upstream_still_misses_a_guest_that_comes_back() -> None:
    cdc = USBCDC(RP2040().usb_ctrl)
    cdc._descriptors_size = 75
    for value in (SIE_CTRL_PULLUP_EN, 0, SIE_CTRL_PULLUP_EN):
        cdc.usb.write_uint32(SIE_CTRL, value)
    assert cdc._descriptors_size == 75, "rp2040py enumerates again: remove repairs/usb_reconnect.py"


# USB: frames


def test_print_before_the_host_is_there_arrives_without_a_key_press() -> None:
    with Board(filesystem=build_image({"main.py": b"print('early')\n"})) as board:
        assert board.wait_for("early", PATIENCE)


def test_upstream_still_starts_no_usb_frames() -> None:
    chip = RP2040()
    chip.usb_ctrl.write_uint32(INTE, INTR_DEV_SOF)
    chip.clock.tick(SECOND)
    started = chip.usb_ctrl._int_raw & INTR_DEV_SOF
    assert not started, "rp2040py starts USB frames now: remove repairs/usb_frames.py"


# Engine: rest


def test_engine_rests_while_the_guest_waits_for_the_host(board: Board) -> None:
    board.exec("pass", PATIENCE)
    board._wait_for_rest(SECOND)
    batches = []
    board._device.simulator._execute_batch = lambda: batches.append("not at rest")
    # Each question goes through the engine's loop, which runs a batch in between unless it rests.
    for _ in range(100):
        assert board.pin(0).value is False
    assert batches == []


def test_a_guest_that_was_just_typed_at_does_not_rest(board: Board) -> None:
    time.sleep(0.05)  # The engine's naps are the longer the longer it rests.
    board.write(b"print(6 * 7)\r")
    board._wait_for_rest(SECOND)
    assert board.console.endswith("42\r\n>>> ")


def test_upstream_still_spins_while_the_guest_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    simulator = Simulator()
    simulator.rp2040.core.waiting = True
    naps = []
    sleep, here = asyncio.sleep, threading.get_ident()

    async def nap(seconds: float) -> None:
        if threading.get_ident() != here:
            return await sleep(seconds)  # Of a board that other tests left running.
        naps.append(seconds)
        if len(naps) == 3:
            simulator.stop()

    monkeypatch.setattr("rp2040py.simulator.asyncio.sleep", nap)
    asyncio.run(simulator.execute())
    assert naps == [0, 0, 0], "rp2040py now rests with the guest: remove that part of repairs/engine.py"


# UART: an interrupt that ends


@pytest.mark.parametrize("number", [0, 1])
def test_uart_sends_and_receives(board: Board, number: int) -> None:
    sent = bytearray()
    board.mcu.uart[number].on_byte = sent.append
    board.exec(f"from machine import UART\nuart = UART({number}, 115200)\nuart.write('out')\nuart.flush()", PATIENCE)
    assert sent == b"out"
    board._on_engine(lambda: [board.mcu.uart[number].feed_byte(byte) for byte in b"in"])
    assert board.exec("print(uart.read())", PATIENCE) == "b'in'\n"


@pytest.mark.parametrize("baud_rate", [9600, 115200])
def test_uart_sends_at_the_speed_of_the_line(board: Board, baud_rate: int) -> None:
    sent = bytearray()
    board.mcu.uart[0].on_byte = sent.append
    code = f"""
from machine import UART
from time import ticks_diff, ticks_us
data = bytes(range(192))
uart = UART(0, {baud_rate}, txbuf=256)
began = ticks_us()
uart.write(data)
written = ticks_diff(ticks_us(), began)
uart.flush()
print(written, ticks_diff(ticks_us(), began))
"""
    written, flushed = map(int, board.exec(code, PATIENCE).split())
    assert bytes(sent) == bytes(range(192))
    assert flushed == pytest.approx(192 * 10 / baud_rate * 1e6, rel=0.05)
    assert written < flushed / 2


def test_upstream_still_never_ends_the_uart_interrupt() -> None:
    uart = RP2040().uart[0]
    uart.write_uint32_atomic(UARTIMSC, UARTTXINTR, 0)
    uart.write_uint32_atomic(UARTICR, UARTTXINTR, 0)
    pending = uart._interrupt_status & UARTTXINTR
    assert pending, "rp2040py now ends a UART's transmit interrupt: remove repairs/uart.py"


def test_upstream_still_sends_without_taking_time() -> None:
    uart = RP2040().uart[0]
    sent = []
    uart.on_byte = sent.append
    uart.write_uint32_atomic(UARTDR, 65, 0)
    assert sent == [65], "rp2040py's UARTs now take their time: remove repairs/uart.py"


# WiFi: one credit for each packet sent


def test_inbound_packets_earn_no_credit() -> None:
    bus = GSPIBus()
    repair_wifi_credits(bus)
    before = bus._bus_data_credit
    bus._build_data_frame(bytes(60))
    bus._build_async_event(0, 0)
    assert bus._bus_data_credit == before


def test_credits_start_anew_after_a_power_cut_of_the_wifi_chip() -> None:
    bus = GSPIBus()
    repair_wifi_credits(bus)
    before = bus._bus_data_credit
    bus._build_flow_control_response()
    bus.power_off()
    assert bus._bus_data_credit == before


@pytest.mark.parametrize("build", ["_build_data_frame", "_build_async_event"])
def test_upstream_still_gives_credit_for_inbound_packets(build: str) -> None:
    bus = GSPIBus()
    before = bus._bus_data_credit
    getattr(bus, build)(*((bytes(60),) if build == "_build_data_frame" else (0, 0)))
    assert bus._bus_data_credit != before, "rp2040py counts credits right now: remove repairs/wifi_credits.py"


# WiFi: a reset of the board cuts the power of the chip


def power_cuts_at_a_reset(repaired: bool) -> int:
    """How often the WiFi chip loses its power when the board is reset, and the driver switches it on again."""
    chip, wifi_chip, cuts = RP2040(), Cyw43439(), []
    wifi_chip.bus.power_off = lambda: cuts.append(1)
    wifi_chip.attach(chip)
    if repaired:
        repair_wifi_power(wifi_chip.bus, chip)
    switch_wifi(chip, on=True)
    chip.reset(preserve_flash=True)
    switch_wifi(chip, on=False)
    switch_wifi(chip, on=True)
    return len(cuts)


def switch_wifi(chip: RP2040, on: bool) -> None:
    chip.gpio[WIFI_POWER].ctrl = FUNCTION_SIO
    chip.sio.gpio_output_enable |= 1 << WIFI_POWER
    chip.sio.gpio_value = on << WIFI_POWER
    chip.gpio[WIFI_POWER].check_for_updates()


def test_a_reset_cuts_the_power_of_the_wifi_chip() -> None:
    assert power_cuts_at_a_reset(repaired=True) == 1


def test_upstream_still_keeps_the_wifi_chip_powered_through_a_reset() -> None:
    assert power_cuts_at_a_reset(repaired=False) == 0, "a reset now tells the WiFi chip: remove repairs/wifi_power.py"


# Network: data that is sent again


class Connection:
    """The guest's end of a TCP connection through the bridge, made of bare packets."""

    PORT = 4000
    HOST = bytes([10, 0, 0, 1])

    def __init__(self, repaired: bool) -> None:
        self.chip = RP2040()
        self.chip.simulator = SimpleNamespace(schedule_threadsafe=asyncio.ensure_future)
        self.received: list[net.TcpSegment] = []
        self.nat = NatBridge(self.chip, self._receive)
        self.nat._tcp._connect_fn = self._dial
        self.socket = asyncio.StreamReader()
        if repaired:
            repair_nat_retransmission(self.nat, self.chip.clock)
            repair_nat_reset(self.nat)

    async def _dial(self, host: str, port: int) -> tuple[asyncio.StreamReader, object]:
        return self.socket, SimpleNamespace(can_write_eof=lambda: False, is_closing=lambda: False, close=lambda: None)

    def _receive(self, frame: bytes) -> None:
        self.received.append(net.parse_tcp(net.parse_ipv4(net.parse_ethernet(frame).payload).payload))

    async def send(
        self, flags: int, sequence: int, acknowledge: int = 0, window: int = 5000, payload: bytes = b""
    ) -> None:
        segment = net.pack_tcp(
            GUEST_IP,
            self.HOST,
            self.PORT,
            80,
            seq=sequence,
            ack=acknowledge,
            flags=flags,
            window=window,
            payload=payload,
        )
        packet = net.pack_ipv4(GUEST_IP, self.HOST, net.IP_PROTO_TCP, segment)
        frame = net.pack_ethernet(GATEWAY_MAC, bytes(6), net.ETHERTYPE_IPV4, packet)
        self.nat.handle_outbound_ethernet_frame(frame)
        await settle()

    async def open(self) -> None:
        await self.send(net.TCP_SYN, sequence=0)
        (answer,) = self.received
        self.first = answer.seq + 1
        await self.send(net.TCP_ACK, sequence=1, acknowledge=self.first)
        self.received.clear()

    async def deliver(self, data: bytes) -> None:
        """The peer has sent data."""
        self.socket.feed_data(data)
        await settle()

    async def pass_second(self) -> None:
        self.chip.clock.tick(SECOND)
        await settle()

    def payloads(self) -> list[bytes]:
        return [bytes(segment.payload) for segment in self.received if segment.payload]


async def settle() -> None:
    """Let all tasks of the bridge come to where they wait."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_data_that_is_not_acknowledged_is_sent_again() -> None:
    async def run() -> None:
        connection = Connection(repaired=True)
        await connection.open()
        await connection.deliver(b"data")
        await connection.pass_second()
        payloads = connection.payloads()
        assert len(payloads) > 1
        assert set(payloads) == {b"data"}
        assert {segment.seq for segment in connection.received} == {connection.first}

    asyncio.run(run())


def test_data_that_is_acknowledged_is_not_sent_again() -> None:
    async def run() -> None:
        connection = Connection(repaired=True)
        await connection.open()
        await connection.deliver(b"data")
        await connection.send(net.TCP_ACK, sequence=1, acknowledge=connection.first + 4)
        await connection.pass_second()
        assert connection.payloads() == [b"data"]

    asyncio.run(run())


def test_no_more_is_sent_than_the_guest_has_room_for() -> None:
    async def run() -> None:
        connection = Connection(repaired=True)
        await connection.open()
        await connection.send(net.TCP_ACK, sequence=1, acknowledge=connection.first, window=100)
        await connection.deliver(bytes(50))
        await connection.deliver(bytes(1000))
        assert sum(map(len, connection.payloads())) <= 100

    asyncio.run(run())


def test_end_of_the_stream_is_sent_again() -> None:
    async def run() -> None:
        connection = Connection(repaired=True)
        await connection.open()
        connection.socket.feed_eof()
        await settle()
        await connection.pass_second()
        assert sum(bool(segment.flags & net.TCP_FIN) for segment in connection.received) > 1

    asyncio.run(run())


def test_upstream_still_sends_data_only_once() -> None:
    async def run() -> None:
        connection = Connection(repaired=False)
        await connection.open()
        await connection.deliver(b"data")
        loop = asyncio.get_running_loop()
        real_time, jump = loop.time, SimpleNamespace(seconds=0)
        loop.time = lambda: real_time() + jump.seconds
        for _ in range(10):
            # Both the emulated clock and the host's say that a minute has passed.
            jump.seconds += 60
            connection.chip.clock.tick(60 * SECOND)
            await settle()
        assert connection.payloads() == [b"data"], "rp2040py now sends data again: remove repairs/nat_retransmission.py"

    asyncio.run(run())


async def close_after_reset(connection: Connection) -> None:
    """The guest closes its side when the peer's socket is gone already."""

    def write_eof() -> None:
        raise OSError(107, "Transport endpoint is not connected")

    await connection.open()
    for flow in connection.nat._tcp._flows.values():
        flow.writer.can_write_eof = lambda: True
        flow.writer.write_eof = write_eof
    await connection.send(net.TCP_FIN | net.TCP_ACK, sequence=1, acknowledge=connection.first)


def test_closing_a_connection_that_was_reset_is_answered_with_a_reset() -> None:
    async def run() -> None:
        connection = Connection(repaired=True)
        await close_after_reset(connection)
        assert connection.received[-1].flags & net.TCP_RST

    asyncio.run(run())


def test_upstream_still_dies_of_closing_a_connection_that_was_reset() -> None:
    async def run() -> None:
        with pytest.raises(OSError):
            await close_after_reset(Connection(repaired=False))
            pytest.fail("rp2040py now copes with a reset: remove repairs/nat_reset.py")

    asyncio.run(run())


async def send_after_reset(connection: Connection) -> list[bytes]:
    """The guest sends data when the peer's socket is gone already. Returns what is written to that."""
    written: list[bytes] = []
    await connection.open()
    for flow in connection.nat._tcp._flows.values():
        flow.writer.is_closing = lambda: True
        flow.writer.write = written.append
    await connection.send(net.TCP_ACK | net.TCP_PSH, sequence=1, acknowledge=connection.first, payload=b"late")
    return written


def test_data_on_a_connection_that_was_reset_is_answered_with_a_reset() -> None:
    async def run() -> None:
        connection = Connection(repaired=True)
        assert await send_after_reset(connection) == []
        assert connection.received[-1].flags & net.TCP_RST

    asyncio.run(run())


def test_upstream_still_acknowledges_data_on_a_connection_that_was_reset() -> None:
    async def run() -> None:
        connection = Connection(repaired=False)
        assert await send_after_reset(connection) == [b"late"]
        assert not connection.received[-1].flags & net.TCP_RST, (
            "rp2040py now copes with a reset: see repairs/nat_reset.py"
        )

    asyncio.run(run())
