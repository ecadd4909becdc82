"""Wall time, peak memory and scores of ``samdomains run`` on a labelled data set.

python benchmarks/run_data_set.py microscopy path/to/nuclei --json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("domain")
    parser.add_argument("data", type=Path)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "samdomains.cli.main", "run", arguments.domain]
        command += [str(arguments.data), "--out", str(out)]
        for setting in arguments.settings:
            command += ["--set", setting]
        started = time.monotonic()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - started
        if status:
            sys.exit(f"the run failed with status {os.waitstatus_to_exitcode(status)}")
        metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    # Linux counts in KiB, macOS in bytes.
    gib = usage.ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
    print(f"{arguments.domain} {arguments.data.name}: {seconds:.0f} s, peak {gib:.2f} GiB")
    result: dict[str, object] = {"seconds": round(seconds, 1), "peak_gib": round(gib, 2)}
    for system, prompts in metrics["test"].items():
        for prompt, scores in prompts.items():
            dice, iou = scores["dice"]["mean"], scores["iou"]["mean"]
            print(f"{system:12} {prompt:8} Dice {dice:.3f} IoU {iou:.3f}")
            result[f"{system}/{prompt}"] = round(dice, 4)
    if arguments.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
