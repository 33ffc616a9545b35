"""Ways to an emulated board from outside: its UARTs as serial ports, and its TCP servers."""

import os
import socket
import threading

import pytest
from emulated_pico import Board
from emulated_pico.network import JOIN

ECHO = """
from machine import UART, Pin
import time
uart = UART(0, 115200, tx=Pin(0), rx=Pin(1), rxbuf=256)
print("ready")
count = 0
while count < 300:
    data = uart.read()
    if data:
        count += len(data)
        uart.write(data)
print("echoed", count)
"""


def test_a_uart_is_a_serial_port_both_ways():
    with Board(paced=True) as board:
        path = board.serve_uart(0)
        assert board.serve_uart(0) == path
        with pytest.raises(ValueError, match="UART2"):
            board.serve_uart(2)
        sent = bytes(range(256)) + bytes(44)
        got = bytearray()

        def talk():
            end = os.open(path, os.O_RDWR | os.O_NOCTTY)
            for at in range(0, 300, 100):
                os.write(end, sent[at : at + 100])
                while len(got) < at + 100:
                    got.extend(os.read(end, 100))
            os.close(end)

        thread = threading.Thread(target=talk, daemon=True)

        def heard(text):
            if "ready" in text and not thread.ident:
                thread.start()

        assert "echoed 300" in board.exec(ECHO, 120, on_output=heard)
        assert board.mcu.uart[0].baud_rate == pytest.approx(115200, rel=0.01)
        thread.join(10)
        assert bytes(got) == sent


SERVER = """
import socket
door = socket.socket()
door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
door.bind(("0.0.0.0", 7433))
door.listen(2)
print("listening")
for _ in range(3):
    peer, address = door.accept()
    while True:
        data = peer.recv(500)
        if not data:
            break
        peer.write(data)
    peer.close()
print("served")
"""


def test_a_tcp_server_on_the_board_is_reached():
    with Board(paced=True) as board:
        port = board.forward(7433)
        got = []

        def ask():
            for size in (1, 100, 4000):
                with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
                    client.sendall(b"x" * size)
                    client.shutdown(socket.SHUT_WR)
                    data = b""
                    while piece := client.recv(4096):
                        data += piece
                    got.append(len(data))

        thread = threading.Thread(target=ask, daemon=True)

        def heard(text):
            if "listening" in text and not thread.ident:
                thread.start()

        assert "served" in board.exec(JOIN + SERVER, 180, on_output=heard)
        thread.join(10)
        assert got == [1, 100, 4000]
