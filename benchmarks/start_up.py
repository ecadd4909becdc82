"""Start-up time of ``samdomains --help``, beside the interpreter's own.

python benchmarks/start_up.py --json
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

REPEATS = 15
COMMANDS = {
    "samdomains_help": ["-m", "samdomains.cli.main", "--help"],
    "samdomains_domains": ["-m", "samdomains.cli.main", "domains"],
    "bare_python": ["-c", "pass"],
}


def seconds(arguments: list[str]) -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(REPEATS):  # in turn, so that a change of the machine's speed meets all of them
        for name, arguments in COMMANDS.items():
            times[name].append(seconds(arguments))
    medians = {name: round(statistics.median(values), 3) for name, values in times.items()}
    for name, value in medians.items():
        print(f"{name:20} {value:.3f} s")
    if wanted.json:
        print(json.dumps(medians))


if __name__ == "__main__":
    main()
