"""Keeps the figures: a table for people, every raw timing, and what they were taken with."""

import os
import platform
import re
import subprocess
from pathlib import Path

from measure import Measured


class Report:
    def __init__(self) -> None:
        self.rows: list[tuple[str, ...]] = []
        self.timings: list[tuple[str, str, str, float]] = []
        self.missed = 0

    def row(self, case: str, what: str, figure: str, beside: str, goal: tuple[str, bool] | None) -> None:
        verdict = ("" if goal is None else f"{goal[0]}: {'met' if goal[1] else '**missed**'}")
        self.missed += goal is not None and not goal[1]
        self.rows.append((case, what, figure, beside, verdict))
        print(f"  {case}: {what}: {figure}  {beside}  {verdict}", flush=True)

    def raw(self, case: str, side: str, what: str, value: float) -> None:
        self.timings.append((case, side, what, value))

    def measured(self, case: str, side: str, measured: Measured) -> None:
        for what in ("wall", "own", "own_cpu", "peak"):
            self.raw(case, side, what, getattr(measured, what))
        for name, count in measured.starts.items():
            self.raw(case, side, f"starts of {name}", count)

    @property
    def table(self) -> str:
        head = ("case", "what", "holdfast, or the one named", "beside", "goal")
        lines = ["| " + " | ".join(cells) + " |" for cells in (head, ("---",) * len(head), *self.rows)]
        return "\n".join(lines) + "\n"

    def write(self, folder: Path, title: str, facts: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        known = "".join(f"- {name}: {value}\n" for name, value in facts.items())
        (folder / "table.md").write_text(f"# {title}\n\n{known}\nMedians.\n\n{self.table}")
        (folder / "versions.tsv").write_text("".join(f"{name}\t{value}\n" for name, value in facts.items()))
        lines = [f"{case}\t{side}\t{what}\t{value:.6g}\n" for case, side, what, value in self.timings]
        (folder / "timings.tsv").write_text("case\tside\twhat\tvalue (seconds, bytes or a count)\n" + "".join(lines))


def first_line(*words: str) -> str:
    try:
        done = subprocess.run(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError:
        return "not installed"
    return (done.stdout.strip().splitlines() or ["says nothing"])[0]


def facts(options, scratch: Path) -> dict[str, str]:
    """What the figures were taken with. No names of machines, people or folders."""
    processor = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    return {
        "holdfast": first_line(options.holdfast, "--version"),
        "restic": first_line(options.restic, "version"),
        "borgmatic": first_line("borgmatic", "--version"),
        "bash": first_line("bash", "--version"),
        "pg_dump": first_line("pg_dump", "--version"),
        "sha256sum": first_line("sha256sum", "--version"),
        "hyperfine": first_line("hyperfine", "--version"),
        "kernel": platform.release(),
        "processor": f"{processor[1] if processor else platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "unknown",
        "file system": first_line("stat", "--file-system", "--format=%T", str(scratch)),
        "page cache": "dropped before each run" if options.cold else "warm",
        "repeats": str(options.repeats),
        "sizes": "quick: only to try the scripts" if options.quick else "full",
    }
