"""How long the command takes to answer, and what `import saddle` adds.

    python bench/startup.py

Prints seconds (the limits are in seconds: 0.3 for the help, torch's own import + 0.2 for the library) and the ratio to
a bare interpreter, as medians over interleaved runs.
"""

import subprocess
import sys
from statistics import median
from time import perf_counter

RUNS = 7
COMMANDS = {
    "bare interpreter": "pass",
    "saddle --help": "from saddle.app.cli import main; main(['--help'])",
    "saddle list recipes": "from saddle.app.cli import main; main(['list', 'recipes', '--json'])",
    "import saddle": "import saddle",
    "import torch": "import torch",
    "import saddle and use it": "import saddle; saddle.play",
}


def seconds(code: str) -> float:
    """Wall time of a new interpreter that runs this."""
    start = perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - start


def main() -> None:
    """Measure in turn and print."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, code in COMMANDS.items():
            times[name].append(seconds(code))
    bare = median(times["bare interpreter"])
    for name, found in times.items():
        print(f"{name:<26} median {median(found):.3f} s, minimum {min(found):.3f} s, {median(found) / bare:.1f}x bare")


if __name__ == "__main__":
    main()
