"""What stands in for a board while `look.py` runs a program: its modules, its flash, and files beside the program."""

import builtins
import sys

import vfs

# Modules that ports for boards have, and the unix port has not or has only in part. Of the others that are missing,
# such as a driver or a module of passwords, the import tells.
OF_BOARDS = (
    "machine",
    "network",
    "rp2",
    "esp",
    "esp32",
    "bluetooth",
    "espnow",
    "neopixel",
    "dht",
    "onewire",
    "ds18x20",
)
BYTES = ("unique_id", "config", "readfrom", "readfrom_mem", "read")  # Calls that give bytes.
URLS = ("url", "uri")
TEXTS = ("broker", "host", "server", "ssid", "password", "user", "topic", "token")
_answers = [False]  # The next answer of all stand-ins; see `_other`.


def _other(*_):
    # The answer is no and yes in turn: a loop that waits for either, such as for the WiFi, comes to its end.
    _answers[0] = not _answers[0]
    return not _answers[0]


def _part(name):
    # Names and addresses are texts, as is checked of them.
    lower = name.lower()
    if any(each in lower for each in URLS):
        return "mqtt://" + name
    return name if any(each in lower for each in TEXTS) else Anything(name)


class Anything:
    """Stands for a module of a board, and for all that is in it. As a text it is its name, as a number 1."""

    def __init__(self, name="", *_, **__):
        self._name = name

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _part(name)

    def __call__(self, *arguments, **__):
        if self._name in BYTES:
            number = arguments[-1] if arguments and isinstance(arguments[-1], int) else 6
            return bytes(min(number, 256))
        return Anything(self._name)

    def __str__(self):
        return self._name

    def __int__(self):
        return 1

    def __len__(self):
        return 0

    def __iter__(self):
        return iter(())

    def __getitem__(self, key):
        return _part(key if isinstance(key, str) else self._name)

    def __setitem__(self, _, value):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __add__(self, other):
        return str(self) + other if isinstance(other, str) else 0

    def __radd__(self, other):
        return other + str(self) if isinstance(other, str) else 0

    def __sub__(self, _):
        return 0

    __mul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = __sub__
    __and__ = __or__ = __xor__ = __rshift__ = __lshift__ = __sub__
    __rsub__ = __rmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = __rpow__ = __sub__
    __rand__ = __ror__ = __rxor__ = __rrshift__ = __rlshift__ = __sub__

    def __neg__(self):
        return 0

    __pos__ = __invert__ = __abs__ = __neg__
    __bool__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _other

    def __hash__(self):
        return 1


class Module(Anything):
    """A module of the unix port, and what boards have in it besides."""

    def __init__(self, module, **own):
        Anything.__init__(self, module.__name__)
        self._module = module
        for name in own:
            setattr(self, name, own[name])

    def __getattr__(self, name):
        try:
            return getattr(self._module, name)
        except AttributeError:
            return Anything.__getattr__(self, name)


class Memory:
    """The blocks of a flash."""

    def __init__(self, size=512, count=512):
        self._size = size
        self._data = bytearray(size * count)

    def readblocks(self, number, into, offset=0):
        start = number * self._size + offset
        into[:] = self._data[start : start + len(into)]

    def writeblocks(self, number, data, offset=0):
        start = number * self._size + offset
        self._data[start : start + len(data)] = data

    def ioctl(self, operation, _):
        return {4: len(self._data) // self._size, 5: self._size}.get(operation, 0)


def mount(folders):
    """Put an empty flash in place of the computer's files, which are below /host."""
    flash = Memory()
    vfs.umount("/")
    vfs.mount(vfs.VfsPosix("/"), "/host")
    vfs.VfsLfs2.mkfs(flash)
    vfs.mount(vfs.VfsLfs2(flash), "/")
    sys.path[:] = ["/host" + folder for folder in folders] + [".frozen"]


def add_modules(notes):
    """Have every import succeed, but that of a package of AimDB. `notes` gets a sentence on each missing module."""
    import os
    import time

    import micropython

    for name in OF_BOARDS:
        sys.modules[name] = Anything(name)
    sys.modules["micropython"] = Module(micropython)
    sys.modules["os"] = Module(os)
    # A program is not to wait for what stands in.
    sys.modules["time"] = Module(time, sleep=Anything(), sleep_ms=Anything(), sleep_us=Anything())
    own_import = builtins.__import__

    def import_(name, *arguments):
        while True:
            try:
                return own_import(name, *arguments)
            except ImportError as error:
                missing = str(error).split("'")
                importer = arguments[0].get("__name__", "") if arguments and arguments[0] else ""
                if len(missing) < 3 or name.startswith("aimdb") or importer.startswith("aimdb"):
                    raise
                parts = name.split(".")
                for count in range(1, len(parts) + 1):
                    sys.modules.setdefault(".".join(parts[:count]), Anything(parts[count - 1]))
                notes.append("there is no module %s here; something stands in for it" % name)

    builtins.__import__ = import_


def add_files(folders, missing):
    """Have `open` find in the folders what it is to read and is not on the flash: by its name, or that of an example.

    `missing` gets the names that are nowhere.
    """
    own_open = builtins.open

    def open_(path, mode="r", *arguments, **named):
        try:
            return own_open(path, mode, *arguments, **named)
        except OSError:
            if "r" in mode and isinstance(path, str):
                name, dot, kind = path.rpartition(".")
                for folder in folders:
                    for each in (path, name + ".example" + dot + kind):
                        try:
                            return own_open("/host" + folder + "/" + each, mode, *arguments, **named)
                        except OSError:
                            pass
                missing.append(path)
            raise

    builtins.open = open_
