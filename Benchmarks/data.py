"""Makes the data that is backed up, and changes a little of it. The same seed gives the same bytes."""

import hashlib
import json
import os
import random
import subprocess
import time
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


def equal_files(folder: Path, count: int, size: int) -> None:
    """Random ones, a hundred to a folder."""
    source = random.Random(4)
    for number in range(count):
        place = folder / f"{number // 100:04}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"file-{number:05}").write_bytes(source.randbytes(size))


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


class S3:
    """The S3 server of the tests."""

    BUCKET = "bucket"

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.log = folder / "log"
        self.log.touch()
        port_file = folder / "port"
        program = Path(__file__).resolve().parent.parent / "Tests/Servers/s3-server"
        self.process = subprocess.Popen(
            ["python3", program, "--storage", folder / "storage", "--log", self.log, "--port-file", port_file],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        while not port_file.exists():
            if self.process.poll() is not None:
                raise SystemExit("the S3 server did not come up")
            time.sleep(0.05)
        self.endpoint = f"http://127.0.0.1:{port_file.read_text().strip()}"
        self.key, self.secret = "test-full", "secret-full"
        self.environment = {
            "AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_DEFAULT_REGION": "us-east-1",
            "RCLONE_CONFIG": "/dev/null", "RCLONE_CONFIG_BENCH_TYPE": "s3", "RCLONE_CONFIG_BENCH_PROVIDER": "Other",
            "RCLONE_CONFIG_BENCH_ACCESS_KEY_ID": self.key, "RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY": self.secret,
            "RCLONE_CONFIG_BENCH_ENDPOINT": self.endpoint, "RCLONE_CONFIG_BENCH_REGION": "us-east-1",
        }

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()

    def repository(self, path: str) -> str:
        return f"s3:{self.endpoint}/{self.BUCKET}/{path}"

    def clear_log(self) -> None:
        self.seen = self.log.stat().st_size

    def asked(self) -> tuple[int, int]:
        """Requests, and bytes that came in, since the log was cleared."""
        with self.log.open("rb") as log:
            log.seek(self.seen)
            lines = [json.loads(line) for line in log]
        return len(lines), sum(line["in"] for line in lines)

    def uploads(self, config: Path, repository: Path, files: set[Path], prefix: str) -> Path:
        """curl's configuration that puts these files."""
        blocks = []
        for path in sorted(files):
            name = path.relative_to(repository)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            blocks.append("\n".join((
                "silent", f'url = "{self.endpoint}/{self.BUCKET}/{prefix}/{name}"', f'upload-file = "{path}"',
                'aws-sigv4 = "aws:amz:us-east-1:s3"', f'user = "{self.key}:{self.secret}"', 'output = "/dev/null"',
                f'header = "x-amz-content-sha256: {digest}"', 'header = "Expect:"')))
        config.write_text("\nnext\n".join(blocks) + "\n")
        return config


def feed_step(output: str) -> float:
    """Seconds that feeding a follower took, by the record of a run."""
    for line in reversed(output.splitlines()):
        event = json.loads(line) if line.startswith("{") else {}
        if "record" in event:
            step = next(one for one in event["record"]["steps"] if one["step"] == "feed")
            return step["seconds"]
    raise SystemExit("no record of a run")
