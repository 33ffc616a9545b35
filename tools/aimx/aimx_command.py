"""A small command line for AimX 3.0, for machines without AimDB's own: it takes the same arguments.

    --connect tcp://HOST:PORT | tls://HOST:PORT | serial://DEVICE?baud=115200

    record list                  all records, with what they have counted
    record get KEY               the newest value
    record set KEY JSON          writes a record; text has quotes: '"on"'
    watch PATTERN [-c COUNT]     each new value: its number, record, value
    graph order                  the records, each behind those that it is computed from

The exit status is 0, 1 after an error, 2 for wrong arguments, 130 after Ctrl-C, and 141 when who reads the output ends.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import sys
from collections.abc import Callable
from typing import TypeAlias

from aimx_connection import PATIENCE_SECONDS, AimxClient, AimxError, Refused, dial, seconds

# As a shell tells of programs that a signal has ended: SIGINT, SIGPIPE.
INTERRUPTED = 130
UNREAD = 141

# What the words mean with which AimX refuses something.
MEANINGS = {
    "not_found": "there is no such record, or no value to get; a ring's values are seen by watch",
    "denied": "it may not be written; or not watched: its readers compete, or it is too many",
    "internal": "the record did not take it",
    "version_mismatch": "the other side speaks another version of AimX",
}

Action: TypeAlias = Callable[[AimxClient], None]


def main(arguments: list[str] | None = None) -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connect", required=True)
    parser.add_argument("--token", help="what the other side asks for in its hello")
    parser.add_argument("--ca", help="file with the certificate, as PEM, that tls:// trusts")
    parser.add_argument("--timeout", type=seconds, default=PATIENCE_SECONDS, help="seconds for an answer (20)")
    parser.add_argument("-c", "--count", type=count, help="end a watch after so many values")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    try:
        action = action_of(options.command, options.count)
        if not action:
            parser.error(f"no such command: {' '.join(options.command)}; --help shows all")
        client = AimxClient(dial(options.connect, options.ca), options.timeout)
        client.hello("aimdb-micropython", options.token)
        action(client)
        print(end="", flush=True)  # What cannot be written is to be told here.
    except Refused as error:
        return told(f"{error} ({MEANINGS.get(error.code, 'AimX has no such word')})")
    except AimxError as error:
        return told(str(error))
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python writes the rest when it ends.
        return UNREAD if isinstance(error, BrokenPipeError) else told(f"the output cannot be written: {error}")
    except KeyboardInterrupt:  # So a watch ends.
        return INTERRUPTED
    except Exception as error:  # What is no AimDB may answer anything.
        return told(f"{options.connect} gives an answer that is no AimX: {error!r}")
    return 0


def told(sentence: str) -> int:
    print(f"Error: {sentence}", file=sys.stderr)
    return 1


def count(text: str) -> int:
    """How many values to wait for."""
    if (value := int(text)) < 1:
        raise ValueError
    return value


def action_of(command: list[str], count: int | None) -> Action | None:
    """What a command does, or None if there is no such one. Raises `AimxError` for a value that is no JSON."""
    match command:
        case ["record", "list"]:
            return list_records
        case ["record", "get", key]:
            return lambda client: print(text_of(client.call("record.get", {"name": key})))
        case ["record", "set", key, text]:
            params = {"name": key, "value": value_in(text)}
            return lambda client: print(text_of(client.call("record.set", params)))
        case ["watch", topic]:
            return lambda client: watch(client, topic, count)
        case ["graph", "order"]:
            return lambda client: print(*client.call("graph.topo_order"), sep="\n")
    return None


def value_in(text: str) -> object:
    """A value that was given as JSON. Raises `AimxError`."""
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False)  # Python reads a NaN, which JSON has not.
    except ValueError as error:
        raise AimxError(f"{text} is no JSON, where text has quotes: {error}") from error
    return value


def text_of(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def list_records(client: AimxClient) -> None:
    records = client.records()
    if not records:
        print("no records: only those with a .remote() are seen", file=sys.stderr)
    for record in records:
        counts = [record.get(name) for name in ("produced_count", "dropped_count", "occupancy")]
        print(f"{record['record_key']:<20} {record['buffer_type']:<14} produced, dropped, held: {counts}")


def watch(client: AimxClient, topic: str, count: int | None) -> None:
    with contextlib.closing(client.watch(topic)) as events:
        for event in itertools.islice(events, count):
            print(event["seq"], event.get("topic", topic), text_of(event["data"]), flush=True)


if __name__ == "__main__":
    sys.exit(main())
