"""What a restore and a search cost beside restic itself."""

import subprocess
from pathlib import Path
from statistics import median

import data

POINTS = 100


def restore_files(bench) -> None:
    """1 GiB in 20,000 files, beside `restic restore`. The restoring itself and what proves it are told apart: restic's own
    time is that of the one start that restores."""
    folder = bench.scratch / "many"
    count = bench.sized(20_000, 500)
    data.equal_files(folder, count, bench.sized(1 << 30, 16 << 20) // count)
    profile = bench.profile("restore-files", {"folder": {"files": {"paths": [str(folder)]}}})
    bench.forget("restore-files")
    bench.run([bench.holdfast, "backup", "-p", profile])
    into = bench.scratch / "restored"
    plain = ["restic", "--repo", bench.repository("restore-files"), "--password-file", bench.password,
             "restore", "latest", "--tag", "source:folder", "--target", into / "plain"]
    sides = {
        "holdfast": [bench.holdfast, "restore", "latest", "--to", into / "holdfast", "--yes", "-p", profile],
        "in place": [bench.holdfast, "restore", "latest", "--yes", "-p", profile],
        "restic": plain,
    }
    found = beside(bench, "restore-files", sides, lambda: clear(bench, into, profile))
    ours, theirs = found["holdfast"], median(one.wall for one in found["restic"])
    wall = median(one.wall for one in ours)
    longest = median(one.longest.get("restic", 0) for one in ours)
    other = median(one.longest.get("restic", 0) for one in found["restic"])
    bench.report.row("restore-files", "wall, proven", f"{wall:.2f} s", f"{wall / theirs:.2f} × restic's {theirs:.2f} s", None)
    bench.report.row(
        "restore-files", "the restoring itself", f"{longest:.2f} s", f"{longest / other:.2f} × restic's {other:.2f} s",
        ("within 5 %", longest <= other * 1.05))
    bench.report.row(
        "restore-files", "list, proof, settling", f"{wall - longest:.2f} s",
        f"own time {median(one.own for one in ours):.2f} s", None)
    place = median(one.wall for one in found["in place"])
    bench.report.row("restore-files", "into place", f"{place:.2f} s", f"{place / wall:.2f} × beside", None)


def restore_database(bench) -> None:
    """A 500 MB database into a new one, beside `restic dump | psql`."""
    server = data.PostgreSQL(bench.scratch / "pg-restore", bench.sized(33, 1))
    try:
        bench.report.row("restore-database", "its size", f"{server.size() / 2**20:.0f} MiB", "", None)
        sources = {"db": {"postgres": {"database": server.DATABASE, "user": "postgres", "host": str(server.folder),
                                       "globals": False}}}
        profile = bench.profile("restore-database", sources)
        bench.forget("restore-database")
        bench.run([bench.holdfast, "backup", "-p", profile], server.environment())
        into = bench.scratch / "restored-db"
        dump = f"/postgres/{server.DATABASE}.sql"
        shell = (
            f"set -o pipefail; createdb fresh_plain && restic --repo '{bench.repository('restore-database')}' "
            f"--password-file '{bench.password}' dump --tag source:db latest {dump} | "
            "psql -q -X -v ON_ERROR_STOP=1 -d fresh_plain >/dev/null")
        sides = {
            "holdfast": [bench.holdfast, "restore", "latest", "--only", "db", "--into", "db=fresh_ours", "--to", into,
                         "--yes", "-p", profile],
            "shell": ["bash", "-c", shell],
        }

        def drop() -> None:
            for name in ("fresh_ours", "fresh_plain"):
                server._run("psql", "-h", server.folder, "-U", "postgres", "-qc", f"drop database if exists {name}")

        found = beside(bench, "restore-database", sides, drop, server.environment())
        ours, theirs = (median(one.wall for one in found[side]) for side in ("holdfast", "shell"))
        bench.report.row(
            "restore-database", "wall, rows compared", f"{ours:.2f} s", f"{ours / theirs:.2f} × the shell's {theirs:.2f} s",
            ("within 5 %", ours <= theirs * 1.05))
    finally:
        server.stop()


def find(bench) -> None:
    """A name in 100 restore points, beside `restic find`."""
    folder = bench.scratch / "found"
    points = bench.sized(POINTS, 5)
    data.small_files(folder, bench.sized(2000, 100))
    profile = bench.profile("find", {"folder": {"files": {"paths": [str(folder)]}}})
    bench.forget("find")
    for number in range(points):
        (folder / "wanted.txt").write_text(f"{number // 10}\n")
        bench.run([bench.holdfast, "backup", "-p", profile])
    sides = {
        "holdfast": [bench.holdfast, "find", "wanted.txt", "-p", profile],
        "restic": ["restic", "--repo", bench.repository("find"), "--password-file", bench.password, "find", "--json",
                   "wanted.txt"],
    }
    found = beside(bench, "find", sides, lambda: None)
    ours, theirs = (median(one.wall for one in found[side]) for side in sides)
    bench.report.row(
        "find", f"a name in {points} restore points", f"{ours:.2f} s", f"{ours / theirs:.2f} × restic's {theirs:.2f} s", None)


def beside(bench, case: str, sides: dict, clear, environment: dict[str, str] = {}) -> dict[str, list]:
    found: dict[str, list] = {side: [] for side in sides}
    for number in range(bench.repeats):
        for side in sorted(sides, reverse=number % 2 == 1):
            clear()
            measured = bench.run(sides[side], environment)
            found[side].append(measured)
            bench.report.measured(case, side, measured)
    clear()
    return found


def clear(bench, folder: Path, profile: Path) -> None:
    subprocess.run(["rm", "-rf", folder], check=True)
    folder.mkdir()
    # What the last restore into place has put aside; nothing the first time.
    subprocess.run(
        [bench.holdfast, "restore", "--discard", "--yes", "-p", profile], env={**bench.environment, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


ALL = {"restore-files": restore_files, "restore-database": restore_database, "find": find}
