"""Makes random programs for `programs`, and makes a failing one short."""

import random

from programs import World

READERS = ("x", "y", "z")
TASKS = ("a", "b", "c", "d", "e", "f")
LIMITS = ("", "", "", "", " 1", " 2", " long", " long", " 0")


def pick(weighted):
    return random.choice(random.choice(weighted).split("|"))


# One is chosen by weight, and then one of its alternatives.
MAIN = (
    ("task",) * 9
    + ("produce|produce|try|try|put 0",) * 6
    + ("take R|take R|has R",) * 3
    + ("turn",) * 4
    + ("cancel T",) * 2
    + ("open R|open R|close R",)
    + ("rest",) * 2
    + ("sleep 1|busy 2|recv R 1|put 1|recv R 0|forget R|shut|rest",)
)
IN_TASKS = (
    ("recv R LIMIT",) * 5
    + ("ready R; take R",) * 3
    + ("ready R", "next R", "take R|has R")
    + ("put LIMIT",) * 4
    + ("produce|try|turn|sleep 1|busy 1", "turn|close R|cancel T|open R|shut")
)
RESTARTS = ("leave", "stop", "interrupt leave", "interrupt stop")
OUTSIDE = ("produce", "try", "take R", "take R", "open R", "close R", "cancel T")


def filled(operation):
    operation = operation.replace(" LIMIT", random.choice(LIMITS))
    return operation.replace("R", random.choice(READERS)).replace("T", random.choice(TASKS))


def random_program(restarts=False):
    """Lines of a program. With `restarts` its runs fail now and then, and new ones begin."""
    lines = ["open " + reader for reader in READERS[: random.randrange(1, 4)]]
    for _ in range(random.randrange(6, 30)):
        operation = pick(MAIN)
        if restarts and random.randrange(9) == 0:
            lines.append(random.choice(RESTARTS))
            while random.randrange(2):
                lines.append(filled("outside " + random.choice(OUTSIDE)))
            continue
        if operation == "task":
            script = "; ".join([pick(IN_TASKS) for _ in range(random.randrange(1, 4))])
            operation = random.choice(TASKS) + ": " + script
        lines.append(filled(operation))
    return lines


def search(kind, count, restarts=False, first=0):
    """Run `count` programs; the first that fails is made short, and raised as a test that can be pasted."""
    for seed in range(first, first + count):
        random.seed(seed)
        capacity = random.randrange(1, 4) if kind in ("ring", "queue") else 1
        lines = random_program(restarts)

        def fails(lines):
            return World(kind, capacity, lines).go()

        if fails(lines):
            lines, error = shortened(lines, fails)
            program = "\n        ".join(lines)
            raise AssertionError(
                '%s (seed %d)\n\ndef test_found():\n    check("%s", %d, """\n        %s\n    """)\n'
                % (error, seed, kind, capacity, program)
            )


def shortened(lines, fails):
    """The lines and operations without which the program does not fail any more, and its error: `fails(lines)`."""
    error = None
    for _ in range(20):  # It may depend on the time.
        error = error or fails(lines)
    size = len(lines)
    while size:
        for at in reversed(range(0, len(lines), size)):
            shorter = lines[:at] + lines[at + size :]
            found = fails(shorter)
            if found:
                lines, error = shorter, found
        size //= 2
    for number in range(len(lines)):
        name, _, script = lines[number].partition(": ")
        operations = script.split("; ")
        for at in reversed(range(len(operations) if script else 0)):
            fewer = operations[:at] + operations[at + 1 :]
            shorter = lines[:number] + [name + ": " + "; ".join(fewer)] + lines[number + 1 :]
            found = fewer and fails(shorter)
            if found:
                lines, error, operations = shorter, found, fewer
    return lines, error
