"""`make soak`: the seeded tests with ever more seeds on one core, seasons in the field on the others, for a given time.
Beside them, as it waits most of the time, a node with AimX and what peers and a hub do to it.

    make soak SOAK=10m        90s, 10m, 2h; a number alone is minutes. The default is an hour.

`SEASON_SEED` is the seed of the first season, and of AimX.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "soak"

SEASON = "tests/host/test_node_season.py"
AIMX = "tests/host/test_aimx_field.py"

# Most files that read SOAK from their environment run so many times as many seeds: they come again and again, with more
# of them. These know it only as yes or no, and take many minutes then: each comes once, if there is so much time left.
LONG = {
    "tests/test_threads.py": 4 * 60,
    "tests/host/test_tutorial.py": 3 * 60,
    "tests/host/test_testing_page.py": 4 * 60,
    "tests/host/test_node_board.py": 4 * 60,
    "tests/host/test_mip_install.py": 5 * 60,
    "tests/host/test_mqtt_board.py": 8 * 60,
    "tests/host/test_setup.py": 15 * 60,
    "tests/host/test_flash_on_board.py": 30 * 60,
}

GROWTH = 4  # From one round of the seeded tests to the next.

# What a season needs for starting an emulated board and for its harvest.
SHORTEST_SEASON = 240

# How long after its time a season may still wait for what it checks.
GRACE = 600

UNITS = {"s": 1, "m": 60, "": 60, "h": 3600}


def seeded() -> list[str]:
    """The test files that run more seeds with a larger SOAK."""
    files = sorted(ROOT.glob("tests/test_*.py")) + sorted(ROOT.glob("tests/host/test_*.py"))
    return [
        name
        for file in files
        if (name := str(file.relative_to(ROOT))) not in LONG
        and re.search(r"""environ.*"SOAK"|getenv.*"SOAK\"""", file.read_text())
    ]


def seconds_of(text: str) -> float:
    """Seconds that a time such as 90s, 10m, 2h or 10 (minutes) means. Raises ValueError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if not match or not float(match[1]):
        raise ValueError(f"SOAK is a time such as 90s, 10m or 2h, not {text!r}")
    return float(match[1]) * UNITS[match[2]]


class Soak:
    """All of it. Each core has a thread, which runs one test file after the other."""

    def __init__(self, seconds: float, seed: int, cores: int) -> None:
        self.began = time.monotonic()
        self.end = self.began + seconds
        self.seconds = seconds
        self.seed = seed
        self.cores = cores
        self.failures: list[str] = []
        self.passed = 0
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._lock = threading.Lock()
        LOGS.mkdir(parents=True, exist_ok=True)

    def say(self, text: str) -> None:
        with self._lock:
            print(f"{clock(time.monotonic() - self.began)} of {clock(self.seconds)}  {text}", flush=True)

    def left(self) -> float:
        return self.end - time.monotonic()

    def run(self) -> int:
        """The exit status."""
        seasons = self.cores - 1 if self.seconds >= SHORTEST_SEASON else 0
        until = time.strftime("%H:%M", time.localtime(time.time() + self.seconds))
        print(f"This takes {clock(self.seconds)}, until {until}, on {self.cores} cores; logs are in {LOGS}.")
        if not seasons:
            print(f"A season in the field needs {clock(SHORTEST_SEASON)} and is left out.")
        workers = [threading.Thread(target=self._tests)]
        workers += [
            threading.Thread(target=self._season, args=(SEASON, "SEASON", self.seed + i)) for i in range(seasons)
        ]
        if seasons:
            workers.append(threading.Thread(target=self._season, args=(AIMX, "AIMX", self.seed)))
        for worker in workers:
            worker.start()
        try:
            while any(worker.is_alive() for worker in workers):
                for _ in range(60):
                    time.sleep(0.5)
                    if not any(worker.is_alive() for worker in workers):
                        break
                else:
                    self.say("running: " + ", ".join(list(self._running) or ["nothing"]))
        except KeyboardInterrupt:
            self.end = 0
            for process in list(self._running.values()):
                stop(process)
        print(f"{self.passed} runs have passed, {len(self.failures)} have failed.")
        for failure in self.failures:
            print(f"  FAILED: {failure}")
        return int(bool(self.failures))

    def _season(self, file: str, name: str, seed: int) -> None:
        seconds = self.left()
        variables = {f"{name}_SEED": str(seed), f"{name}_SECONDS": str(int(seconds))}
        self._run(file, variables, seconds + GRACE, shown="AimX" if file == AIMX else "season")

    def _tests(self) -> None:
        factor = 1
        files = seeded()
        long = {file: seconds for file, seconds in LONG.items() if (ROOT / file).exists()}
        while self.left() > 0:
            for file in files:
                self._run(file, {"SOAK": str(factor)}, self.left())
            # The first that there is time for, and that leaves some to the others.
            for file, seconds in long.items():
                if seconds < self.left():
                    del long[file]
                    self._run(file, {"SOAK": "1"}, self.left())
                    break
            factor *= GROWTH

    def _run(self, file: str, variables: dict[str, str], limit: float, shown: str = "") -> None:
        # One test file. At its limit it is stopped, which is no failure. Lines with `shown` in them are shown.
        if limit < 5:
            return
        name = " ".join([*(f"{key}={value}" for key, value in variables.items()), file])
        log = LOGS / (re.sub(r"\W+", "-", name) + ".log")
        command = [sys.executable, "-m", "pytest", "-s", "-x", file]
        environment = {**os.environ, **variables}
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._running[name] = process
        timer = threading.Timer(limit, stop, (process,))
        timer.start()
        with log.open("w") as file_of_log:
            for line in process.stdout or ():
                file_of_log.write(line)
                file_of_log.flush()
                if shown and f"  {shown} " in line:
                    self.say(line.partition("  ")[2].rstrip())
        status = process.wait()
        timer.cancel()
        del self._running[name]
        took = time.monotonic() - began
        if status == 0:
            self.passed += 1
            self.say(f"passed in {took:.0f} s: {name}")
        elif took >= limit:
            self.say(f"stopped, as the time is over: {name}")
        elif self.end:
            self.failures.append(f"{name}\n    repeat it with: {repeat(file, variables)}\n    its output: {log}")
            self.say(f"FAILED after {took:.0f} s: {name}")


def repeat(file: str, variables: dict[str, str]) -> str:
    return " ".join([*(f"{key}={value}" for key, value in variables.items()), "make test", f"TESTS={file}"])


def stop(process: subprocess.Popen[str]) -> None:
    """It and what it has started."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
        return


def clock(seconds: float) -> str:
    """Such as 9:05 or 1:00:00."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def main() -> int:
    try:
        seconds = seconds_of(os.environ.pop("SOAK", "") or "60m")
    except ValueError as error:
        print(f"soak: {error}", file=sys.stderr)
        return 2
    seed = int(os.environ.get("SEASON_SEED") or random.randrange(10000))
    return Soak(seconds, seed, max(2, os.cpu_count() or 2)).run()


if __name__ == "__main__":
    sys.exit(main())
