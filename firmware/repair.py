"""The reduced mode: no application, but console and network, by which the node can be mended.

What is wrong is often in a file: a setting, a queue, a program. By these commands, on the console or sent to
node/command, files are looked at, removed and written; `restart` then tries the application again.
"""

import os
from binascii import a2b_base64

from aimdb import AimDb, Mailbox
from aimdb_node import Commands, Refused, Restart, console, reset_cause
from report import book, say

LONGEST = 400  # Bytes of a line, for `append`.


async def main():
    commands = repairs()

    async def obey(consumer):
        async for line in consumer.subscribe():
            answer("answer", commands.obey(line))

    async def tell(consumer):
        text = "the node is in reduced mode, after: %s; the last crash: %s"
        answer("reduced", text % (reset_cause(), book.text or "none"))

    db = AimDb()
    try:
        import telemetry

        answer = telemetry.connect(db, obey)
    except Exception as error:  # Whatever it is, there is the console.
        say("network", "none: %r" % error)
        db = AimDb()
        answer = say
    db.configure("command", Mailbox()).source(console(LONGEST)).tap(obey).tap(tell)
    await db.run()


def repairs():
    commands = Commands(LONGEST, passed=(Restart,))
    commands.add("crash", lambda: book.text or "none")
    commands.add("files", files, path)
    commands.add("remove", remove, place)
    commands.add("append", append, place, base64)
    commands.add("rename", os.rename, place, place)
    commands.add("restart", restart)
    return commands


def path(text):
    if not text.startswith("/"):
        raise Refused("a path begins with a slash")
    return text


def place(text):
    """A path, but not that of all files: without them no board comes back."""
    if ".." in path(text) or not text.strip("/."):
        raise Refused("name a file or folder below /")
    return text


def base64(text):
    try:
        data = a2b_base64(text)
    except ValueError:
        data = b""
    if not data or len(data) != len(text) * 3 / 4 - text.count("="):  # What is none would be left out.
        raise Refused("that is no base64, in groups of four")
    return data


def files(path):
    return ", ".join("%s %d" % (name, os.stat(path.rstrip("/") + "/" + name)[6]) for name in os.listdir(path)) or "none"


def remove(path):
    """A file, or a folder with all that is in it."""
    if os.stat(path)[0] & 0x4000:
        for entry in os.ilistdir(path):
            remove(path + "/" + entry[0])
        os.rmdir(path)
    else:
        os.remove(path)


def append(path, data):
    with open(path, "ab") as file:
        file.write(data)


def restart():
    raise Restart
