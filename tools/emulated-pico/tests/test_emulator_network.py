"""WiFi of the emulated board, with real TCP peers on this machine's loopback."""

import socketserver
import threading
import time
from collections.abc import Iterator

import pytest
from emulated_pico import Board

# More than the 256 after which the stock WiFi chip's credit counter laps the driver's.
PACKETS = 300

# More than the 16 packets that the guest can hold.
LINES = 40


@pytest.fixture
def board(wifi_board: Board) -> Board:
    wifi_board.exec("import network, socket, time")
    return wifi_board


@pytest.fixture
def serve() -> Iterator[object]:
    """Start a TCP server whose handler is given; return its port."""
    servers = []

    def start(handler: type[socketserver.BaseRequestHandler]) -> int:
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server.server_address[1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class Receipt(socketserver.BaseRequestHandler):
    """Takes what comes, and says so when it has got it all."""

    def handle(self) -> None:
        count = 0
        while count < PACKETS:
            count += len(self.request.recv(1000))
        self.request.sendall(b"%d" % count)


class ManyLines(socketserver.BaseRequestHandler):
    """Sends numbered lines, each in a packet of its own."""

    def handle(self) -> None:
        for number in range(LINES):
            self.request.sendall(b"%d\n" % number)
            time.sleep(0.005)


def test_the_wifi_chip_gets_its_firmware_word_for_word(board: Board, wifi_blocks: list[bytes]) -> None:
    firmware = b"".join(block for block in wifi_blocks if len(block) == 64)
    assert len(firmware) > 200_000
    assert firmware[:200_000] in bytes(board.mcu.flash)


def test_tcp_outlives_the_credits_of_the_stock_wifi_chip(board: Board, serve) -> None:
    output = board.exec(
        "connection = socket.socket()\n"
        f"connection.connect(('10.0.0.1', {serve(Receipt)}))\n"
        # The pause lets each byte go out, and be acknowledged, in a packet of its own.
        f"for number in range({PACKETS}):\n"
        "    connection.send(b'x')\n"
        "    time.sleep_ms(5)\n"
        "print(connection.recv(100))\n"
        "connection.close()\n",
        timeout=120,
    )
    assert output == f"b'{PACKETS}'\n"


def test_guest_that_does_not_read_for_a_while_loses_nothing(board: Board, serve) -> None:
    output = board.exec(
        "connection = socket.socket()\n"
        f"connection.connect(('10.0.0.1', {serve(ManyLines)}))\n"
        "time.sleep(1)\n"
        "lines = connection.makefile('rb').read().split()\n"
        "connection.close()\n"
        f"print(lines == [b'%d' % number for number in range({LINES})])\n",
        timeout=120,
    )
    assert output == "True\n"


def test_guest_cannot_leave_this_machine(board: Board) -> None:
    output = board.exec(
        "try:\n    socket.socket().connect(('192.0.2.1', 80))\nexcept OSError as error:\n    print('refused')\n",
        timeout=60,
    )
    assert output == "refused\n"
