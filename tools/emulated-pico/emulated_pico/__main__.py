"""`python -m emulated_pico --pty`: an emulated board as a serial port, for mpremote and the like.

The path of the port is printed on stdout, and what one should know of it on stderr. The board runs until SIGINT or
SIGTERM.
"""

import argparse
import signal
import sys
from pathlib import Path

from emulated_pico.board import MODELS, Board
from emulated_pico.errors import BoardError
from emulated_pico.firmware import FirmwareError


def main() -> int:
    """Serve a board; return the exit status."""
    options = parse()
    # Blocked here, before there is a second thread, so that only `sigwait` below receives them.
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        filesystem = options.image.read_bytes() if options.image else None
        with Board(filesystem, options.board, paced=options.pace) as board:
            serve(board, options, signals)
            image = board.filesystem()
        if options.dump:
            options.dump.write_bytes(image)
    except (BoardError, FirmwareError, OSError, ValueError) as error:
        print(f"emulated_pico: {error}", file=sys.stderr)
        return 1
    return 0


def serve(board: Board, options: argparse.Namespace, signals: set[signal.Signals]) -> None:
    """Show the port, and wait for a signal."""
    path, link = board.serve_pty(), options.link
    if link:
        if link.is_symlink():
            link.unlink()
        elif link.exists():
            raise ValueError(f"--link {link}: there is something of that name, which is no link. Take another name.")
        elif not link.parent.is_dir():
            raise ValueError(f"--link {link}: there is no folder {link.parent}.")
        link.symlink_to(path)
    print(link or path, flush=True)
    flash = f"goes to {options.dump}" if options.dump else "is lost: --dump FILE keeps it, --image FILE begins with it"
    print(
        f"An emulated {options.board} is ready at this port, until Ctrl-C. Then its flash {flash}.",
        file=sys.stderr,
        flush=True,
    )
    try:
        signal.sigwait(signals)
    finally:
        if link:
            link.unlink(missing_ok=True)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m emulated_pico", description="Run an emulated Pico board.")
    parser.add_argument("--pty", action="store_true", required=True, help="serve it on a pseudo terminal")
    parser.add_argument("--board", choices=MODELS, default="pico_w")
    parser.add_argument("--image", type=Path, help="littlefs image that the flash starts with")
    parser.add_argument("--dump", type=Path, help="where to write the littlefs image at the end")
    parser.add_argument("--link", type=Path, help="symbolic link to make to the pseudo terminal")
    parser.add_argument(
        "--pace",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="hold emulated time back to the wall clock, as mpremote mount, a network and eyes need it (default: yes)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
