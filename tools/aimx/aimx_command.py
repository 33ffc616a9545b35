"""A small command line for AimX 3.0, for machines without AimDB's own: it takes the same arguments.

python tools/aimx/aimx_command.py --connect tcp://HOST:PORT|tls://HOST:PORT|serial://DEVICE?baud=115200
                            record list | record get KEY | record set KEY JSON | watch PATTERN [-c COUNT] | graph order
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys

from aimx_connection import PATIENCE_SECONDS, AimxClient, AimxError, dial


def main(arguments: list[str] | None = None) -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connect", required=True)
    parser.add_argument("--token", help="what the other side asks for in its hello")
    parser.add_argument("--ca", help="file with the certificate that tls:// trusts")
    parser.add_argument("--timeout", type=float, default=PATIENCE_SECONDS, help="seconds for an answer (20)")
    parser.add_argument("command", nargs="+")
    parser.add_argument("-c", "--count", type=int)
    options = parser.parse_args(arguments)
    try:
        client = AimxClient(dial(options.connect, options.ca), options.timeout)
        client.hello("aimdb-micropython", options.token)
        match options.command:
            case ["record", "list"]:
                for record in client.records():
                    counts = [record.get(name) for name in ("produced_count", "dropped_count", "occupancy")]
                    print(f"{record['record_key']:<20} {record['buffer_type']:<14} produced, dropped, held: {counts}")
            case ["record", "get", key]:
                print(json.dumps(client.call("record.get", {"name": key}), ensure_ascii=False))
            case ["record", "set", key, value]:
                print(json.dumps(client.call("record.set", {"name": key, "value": json.loads(value)})))
            case ["watch", topic]:
                for event in itertools.islice(client.watch(topic), options.count):
                    data = json.dumps(event["data"], ensure_ascii=False)
                    print(event["seq"], event.get("topic", topic), data, flush=True)
            case ["graph", "order"]:
                print(*client.call("graph.topo_order"), sep="\n")
            case _:
                parser.error("no such command")
    except (AimxError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # So a watch ends.
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
