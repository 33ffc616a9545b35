"""Records that live on an MQTT broker: links to and from its topics, and a buffer whose *done* is the broker's PUBACK.

MQTT 3.1.1, QoS 0 and 1. `Record.link_to` and `Record.link_from` find this package by the scheme of the URL:

    db.configure("temperature", SpmcRing(16)).source(read).link_to("mqtt://broker.local/node7/temperature")
    db.configure("interval", SingleLatest()).link_from("mqtt://broker.local/node7/interval")

The public names are in `__init__.pyi`, for editors and people, and in `names.py`, for boards.
"""

import aimdb


def once(name: str):
    """Module `name` of this package, for a single use: it does not stay loaded."""
    return aimdb.once(name, "aimdb_mqtt")


def __getattr__(name):
    if name == "link_to" or name == "link_from":
        # The name is not kept, so that its module need not be.
        return getattr(__import__("aimdb_mqtt.links", None, None, (name,)), name)
    return aimdb.once("loading").load(globals(), once("names").MODULES, name)
