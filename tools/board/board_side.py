"""Runs on the board: deploy.py sends this file, followed by a call.

Plain enough for MicroPython versions far older than the ones we support, so that these can be told so.
"""

import os
import sys
from hashlib import sha256


def digest(path):
    buffer = memoryview(bytearray(512))
    check = sha256()
    with open(path, "rb") as file:
        while True:
            size = file.readinto(buffer)
            if not size:
                return check.digest()
            check.update(buffer[:size])


def is_there(path):
    try:
        return os.stat(path)
    except OSError:
        return None


def files_below(folder):
    found = []
    for entry in os.ilistdir(folder) if is_there(folder) else ():
        path = folder + "/" + entry[0]
        found += files_below(path) if entry[1] & 0x4000 else [path]
    return found


def is_blank(path):
    with open(path, "rb") as file:
        return all(line.strip()[:1] in (b"", b"#") for line in file)


def is_folder(path):
    found = is_there(path)
    return found and found[0] & 0x4000


def survey(paths, folders, rivals, list_path):
    machine = getattr(sys.implementation, "_machine", sys.platform)
    # Nobody feeds a watchdog while its program is stopped. The RP2040's can be held; the restart frees it.
    if "RP2040" in machine:
        from machine import mem32

        mem32[0x4005B000] = 1 << 30
    blocked = [path for path in paths + [list_path] if is_folder(path)]
    blocked += [path for path in ["/lib"] + folders if is_there(path) and not is_folder(path)]
    files = [path for path in paths if is_there(path) and path not in blocked]
    for folder in folders:
        if folder not in blocked:
            files += files_below(folder)
    space = os.statvfs("/")
    listed = b""
    if is_there(list_path) and list_path not in blocked:
        with open(list_path, "rb") as file:
            listed = file.read()
    answer = {
        "name": sys.implementation[0],
        "version": sys.implementation[1][:3],
        "mpy": getattr(sys.implementation, "_mpy", 0) & 0xFF,
        "platform": sys.platform,
        "machine": machine,
        "free": max(0, space[0] * space[3]),  # littlefs may count a block twice
        "files": {path: digest(path) for path in files},
        "blank": [path for path in paths if path in files and path[-3:] == ".py" and is_blank(path)],
        "list": listed,
        "blocked": blocked,
        "rivals": [path for path in rivals if is_there(path)],
    }
    print("\nSURVEY", answer)


def make_folder(path):
    if path and not is_there(path):
        make_folder(path.rpartition("/")[0])
        os.mkdir(path)


def install(moves, stale, staging):
    # Everything is checked before anything is replaced, and replacing takes a moment, not a copy's seconds.
    for source, path, wanted in moves:
        if digest(source) != wanted:
            raise ValueError("damaged on the way: " + path)
    for _, path, _ in moves:
        make_folder(path.rpartition("/")[0])
    # When the power goes out from here on, boot.py finds this list at the next start, and does the rest of it.
    with open(staging + "/new", "w") as file:
        for source, path, _ in moves:
            file.write(source + " " + path + "\n")
        for path in stale:
            while path:  # A folder that it leaves empty goes, too.
                file.write(" " + path + "\n")
                path = path.rpartition("/")[0]
    os.rename(staging + "/new", staging + "/moves")
    for source, path, _ in moves:
        os.rename(source, path)
    for path in stale + files_below(staging):
        os.remove(path)
        folder = path.rpartition("/")[0]
        # An empty folder would still hide a module of its name.
        while folder and not list(os.ilistdir(folder)):
            os.rmdir(folder)
            folder = folder.rpartition("/")[0]
    if is_there(staging):
        os.rmdir(staging)
