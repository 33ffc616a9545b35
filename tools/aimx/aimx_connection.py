"""A client of AimX 3.0 on the laptop: calls that block, over TCP, TLS or a serial line."""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import socket
import ssl
import struct
import threading
from collections.abc import Generator, Iterator
from typing import Any, Protocol, TypeAlias
from urllib.parse import parse_qs, urlsplit

import serial
from cobs import cobs

VERSION = "3.0"

# So long dialling may take, and an answer: AimX has no error for a frame that the other side could not read.
PATIENCE_SECONDS = 20.0

# So many records a list has at a time: with all that a board says of them they fit into a frame.
PORTION = 50

# As in AimDB; a longer frame is no AimX.
LONGEST_FRAME = 65_536


class AimxError(Exception):
    """The other side cannot be reached, or does not answer."""


class WrongUrl(AimxError):
    """It names nothing that could be reached."""


class NoAnswer(AimxError):
    """None has come in time."""


class Refused(AimxError):
    """The other side answers with an error: `code` is not_found, denied, internal or version_mismatch."""

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"{method}: {code}")
        self.code = code


# What has come in answer to something; None: no more will, as the connection has ended.
Answers: TypeAlias = "queue.SimpleQueue[dict | None]"


class Link(Protocol):
    """Carries frames."""

    def send(self, frame: bytes) -> None: ...
    def frames(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


class TcpLink:
    """Frames on TCP, with their lengths in front."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._socket = socket.create_connection((host, port), PATIENCE_SECONDS)
        # Else the second of two small frames waits 40 ms.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self._socket = tls.wrap_socket(self._socket, server_hostname=host)
        self._socket.settimeout(None)

    def send(self, frame: bytes) -> None:
        self._socket.sendall(struct.pack(">I", len(frame)) + frame)

    def frames(self) -> Iterator[bytes]:
        with self._socket.makefile("rb") as stream:
            while len(header := stream.read(4)) == 4:
                (length,) = struct.unpack(">I", header)
                if length > LONGEST_FRAME:
                    raise AimxError(f"a frame of {length} bytes: this is no AimX")
                frame = stream.read(length)
                if len(frame) == length:
                    yield frame

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class SerialLink:
    """Frames on a serial line, in COBS."""

    def __init__(self, port: str, baud: int) -> None:
        self._port = serial.Serial(port, baud, exclusive=True)
        self._port.reset_input_buffer()
        self._closed = False
        self._reading = threading.Lock()

    def send(self, frame: bytes) -> None:
        self._port.write(cobs.encode(frame) + b"\0")

    def frames(self) -> Iterator[bytes]:
        while not self._closed:
            with self._reading:
                block = self._port.read_until(b"\0", LONGEST_FRAME)
            if not block:
                break
            # What cannot be decoded is noise, or the rest of a frame that began before us; a zero alone ends that.
            with contextlib.suppress(cobs.DecodeError):
                if frame := cobs.decode(block.removesuffix(b"\0")):
                    yield frame

    def close(self) -> None:
        self._closed = True
        self._port.cancel_read()
        with self._reading:  # A port that is closed while it is read stays locked for a while.
            self._port.close()


def seconds(text: str) -> float:
    """A time to wait, of a command line. Raises `ValueError`."""
    if not 0 < (value := float(text)) < 1e6:
        raise ValueError
    return value


def parts_of(url: str) -> tuple[str, str, int]:
    """What a URL names: scheme, host or device, port or baud. Raises `WrongUrl`."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "serial":
            baud = parse_qs(parts.query).get("baud", ["115200"])[0]
            if baud.isdecimal() and int(baud):
                return parts.scheme, parts.netloc + parts.path, int(baud)
        elif parts.scheme in ("tcp", "tls") and parts.hostname and parts.port:
            return parts.scheme, parts.hostname, parts.port
    except ValueError as error:
        raise WrongUrl(f"{url}: {error}") from error
    raise WrongUrl(f"not tcp://host:port, tls://host:port or serial://device?baud=115200: {url!r}")


def dial(url: str, ca_file: str | None = None) -> Link:
    """Connect to `tcp://host:port`, `tls://host:port` or `serial://device?baud=115200`. Raises `AimxError`."""
    scheme, name, number = parts_of(url)
    try:
        tls = ssl.create_default_context(cafile=ca_file) if scheme == "tls" else None
    except (OSError, ValueError) as error:
        raise AimxError(f"{ca_file} is no certificate that can be read: {error}") from error
    try:
        return SerialLink(name, number) if scheme == "serial" else TcpLink(name, number, tls)
    except (OSError, ValueError) as error:
        raise AimxError(f"{url} cannot be reached: {error}") from error


class AimxClient:
    """One connection. Calls may come from any thread."""

    def __init__(self, link: Link, seconds: float = PATIENCE_SECONDS) -> None:
        """`seconds`: how long to wait for an answer."""
        self._link = link
        self._seconds = seconds
        self._numbers = itertools.count(1)
        self._answers: dict[int, Answers] = {}  # By the number of what they answer.
        self._pongs: Answers = queue.SimpleQueue()
        self._lock = threading.Lock()  # Of all above, and of who sends.
        self._end: str | None = None  # Why the connection has ended.
        threading.Thread(target=self._listen, daemon=True).start()

    def hello(self, name: str, token: str | None = None) -> dict:
        """Say who we are; returns what the other side says of itself. Raises `AimxError`."""
        # A board sends an AimDB of a serial line 8 KiB at most.
        params = {"client": name, "version": VERSION, "max_frame": LONGEST_FRAME}
        if token is not None:
            params["auth_token"] = token
        try:
            return self.call("hello", params)
        except NoAnswer as error:
            raise NoAnswer(f"{error}; does the program serve AimX at this port? A board's console does not") from None
        except Refused as error:
            if error.code != "denied":
                raise
            raise AimxError(f"{error}, as {'the token is wrong' if token else 'it wants a token'}") from None

    def call(self, method: str, params: Any = None) -> Any:
        """The answer to one call. Raises `Refused`, and `AimxError` when no answer comes."""
        with self._answered() as (number, answers):
            self._send({"t": "req", "id": number, "method": method, "params": params})
            return self._wait(answers, method).get("ok")

    def records(self) -> list[dict]:
        """What `record.list` says of all records. Raises as `call` does, and anything for an answer that is no list."""
        found: dict[str, dict] = {}
        while True:
            entries = self.call("record.list", {"offset": len(found), "limit": PORTION})
            is_cut = bool(entries) and entries[-1]["record_key"] == "#"  # It says how many more there are.
            new = {entry["record_key"]: entry for entry in (entries[:-1] if is_cut else entries)}
            # An AimDB gives all at once, whatever it is asked for.
            may_be_more = (is_cut or len(new) == PORTION) and not new.keys() <= found.keys()
            found |= new
            if not may_be_more:
                return list(found.values())

    def watch(self, topic: str) -> Generator[dict, None, None]:
        """The events of a record, or of all whose key matches, as they come. Raises as `call` does.

        There may be none for long. Then the other side is asked whether it is there. Closed, it asks for no more.
        """
        with self._answered() as (number, answers):
            self._send({"t": "sub", "id": number, "topic": topic})
            try:
                while True:
                    try:
                        event = self._wait(answers, topic)
                    except NoAnswer:
                        self.ping()
                    else:
                        yield event
            finally:
                # On a serial line nobody else tells that we have gone.
                with contextlib.suppress(AimxError):
                    self._send({"t": "unsub", "sub": str(number)})

    def ping(self) -> None:
        """Return when the other side has answered. Raises `AimxError`."""
        with self._lock:
            self._pongs = pongs = queue.SimpleQueue()  # Boards send some that nobody has asked for.
        self._send({"t": "ping"})
        self._wait(pongs, "ping")

    def close(self) -> None:
        self._link.close()

    def _send(self, frame: dict) -> None:
        # AimDB takes no escapes in the names of methods and topics.
        data = json.dumps(frame, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        with self._lock:
            if self._end is not None:
                raise AimxError(self._end)
            try:
                self._link.send(data)
            except OSError as error:
                raise AimxError(f"the connection has broken: {error}") from error

    @contextlib.contextmanager
    def _answered(self) -> Iterator[tuple[int, Answers]]:
        # A new number, and where the frames come that answer it.
        answers: Answers = queue.SimpleQueue()
        number = next(self._numbers)
        with self._lock:
            self._answers[number] = answers
        try:
            yield number, answers
        finally:
            with self._lock:
                del self._answers[number]

    def _wait(self, answers: Answers, what: str) -> dict:
        try:
            answer = answers.get(timeout=self._seconds)
        except queue.Empty:
            raise NoAnswer(f"no answer to {what} within {self._seconds:g} s") from None
        if answer is None:
            raise AimxError(self._end or "the connection has ended")
        if "err" in answer:
            raise Refused(what, answer["err"])
        return answer

    def _listen(self) -> None:
        end = "the other side has closed the connection"
        try:
            for data in self._link.frames():
                with contextlib.suppress(Exception):  # A frame may say anything.
                    self._dispatch(json.loads(data))
        except (OSError, TypeError, AimxError) as error:  # pyserial raises TypeError when the port is closed meanwhile.
            end = f"the connection has ended: {error}"
        with self._lock:
            self._end = end
            for answers in (*self._answers.values(), self._pongs):
                answers.put(None)

    def _dispatch(self, frame: Any) -> None:
        kind = frame.get("t") if isinstance(frame, dict) else None
        if kind == "pong":
            self._pongs.put(frame)
        elif kind in ("reply", "event", "snap"):
            number = frame.get("id") if kind == "reply" else int(frame.get("sub", 0))
            with self._lock:
                answers = self._answers.get(number)
            if answers:
                answers.put(frame)
