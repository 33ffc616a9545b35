"""How long, as it is given on a command line."""

from __future__ import annotations

import argparse
import math


def seconds(text: str) -> float:
    """An argument of `argparse`: a time that has a beginning and an end."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds, such as 10")
    return value
