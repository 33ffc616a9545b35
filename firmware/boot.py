# Runs before main.py. Kept short, so that a board can always be reached over USB.
import os

import micropython

# Without it, an error in an interrupt handler cannot say where it happened.
micropython.alloc_emergency_exception_buf(100)

# A deploy lost its power while it put files into place: what is left of that is done, as half of them is no program.
try:
    try:
        # A list that is not whole. And littlefs, before it removes anything, ends a rename that was interrupted: until
        # then it may hide the file beside the one that was renamed.
        os.remove("/deploy.new/new")
    except OSError:
        pass
    with open("/deploy.new/moves") as moves:
        for line in moves:
            source, _, path = line.rstrip("\n").partition(" ")
            try:
                os.rename(source, path) if source else os.remove(path)
            except OSError:
                pass  # It was done before.
    os.remove("/deploy.new/moves")
except Exception:
    pass  # There is none, or it is damaged. After an error here main.py would not run.
