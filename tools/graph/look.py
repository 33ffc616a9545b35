"""Runs a program on MicroPython's unix port up to its `db.run()`, and prints what its databases look like as JSON.

What only boards have is stood in for. The program finds an empty flash of its own, and none of the computer's files.
`tools/graph/draw.py` runs it.
"""

import asyncio
import builtins
import json
import sys

import stand_ins

MARK = "\x1e"


class Seen(BaseException):
    """Ends the program, as nothing in it catches it."""


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
        "interrupts": [buffer.key for buffer in buffers if buffer.sync_refusals],
    }


def look(program, builders, notes):
    """Run the program, a path below /host; when it makes no database, call its `builders` until one does."""
    import aimdb  # Here, as it goes on being loaded from where it is found first.

    dbs = []
    own_init = aimdb.AimDb.__init__

    def init(self, *arguments, **named):
        own_init(self, *arguments, **named)
        dbs.append(self)

    def tell():
        found = [described(db, aimdb.once) for db in dbs if db._records]
        print(MARK + json.dumps({"programs": found, "notes": notes}))
        raise Seen

    async def run(self):
        tell()

    aimdb.AimDb.__init__ = init
    aimdb.AimDb.run = run
    names = {"__name__": "__main__", "__file__": program}
    with open(program) as file:
        text = file.read()
    exec(compile(text, program, "exec"), names)
    for name in builders:
        if not dbs:
            made = names[name]()
            if hasattr(made, "send"):
                asyncio.run(made)
    tell()


def begin(folders, files, program, builders):
    """What `draw.py` calls: folders of modules, folders of files for the flash, the program's path, and `builders`."""
    notes = []
    missing = []
    stand_ins.mount(folders)
    stand_ins.add_modules(notes)
    stand_ins.add_files(files, missing)
    try:
        look("/host" + program, builders, notes)
    except Seen:
        pass
    except Exception:
        for note in notes + ["it reads %s, which is not beside it" % path for path in missing]:
            print("(%s)" % note, file=sys.stderr)
        raise


builtins.begin = begin
