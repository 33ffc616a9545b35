"""Runs a program on MicroPython's unix port up to its `db.run()`, and prints what its databases look like as JSON.

What only boards have is stood in for. The program finds an empty flash of its own, and none of the computer's files.
`tools/graph/draw.py` runs it.
"""

import asyncio
import builtins
import json
import sys

import vfs

# Modules that ports for boards have and the unix port has not, or has only in part.
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
MARK = "\x1e"


class Seen(BaseException):
    """Ends the program, as nothing in it catches it."""


class Anything:
    """Stands for a module of a board, and for all that is in it."""

    def __init__(self, *_, **__):
        pass

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()

    def __call__(self, *_, **__):
        return Anything()

    def __int__(self):
        return 0

    def __len__(self):
        return 0

    def __getitem__(self, _):
        return Anything()

    def __setitem__(self, _, value):
        pass

    def __add__(self, _):
        return 0

    __sub__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = __add__
    __and__ = __or__ = __xor__ = __rshift__ = __lshift__ = __add__
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = __add__
    __rand__ = __ror__ = __rxor__ = __rrshift__ = __rlshift__ = __add__
    __lt__ = __le__ = __gt__ = __ge__ = __add__

    def __neg__(self):
        return 0

    __pos__ = __invert__ = __neg__


class Machine(Anything):
    def unique_id(self):
        return b"a board"


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


def described(db, once):
    """`db.graph()`, and of each stage what that leaves out."""
    stages = []
    for record, kind, function, url in db._stages:
        stages.append(
            {
                "record": record.key,
                "kind": kind,
                "name": getattr(function, "__name__", type(function).__name__),
                "period": getattr(function, "period_ms", None) if type(function).__name__ == "Every" else None,
                "inputs": list(getattr(function, "inputs", ())),
                "url": once("graph").parts(url),
            }
        )
        if not isinstance(stages[-1]["period"], int):
            stages[-1]["period"] = stages[-1]["period"] and "changing"
    try:
        once("wiring").checked(db)
        mistakes = []
    except Exception as error:
        mistakes = getattr(error, "errors", [repr(error)])
    buffers = [record.buffer for record in db._records.values() if record.buffer]
    return {
        "graph": db.graph(),
        "stages": stages,
        "kinds": {buffer.key: type(buffer).__name__ for buffer in buffers},
        "mistakes": mistakes,
        "interrupts": [buffer.key for buffer in buffers if buffer.sync_producers],
    }


def look(program):
    """Run the program, a path below /host."""
    import aimdb  # Here, as it goes on being loaded from where it is found first.

    dbs = []
    own_init = aimdb.AimDb.__init__

    def init(self, *arguments, **named):
        own_init(self, *arguments, **named)
        dbs.append(self)

    def tell(dbs):
        print(MARK + json.dumps([described(db, aimdb.once) for db in dbs]))
        raise Seen

    async def run(self):
        tell([self])

    aimdb.AimDb.__init__ = init
    aimdb.AimDb.run = run
    for name in OF_BOARDS:
        sys.modules[name] = Anything()
    sys.modules["machine"] = Machine()
    names = {"__name__": "__main__"}
    with open(program) as file:
        text = file.read()
    exec(compile(text, program, "exec"), names)
    if not dbs and "main" in names:
        asyncio.run(names["main"]())
    tell(dbs)


def begin(folders, program):
    flash = Memory()
    vfs.umount("/")
    vfs.mount(vfs.VfsPosix("/"), "/host")
    vfs.VfsLfs2.mkfs(flash)
    vfs.mount(vfs.VfsLfs2(flash), "/")
    sys.path[:] = ["/host" + folder for folder in folders] + [".frozen"]
    try:
        look("/host" + program)
    except Seen:
        pass


builtins.begin = begin
