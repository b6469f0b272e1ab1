"""Runs one program and tells how long it took, how long its tools ran meanwhile, and what it cost itself."""

import mmap
import os
import shutil
import struct
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
NOTE = struct.Struct("qqq40s")
WATCHED = ("restic", "pg_dump", "pg_dumpall", "psql", "sqlite3", "cat")


@dataclass
class Measured:
    wall: float
    #: Wall less the time in which at least one tool ran.
    own: float
    #: CPU seconds of the program itself, without its children.
    own_cpu: float
    #: Peak memory of the program itself, in bytes; 0 when it ended before anyone could look.
    peak: int
    starts: dict[str, int] = field(default_factory=dict)
    longest: dict[str, float] = field(default_factory=dict)
    #: CPU seconds of the program and everything it started.
    tree_cpu: float = 0.0
    #: What it printed.
    output: str = ""


class ToolWatch:
    """A folder of stand-ins that log the beginning and end of every tool."""

    def __init__(self, folder: Path, restic: str) -> None:
        self.bin, self.log = folder / "bin", folder / "log"
        for place in (self.bin, folder / "real"):
            place.mkdir(parents=True)
        subprocess.run(["cc", "-O2", "-Wall", "-o", folder / "toolwatch", HERE / "toolwatch.c"], check=True)
        for name in WATCHED:
            real = restic if name == "restic" else shutil.which(name)
            if real:
                (folder / "real" / name).symlink_to(Path(real).resolve())
                (self.bin / name).symlink_to(folder / "toolwatch")

    def clear(self) -> None:
        self.log.write_bytes(bytes(8 + NOTE.size * 10_000))

    def read(self) -> list[tuple[str, int, int]]:
        with self.log.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            count = struct.unpack_from("q", data)[0]
            notes = [NOTE.unpack_from(data, 8 + index * NOTE.size) for index in range(count)]
        return [(name.rstrip(b"\0").decode(), began, ended) for began, ended, _, name in notes]


def drop_caches() -> None:
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3")


def run(words: list, watch: ToolWatch, environment: dict[str, str], cold: bool = False) -> Measured:
    """Ends the benchmark when the program fails: a figure of a failed run is worth nothing."""
    watch.clear()
    if cold:
        drop_caches()
    environment = {**environment, "PATH": f"{watch.bin}:{os.environ['PATH']}"}
    with tempfile.TemporaryFile() as output:
        began = time.monotonic_ns()
        process = subprocess.Popen(
            [str(word) for word in words], env=environment, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT)
        sampler = Sampler(process.pid)
        sampler.start()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        ended = time.monotonic_ns()
        sampler.finish()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode(errors="replace")
        if process.returncode:
            raise SystemExit(f"{' '.join(map(str, words))} ended with {process.returncode}:\n{said[-4000:]}")
    notes = watch.read()
    starts: dict[str, int] = {}
    longest: dict[str, float] = {}
    for name, tool_began, tool_ended in notes:
        starts[name] = starts.get(name, 0) + 1
        longest[name] = max(longest.get(name, 0), (tool_ended - tool_began) / 1e9)
    wall = (ended - began) / 1e9
    return Measured(
        wall, wall - covered(notes), sampler.cpu, sampler.peak, starts, longest, usage.ru_utime + usage.ru_stime, said)


def covered(notes: list[tuple[str, int, int]]) -> float:
    """Seconds in which at least one tool ran. A psql does not count, for it may be held open and idle: what it really
    does is then put down to the program itself."""
    total, reached = 0, 0
    for name, began, ended in sorted(notes, key=lambda note: note[1]):
        if name != "psql":
            total += max(0, ended - max(began, reached))
            reached = max(reached, ended)
    return total / 1e9


class Sampler(threading.Thread):
    """Looks at /proc while the program runs. `time -v` would not do: what it calls the peak is the largest of the program
    and all its children, and here the children are restic."""

    TICK = os.sysconf("SC_CLK_TCK")

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.folder, self.peak, self.cpu = Path(f"/proc/{pid}"), 0, 0.0
        self.ended = threading.Event()

    def run(self) -> None:
        self.look()
        while not self.ended.wait(0.01):
            self.look()

    def look(self) -> None:
        for line in (self.folder / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                self.peak = max(self.peak, int(line.split()[1]) * 1024)

    def finish(self) -> None:
        """To be called while the program is a zombie, which still knows its CPU time."""
        self.ended.set()
        self.join()
        fields = (self.folder / "stat").read_text().rsplit(")", 1)[1].split()
        self.cpu = (int(fields[11]) + int(fields[12])) / self.TICK
