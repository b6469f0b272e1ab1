"""Makes the data that is backed up, and changes a little of it. The same seed gives the same bytes."""

import os
import random
import subprocess
from pathlib import Path

WORDS = [f"{word}{number}" for word in ("request", "answer", "error", "user", "page", "cache") for number in range(40)]


def text(source: random.Random, size: int) -> bytes:
    """Compressible, as logs and documents are."""
    line = " ".join(source.choices(WORDS, k=300)).encode() + b"\n"
    return (line * (size // len(line) + 1))[:size]


def small_files(folder: Path, count: int) -> None:
    """Half a kilobyte to eight, a hundred to a folder, every other one compressible."""
    source = random.Random(1)
    for number in range(count):
        place = folder / f"{number // 100:04}"
        place.mkdir(parents=True, exist_ok=True)
        size = source.randint(512, 8192)
        content = text(source, size) if number % 2 else source.randbytes(size)
        (place / f"file-{number:06}").write_bytes(content)


def mixed_files(folder: Path, size: int) -> None:
    """A third in large random files, a third in logs, a third in files of 50 kB."""
    source = random.Random(2)
    third = size // 3
    groups = (("large", max(1, third // 4), source.randbytes), ("logs", max(1, third // 200), None),
              ("photos", 50_000, source.randbytes))
    for name, each, make in groups:
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for number in range(max(1, third // each)):
            content = make(each) if make else text(source, each)
            (place / f"{number:05}").write_bytes(content)


def one_large_file(path: Path, size: int) -> None:
    source = random.Random(3)
    with path.open("wb") as out:
        for _ in range(max(1, size >> 20)):
            out.write(source.randbytes(1 << 20))


def many_names(folder: Path, count: int) -> None:
    """Empty files, a thousand to a folder."""
    for number in range(count):
        place = folder / f"{number // 1000:04}"
        if number % 1000 == 0:
            place.mkdir(parents=True, exist_ok=True)
        os.close(os.open(place / f"name-{number:07}", os.O_CREAT | os.O_WRONLY, 0o644))


def change(folder: Path, round_number: int) -> None:
    """Writes one file in a hundred anew and adds one."""
    source = random.Random(1000 + round_number)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files[round_number % 100 :: 100]:
        path.write_bytes(source.randbytes(min(path.stat().st_size, 1 << 20)))
    (folder / f"new-{round_number}").write_bytes(source.randbytes(4096))


class PostgreSQL:
    """A private cluster on a Unix socket in the scratch folder, filled by pgbench."""

    DATABASE = "bench"

    def __init__(self, folder: Path, scale: int) -> None:
        candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        if not candidates:
            raise SystemExit("PostgreSQL's server is not installed: apt-get install postgresql")
        self.programs = candidates[-1]
        self.folder = folder
        self.user = "postgres" if os.geteuid() == 0 else None
        folder.mkdir()
        if self.user:
            subprocess.run(["chown", self.user, folder], check=True)
        self._run("initdb", "-D", folder / "data", "-U", "postgres", "--auth=trust", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}'"
        self._run("pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w", "-o", options, "start")
        self._run("createdb", "-h", folder, "-U", "postgres", self.DATABASE)
        self._run("pgbench", "-h", folder, "-U", "postgres", "-i", "-q", "-s", scale, self.DATABASE)

    def change(self) -> None:
        self._run(
            "psql", "-h", self.folder, "-U", "postgres", "-d", self.DATABASE, "-c",
            "update pgbench_accounts set abalance = abalance + 1 where aid % 100 = 0")

    def size(self) -> int:
        query = f"select pg_database_size('{self.DATABASE}')"
        return int(self._run("psql", "-h", self.folder, "-U", "postgres", "-d", self.DATABASE, "-XAtc", query))

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "fast", "-w", "stop")

    def environment(self) -> dict[str, str]:
        return {"PGHOST": str(self.folder), "PGUSER": "postgres"}

    def _run(self, program: str, *arguments: object) -> str:
        words = [str(self.programs / program), *map(str, arguments)]
        done = subprocess.run(
            words, user=self.user, cwd="/", text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        if done.returncode:
            raise SystemExit(f"{program} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout
