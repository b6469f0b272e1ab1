"""What is measured. Each case adds rows: a figure of Holdfast's, beside the plain tool's where there is one."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from statistics import median

import data
import hooks
import restores
from measure import HERE, Measured, ToolWatch, run
from report import Report


class Bench:
    """The scratch folder, the programs, and how often everything is done."""

    def __init__(self, options, scratch: Path, report: Report) -> None:
        self.holdfast, self.restic = options.holdfast, options.restic
        self.repeats, self.quick, self.cold = options.repeats, options.quick, options.cold
        self.scratch, self.report = scratch, report
        self.watch = ToolWatch(scratch / "watch", self.restic)
        self.password = scratch / "password"
        self.password.write_text("benchmark\n")
        self.password.chmod(0o600)
        self.environment = {
            "HOME": str(scratch), "LANG": "C.UTF-8", "TMPDIR": str(scratch),
            "HOLDFAST_STATE_DIR": str(scratch / "state"), "RESTIC_CACHE_DIR": str(scratch / "plain-cache"),
        }

    def sized(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def profile(self, name: str, sources: dict) -> Path:
        """A profile in JSON, which is YAML, with a repository of its own."""
        path = self.scratch / f"{name}.json"
        path.write_text(json.dumps({
            "profile": name, "host": "bench", "cache": str(self.scratch / "cache"), "sources": sources,
            "repositories": {"local": {"restic": str(self.repository(name)), "password": f"file:{self.password}"}},
        }, indent=2))
        return path

    def repository(self, name: str) -> Path:
        return self.scratch / f"repository-{name}"

    def run(self, words: list, environment: dict[str, str] = {}) -> Measured:
        return run(words, self.watch, {**self.environment, **environment}, self.cold)

    def forget(self, *names: str) -> None:
        """As if nothing had ever been backed up under these names."""
        for name in names:
            shutil.rmtree(self.repository(name), ignore_errors=True)
        for folder in ("state", "cache", "plain-cache"):
            shutil.rmtree(self.scratch / folder, ignore_errors=True)


def startup(bench: Bench) -> None:
    """`--version` and nothing else, by hyperfine."""
    commands = {
        "holdfast --version": [bench.holdfast, "--version"], "bash -c true": ["bash", "-c", "true"],
        "restic version": [bench.restic, "version"], "borgmatic --version": ["borgmatic", "--version"],
    }
    present = {name: words for name, words in commands.items() if shutil.which(words[0])}
    output = bench.scratch / "startup.json"
    subprocess.run(
        ["hyperfine", "--shell=none", "--warmup=3", f"--runs={bench.sized(50, 10)}", f"--export-json={output}",
         *(" ".join(words) for words in present.values())],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    times = {}
    for name, result in zip(present, json.loads(output.read_text())["results"]):
        times[name] = result["median"]
        for seconds in result["times"]:
            bench.report.raw("startup", name, "wall", seconds)
    restic = times["restic version"]
    for name, seconds in times.items():
        bench.report.row(
            "startup", name, f"{seconds * 1000:.1f} ms", f"{seconds / restic:.2f} × restic's",
            ("under 0.6", seconds / restic < 0.6) if name.startswith("holdfast") else None)


def small_files(bench: Bench) -> None:
    """(a) Many small files."""
    folder = bench.scratch / "small"
    data.small_files(folder, bench.sized(20_000, 500))
    whole_backup(bench, "small-files", folder)


def mixed_files(bench: Bench) -> None:
    """(b) A mixture of large and small ones."""
    folder = bench.scratch / "mixed"
    data.mixed_files(folder, bench.sized(1 << 30, 16 << 20))
    whole_backup(bench, "mixed-files", folder)


def database(bench: Bench) -> None:
    """(c) A PostgreSQL database and a folder; Holdfast takes them side by side, the script one after the other."""
    folder = bench.scratch / "beside"
    data.mixed_files(folder, bench.sized(256 << 20, 4 << 20))
    server = data.PostgreSQL(bench.scratch / "pg", bench.sized(33, 1))
    try:
        bench.report.row("database", "its size", f"{server.size() / 2**20:.0f} MiB", "", None)
        whole_backup(bench, "database", folder, server)
    finally:
        server.stop()


def whole_backup(bench: Bench, case: str, folder: Path, server: data.PostgreSQL | None = None) -> None:
    """First and repeat, against the plain script, taking turns in going first."""
    sources: dict = {"folder": {"files": {"paths": [str(folder)]}}}
    plain = [HERE / "plain-backup", bench.repository(f"{case}-plain"), bench.password, folder]
    environment = server.environment() if server else {}
    if server:
        sources["db"] = {"postgres": {"database": server.DATABASE, "user": "postgres", "host": str(server.folder)}}
        plain.append(server.DATABASE)
    sides = {
        "holdfast": [bench.holdfast, "backup", "-p", bench.profile(case, sources)],
        "plain": plain,
    }
    found: dict[tuple[str, str], list[Measured]] = {}
    for number in range(bench.repeats):
        bench.forget(case, f"{case}-plain")
        for turn in ("first", "repeat"):
            if turn == "repeat":
                data.change(folder, number)
                if server:
                    server.change()
            for side in sorted(sides, reverse=number % 2 == 1):
                measured = bench.run(sides[side], environment)
                found.setdefault((side, turn), []).append(measured)
                bench.report.measured(f"{case} {turn}", side, measured)
    parts = 3 if server else 1
    for turn in ("first", "repeat"):
        ours, theirs = found["holdfast", turn], found["plain", turn]
        wall, other = (median(one.wall for one in side) for side in (ours, theirs))
        bench.report.row(f"{case} {turn}", "wall", f"{wall:.2f} s", f"{wall / other:.2f} × the script's {other:.2f} s", None)
        if not server:
            own = median(one.own / one.wall for one in ours)
            script = median(one.own / one.wall for one in theirs)
            bench.report.row(
                f"{case} {turn}", "own time", f"{median(one.own for one in ours):.3f} s, {own:.1%} of wall",
                f"the script's: {script:.1%}", ("within 3 %", own <= 0.03))
        starts = max(one.starts.get("restic", 0) for one in ours)
        script_starts = max(one.starts.get("restic", 0) for one in theirs)
        goal = (f"parts + 1 = {parts + 1}", starts <= parts + 1) if turn == "repeat" else None
        bench.report.row(f"{case} {turn}", "restic starts", str(starts), f"the script's: {script_starts}", goal)
        memory(bench, f"{case} {turn}", ours)


def memory(bench: Bench, case: str, runs: list[Measured]) -> None:
    peak = max(one.peak for one in runs)
    if not peak:
        bench.report.row(case, "own peak memory", "over too soon to tell", "", None)
        return
    bench.report.row(case, "own peak memory", f"{peak / 2**20:.1f} MiB", "", ("under 40 MB", peak < 40e6))


def pipe(bench: Bench) -> None:
    """The supervised pipe beside a shell's. What is compared is how long the restic at its end ran: everything around it,
    such as the manifest, is in the other cases."""
    size = bench.sized(1 << 30, 32 << 20)
    path = bench.scratch / "dump"
    profile = bench.profile("pipe", {"dump": {"command": {"run": ["cat", str(path)], "name": "dump"}}})
    repository = bench.repository("pipe-plain")
    shell = f'set -euo pipefail; cat "{path}" | restic backup --stdin --stdin-filename dump'
    plain_environment = {"RESTIC_REPOSITORY": str(repository), "RESTIC_PASSWORD_FILE": str(bench.password)}
    ours, theirs = [], []
    for number in range(bench.repeats):
        bench.forget("pipe", "pipe-plain")
        # Both repositories exist before: creating one would take longer than a short stream.
        path.write_text("a line\n")
        bench.run([bench.holdfast, "backup", "-p", profile])
        bench.run(["restic", "init", "--quiet"], plain_environment)
        data.one_large_file(path, size)

        def supervised() -> None:
            ours.append(bench.run([bench.holdfast, "backup", "-p", profile]))
            bench.report.measured("pipe", "holdfast", ours[-1])

        def by_shell() -> None:
            theirs.append(bench.run(["bash", "-c", shell], plain_environment))
            bench.report.measured("pipe", "shell", theirs[-1])

        for one in (supervised, by_shell) if number % 2 == 0 else (by_shell, supervised):
            one()
    path.unlink()
    time, other = (median(one.longest["restic"] for one in side) for side in (ours, theirs))
    bench.report.row(
        "pipe", f"{size >> 20} MiB into restic", f"{size / time / 2**20:.0f} MiB/s",
        f"{time / other:.3f} × the shell's time", ("no slower (5 % of noise)", time / other <= 1.05))
    cpu = median(one.own_cpu for one in ours)
    bench.report.row(
        "pipe", "own CPU", f"{cpu:.2f} s", f"{cpu / time:.1%} of the stream's time", ("none (1 %)", cpu / time <= 0.01))
    memory(bench, "pipe", ours)


def scrub(bench: Bench) -> None:
    """Hashing a repository's files, on one core and on all, beside sha256sum on one core. Warm, so that it is hashing
    that is measured and not the disk."""
    folder = bench.scratch / "scrubbed"
    data.mixed_files(folder, bench.sized(2 << 30, 32 << 20))
    profile = bench.profile("scrub", {"folder": {"files": {"paths": [str(folder)]}}})
    bench.forget("scrub")
    bench.run([bench.holdfast, "backup", "-p", profile])
    shutil.rmtree(folder)
    stored = bench.repository("scrub") / "data"
    size = sum(path.stat().st_size for path in stored.rglob("*") if path.is_file())
    cores = len(os.sched_getaffinity(0))
    verify = [bench.holdfast, "backup", "verify", "--scrub", "-p", profile]
    sums = f'find "{stored}" -type f -print0 | xargs -0 sha256sum > /dev/null'
    sides = {
        "sha256sum, one core": ["taskset", "-c", "0", "bash", "-c", sums],
        "scrub, one core": ["taskset", "-c", "0", *verify], f"scrub, {cores} cores": verify,
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(bench.repeats):
        for name, words in sides.items():
            measured = bench.run(words)
            times[name].append(measured.own)
            bench.report.measured("scrub", name, measured)
    medians = {name: median(values) for name, values in times.items()}
    base = medians["sha256sum, one core"]
    one, every = medians["scrub, one core"], medians[f"scrub, {cores} cores"]
    for name, seconds in medians.items():
        goal = None
        if name == "scrub, one core":
            goal = ("at least 4 × a core", base / one >= 4)
        elif name.startswith("scrub"):
            goal = ("scales over cores (70 % of each)", one / every >= 0.7 * cores)
        bench.report.row(
            "scrub", name, f"{size / seconds / 2**20:.0f} MiB/s", f"{base / seconds:.1f} × sha256sum", goal)


def listing(bench: Bench) -> None:
    """Listing a restore point with very many names."""
    count = bench.sized(300_000, 3_000)
    folder = bench.scratch / "names"
    data.many_names(folder, count)
    profile = bench.profile("names", {"folder": {"files": {"paths": [str(folder)]}}})
    bench.forget("names")
    bench.run([bench.holdfast, "backup", "-p", profile])
    runs = []
    for _ in range(bench.repeats):
        runs.append(bench.run([bench.holdfast, "ls", "latest", "-p", profile]))
        bench.report.measured("listing", "holdfast", runs[-1])
    shutil.rmtree(folder)
    cpu = median(one.own_cpu for one in runs)
    bench.report.row("listing", f"own CPU, {count} entries", f"{cpu:.2f} s", "", ("within 0.3 s", cpu <= 0.3))
    memory(bench, "listing", runs)


def snapshots(bench: Bench) -> None:
    """Listing the restore points of a repository with very many snapshots, read anew every time. restic doubles them: each
    `rewrite` adds one of another host for every one that is there."""
    folder = bench.scratch / "little"
    data.small_files(folder, 10)
    profile = bench.profile("snapshots", {"folder": {"files": {"paths": [str(folder)]}}})
    bench.forget("snapshots")
    for number in range(5):
        data.change(folder, number)
        bench.run([bench.holdfast, "backup", "-p", profile])
    plain = {"RESTIC_REPOSITORY": str(bench.repository("snapshots")), "RESTIC_PASSWORD_FILE": str(bench.password)}
    for doubling in range(bench.sized(9, 2)):
        bench.run(["restic", "rewrite", "--quiet", "--new-host", f"other-{doubling}"], plain)
    count = sum(1 for _ in (bench.repository("snapshots") / "snapshots").iterdir())
    runs, theirs = [], []
    for _ in range(bench.repeats):
        shutil.rmtree(bench.scratch / "state")
        runs.append(bench.run([bench.holdfast, "backup", "list", "--json", "-p", profile]))
        bench.report.measured("snapshots", "holdfast", runs[-1])
        theirs.append(bench.run(["restic", "snapshots", "--json"], plain))
        bench.report.measured("snapshots", "restic", theirs[-1])
    wall, other = (median(one.wall for one in side) for side in (runs, theirs))
    bench.report.row("snapshots", f"list of {count}", f"{wall:.2f} s", f"{wall / other:.2f} × restic's {other:.2f} s", None)
    memory(bench, "snapshots", runs)


def offsite(bench: Bench) -> None:
    """A repository of 1 GiB sent to S3, first and after a change of a hundredth, by each of the ways that there are. The server
    is that of the tests: it checks signatures and digests, and costs all of them the same."""
    folder = bench.scratch / "sent"
    data.equal_files(folder, bench.sized(2_000, 40), 512 << 10)
    server = data.S3(bench.scratch / "s3")
    try:
        send(bench, folder, server)
    finally:
        server.stop()
        shutil.rmtree(folder)


def send(bench: Bench, folder: Path, server: data.S3) -> None:
    environment = {**server.environment, "RESTIC_PASSWORD_FILE": str(bench.password),
                   "RESTIC_FROM_PASSWORD_FILE": str(bench.password)}
    profile = bench.profile("offsite", {"folder": {"files": {"paths": [str(folder)]}}})
    local = bench.repository("offsite")
    found: dict[tuple[str, str], list[tuple[float, float, int, int]]] = {}
    peaks = []
    for number in range(bench.repeats):
        bench.forget("offsite")
        place = f"r{number}"
        text = json.loads(profile.read_text())
        text["repositories"]["offsite"] = {
            "restic": server.repository(f"{place}/mirror"), "password": f"file:{bench.password}", "follows": "local",
            "feed": "on-request", "access": "write-only",
            "environment": {name: f"env:{name}" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}}
        profile.write_text(json.dumps(text))
        back_up = [bench.holdfast, "backup", "--json", "-p", profile]
        bench.run(back_up, environment)
        copy, second = (server.repository(f"{place}/{name}") for name in ("copy", "second"))
        bench.run(["restic", "-r", copy, "init", "--quiet", "--from-repo", local, "--copy-chunker-params"], environment)
        bench.run(["restic", "-r", second, "init", "--quiet"], environment)
        sent: set[Path] = set()
        for turn in ("first", "repeat"):
            if turn == "repeat":
                data.change(folder, number)
                bench.run(back_up, environment)
            # What a backup costs that finds nothing new is taken off.
            plain = bench.run(back_up, environment)
            ways = {
                "restic copy": ["restic", "-r", copy, "copy", "--quiet", "--from-repo", local],
                "second restic backup": ["restic", "-r", second, "backup", "--quiet", folder],
                "rclone copy": ["rclone", "copy", "--transfers", "8", local, f"bench:{server.BUCKET}/{place}/rclone"],
            }
            if shutil.which("aws"):
                ways["aws s3 sync"] = [
                    "aws", "s3", "sync", "--only-show-errors", "--endpoint-url", server.endpoint, local,
                    f"s3://{server.BUCKET}/{place}/aws"]
            files = {path for path in local.rglob("*") if path.is_file()}
            ways["bare curl --parallel"] = [
                "curl", "--disable", "--parallel", "--parallel-max", "8", "--config",
                server.uploads(bench.scratch / "uploads", local, files - sent, f"{place}/curl")]
            sent |= files
            server.clear_log()
            fed = bench.run([*back_up, "--offsite"], environment)
            peaks.append(fed)
            step = data.feed_step(fed.output)
            requests, size = server.asked()
            found.setdefault(("mirror", turn), []).append((step, max(0.0, fed.tree_cpu - plain.tree_cpu), size, requests))
            for name, words in ways.items():
                server.clear_log()
                measured = bench.run(words, environment)
                requests, size = server.asked()
                found.setdefault((name, turn), []).append((measured.wall, measured.tree_cpu, size, requests))
    for (name, turn), runs in sorted(found.items(), key=lambda item: (item[0][1], item[0][0] != "mirror")):
        wall, cpu, size, requests = (median(run[index] for run in runs) for index in range(4))
        for run in runs:
            for what, value in zip(("wall", "tree_cpu", "bytes", "requests"), run):
                bench.report.raw(f"offsite {turn}", name, what, value)
        other = median(run[0] for run in found["restic copy", turn])
        bench.report.row(
            f"offsite {turn}", name, f"{wall:.2f} s, {cpu:.2f} s of CPU",
            f"{size / 2**20:.1f} MiB, {requests:.0f} requests, {wall / other:.2f} × restic copy's wall", None)
    for turn in ("first", "repeat"):
        wall, cpu = (median(run[index] for run in found["mirror", turn]) for index in range(2))
        copy_wall, copy_cpu = (median(run[index] for run in found["restic copy", turn]) for index in range(2))
        curl = median(run[0] for run in found["bare curl --parallel", turn])
        bench.report.row(
            f"offsite {turn}", "mirror beside restic copy", f"{wall / copy_wall:.2f} × wall, {cpu / copy_cpu:.2f} × CPU", "",
            ("a quarter of the wall, a tenth of the CPU", wall <= copy_wall / 4 and cpu <= copy_cpu / 10))
        bench.report.row(
            f"offsite {turn}", "mirror beside bare curl", f"{wall / curl:.2f} × wall", "", ("within 10 %", wall <= 1.1 * curl))
    peak = max(one.peak for one in peaks)
    bench.report.row("offsite", "own peak memory", f"{peak / 2**20:.1f} MiB", "", ("under 64 MB", peak < 64e6))


def kept_bytes(bench: Bench) -> None:
    """Forty days of backup, forget and prune: what is sent to a mirror for each byte that is kept, beside what restic's own
    settings for prune would have had sent. A day is a run; the last seven are kept."""
    days, kept = bench.sized(40, 6), 7
    folder = bench.scratch / "daily"
    mirror = bench.scratch / "mirror"
    data.mixed_files(folder, bench.sized(128 << 20, 4 << 20))
    profile = bench.profile("kept", {"folder": {"files": {"paths": [str(folder)]}}})
    text = json.loads(profile.read_text())
    text["repositories"]["mirror"] = {
        "restic": str(mirror), "password": f"file:{bench.password}", "follows": "local", "by": "mirror"}
    text["retention"] = {"last": kept}
    profile.write_text(json.dumps(text))
    bench.forget("kept", "kept-plain")
    plain = bench.repository("kept-plain")
    environment = {"RESTIC_REPOSITORY": str(plain), "RESTIC_PASSWORD_FILE": str(bench.password)}
    bench.run(["restic", "init", "--quiet"], environment)
    known: set[Path] = set()
    sent = 0
    for day in range(days):
        if day:
            data.change(folder, day)
            data.change(folder, 1000 + day)
        bench.run([bench.holdfast, "backup", "-p", profile])
        # As a mirror would: what is there when the run ends, and was not there before.
        bench.run(["restic", "backup", "--quiet", folder], environment)
        sent += new_bytes(plain, known)
        bench.run(["restic", "forget", "--quiet", "--keep-last", str(kept), "--prune"], environment)
        sent += new_bytes(plain, known)
    ours, ours_kept = (new_bytes(place, set()) for place in (mirror, bench.repository("kept")))
    theirs_kept = new_bytes(plain, set())
    shutil.rmtree(folder)
    shutil.rmtree(mirror)
    ratio = (ours / ours_kept) / (sent / theirs_kept)
    for what, value in (("sent", ours), ("kept", ours_kept)):
        bench.report.raw("kept-bytes", "holdfast", what, value)
    for what, value in (("sent", sent), ("kept", theirs_kept)):
        bench.report.raw("kept-bytes", "restic's own prune", what, value)
    bench.report.row(
        "kept-bytes", f"sent per kept byte, {days} days", f"{ours / ours_kept:.2f}",
        f"{sent / theirs_kept:.2f} with restic's own settings: {ratio:.2f} ×", ("half", ratio <= 0.5))
    bench.report.row(
        "kept-bytes", "sent in all", f"{ours / 2**20:.0f} MiB, of which {ours_kept / 2**20:.0f} MiB are kept here",
        f"{sent / 2**20:.0f} MiB, {theirs_kept / 2**20:.0f} MiB", None)


def archive(bench: Bench) -> None:
    """A gibibyte of mixed files as encrypted archives: beside the shell pipeline that it stands in for, with the same three
    places, and beside the bare pipe of the same programs, with one."""
    folder = bench.scratch / "archived"
    data.mixed_files(folder, bench.sized(1 << 30, 16 << 20))
    key = bench.scratch / "age-key"
    subprocess.run(["age-keygen", "-o", key], check=True, stderr=subprocess.DEVNULL)
    recipient = subprocess.run(["age-keygen", "-y", key], check=True, capture_output=True, text=True).stdout.strip()
    server = data.S3(bench.scratch / "s3-archives")
    try:
        beside_shell(bench, folder, recipient, server)
    finally:
        server.stop()
        shutil.rmtree(folder)


def beside_shell(bench: Bench, folder: Path, recipient: str, server: data.S3) -> None:
    age = {"encrypt": "age", "recipients": [recipient]}
    openssl = {"encrypt": "openssl", "compress": "gzip", "password": f"file:{bench.password}"}
    # The places are empty before, and the old script's are the same.
    shell = f"""set -euo pipefail; mkdir -p "$1/local" "$1/nas"
        tar czf "$1/plain.tar.gz" -C "{folder.parent}" "{folder.name}"
        openssl enc -aes-256-cbc -salt -pbkdf2 -pass "file:{bench.password}" -in "$1/plain.tar.gz" -out "$1/local/a.tar.gz.enc"
        rm "$1/plain.tar.gz"
        printf '{{"sha256":"%s"}}' "$(sha256sum "$1/local/a.tar.gz.enc" | cut -d' ' -f1)" > "$1/local/a.json"
        cp "$1/local/a.tar.gz.enc" "$1/local/a.json" "$1/nas/"
        for file in a.tar.gz.enc a.json; do
            aws --endpoint-url "{server.endpoint}" s3 cp --quiet "$1/local/$file" "s3://{server.BUCKET}/$2/$file"; done"""
    bare = f"""set -euo pipefail; mkdir -p "$1"
        tar cf - -C "{folder.parent}" "{folder.name}" | zstd -T0 -3 -q | age -r {recipient} -o "$1/a.tar.zst.age" """
    sides = {
        "zst.age, three places": ("archive-age", age, True), "gz.enc, three places": ("archive-enc", openssl, True),
        "zst.age, one place": ("archive-one", age, False), "old pipeline": (shell, None, True), "bare pipe": (bare, None, False),
    }
    found: dict[str, list[Measured]] = {}
    for number in range(bench.repeats):
        for side in sorted(sides, reverse=number % 2 == 1):
            what, keys, everywhere = sides[side]
            place = bench.scratch / f"archives-{number}"
            if keys is None:
                words = ["bash", "-c", what, "bash", place, f"shell-{number}"]
            else:
                bench.forget(what)
                words = [bench.holdfast, "backup", "-p", archive_profile(bench, what, folder, keys, everywhere, place, server)]
            measured = bench.run(words, server.environment)
            found.setdefault(side, []).append(measured)
            bench.report.measured("archive", side, measured)
            shutil.rmtree(place, ignore_errors=True)
    time = {side: median(one.wall for one in runs) for side, runs in found.items()}

    def row(ours: str, theirs: str, goal: str, most: float) -> None:
        ratio = time[ours] / time[theirs]
        bench.report.row(
            "archive", ours, f"{time[ours]:.1f} s", f"{theirs} {time[theirs]:.1f} s: {ratio:.2f} ×", (goal, ratio <= most))

    row("zst.age, three places", "old pipeline", "a fifth", 0.2)
    row("gz.enc, three places", "old pipeline", "parity", 1.0)
    row("zst.age, one place", "bare pipe", "5 % more", 1.05)
    extra = time["zst.age, three places"] - time["zst.age, one place"]
    bench.report.row("archive", "two more places", f"{extra:.1f} s", "", None)
    memory(bench, "archive", [one for side, runs in found.items() if sides[side][1] for one in runs])


def archive_profile(
    bench: Bench, name: str, folder: Path, keys: dict, everywhere: bool, place: Path, server: data.S3
) -> Path:
    path = bench.profile(name, {"folder": {"files": {"paths": [str(folder)]}}})
    profile = json.loads(path.read_text())
    profile["repositories"] = {"local": {"archive": str(place / "local"), **keys}}
    if everywhere:
        profile["repositories"]["nas"] = {"archive": str(place / "nas"), "follows": "local"}
        if "password" in keys:
            profile["repositories"]["nas"]["password"] = keys["password"]
        profile["repositories"]["s3"] = {
            "archive": f"s3:{server.endpoint}/{server.BUCKET}/{name}/{place.name}", "follows": "local",
            "access": "write-only",
            "environment": {key: f"env:{key}" for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}}
    path.write_text(json.dumps(profile))
    return path


def new_bytes(repository: Path, known: set[Path]) -> int:
    files = {path for path in repository.rglob("*") if path.is_file() and "locks" not in path.parts}
    size = sum(path.stat().st_size for path in files - known)
    known |= files
    return size


ALL = {case.__name__.replace("_", "-"): case
       for case in (startup, small_files, mixed_files, database, pipe, scrub, listing, snapshots, offsite, kept_bytes,
                    archive)}
ALL |= hooks.ALL | restores.ALL
