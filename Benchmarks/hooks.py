"""What hooks cost: the time that the orchestrator adds for each, and how long a service is down around its source."""

import datetime
import json
import os
import shutil
import subprocess
import time
import uuid
from pathlib import Path
from statistics import median

HOOKS = 20
#: How long the dump takes for which the container is stopped.
DUMP = 2.0


def hooked(bench, name: str, sources: dict, hooks: list) -> Path:
    path = bench.profile(name, sources)
    profile = json.loads(path.read_text())
    profile["hooks"] = hooks
    path.write_text(json.dumps(profile))
    return path


def hooks(bench) -> None:
    """From the beginning of the first of 20 hooks of `true` to that of the last, by the run's own record, less the same in a
    shell. Whole runs with and without hooks differ by less than they vary."""
    folder = bench.scratch / "hooked"
    folder.mkdir()
    (folder / "note").write_text("hello\n")
    sources = {"folder": {"files": str(folder)}}
    profile = hooked(bench, "with-hooks", sources, [{"on": "run.before", "run": ["/bin/true"]}] * HOOKS)
    shell = f"i=0; while [ $i -lt {HOOKS} ]; do /bin/true; i=$((i+1)); done"
    found: dict[str, list[float]] = {"with": [], "true": []}
    for _ in range(max(5, bench.repeats * 2)):
        bench.run([bench.holdfast, "backup", "-p", profile])
        begun = [
            datetime.datetime.fromisoformat(hook["started"].replace("Z", "+00:00")).timestamp()
            for hook in shown(bench, profile)["hooks"]]
        found["with"].append((begun[-1] - begun[0]) / (HOOKS - 1))
        started = time.monotonic()
        subprocess.run(["sh", "-c", shell], check=True)
        found["true"].append((time.monotonic() - started) / HOOKS)
        for side in found:
            bench.report.raw("hooks", side, "one", found[side][-1])
    each, bare = (median(found[side]) * 1000 for side in ("with", "true"))
    bench.report.row(
        "hooks", f"one of {HOOKS} hooks of `true`", f"{each:.2f} ms", f"`true` itself {bare:.2f} ms",
        ("5 ms beyond the process", each - bare < 5))


def shown(bench, profile: Path) -> dict:
    """The record of the newest run."""
    return json.loads(subprocess.run(
        [bench.holdfast, "show", "--json", "-p", profile], env={**os.environ, **bench.environment}, check=True,
        stdout=subprocess.PIPE, text=True).stdout)


def container(name: str, key: str) -> float:
    """A time of a container's state, in seconds since 1970."""
    text = subprocess.run(
        ["podman", "container", "inspect", "--format", "{{json .State." + key + "}}", name], check=True,
        stdout=subprocess.PIPE, text=True).stdout.strip().strip('"')
    whole, _, rest = text.partition(".")
    digits = "".join(character for character in rest if character.isdigit())[:6].ljust(6, "0")
    zone = text[-6:] if text[-6] in "+-" else "+00:00"
    return datetime.datetime.fromisoformat(f"{whole[:19]}.{digits}{zone}").timestamp()


def downtime(bench) -> None:
    """From the end of a container to its next start, with a dump of a known time between."""
    if not shutil.which("podman"):
        bench.report.row("downtime", "not measured", "podman is not installed", "", None)
        return
    # That of the tests: what runs in it does not matter.
    image = "localhost/holdfast-test-postgres:2"
    subprocess.run([Path(__file__).resolve().parent.parent / "scripts" / "postgres-image", image], check=True)
    name = "holdfast-bench-" + uuid.uuid4().hex[:8]
    options = ["--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096", "--stop-signal", "KILL"]
    runtime = ["--runtime", "runc"] if Path("/usr/sbin/runc").exists() else []
    subprocess.run(
        ["podman", *runtime, "run", *options, "--detach", "--name", name, image, "sleep", "100000"],
        check=True, stdout=subprocess.DEVNULL)
    try:
        dump = ["sh", "-c", f"sleep {DUMP}; echo dumped"]
        profile = hooked(
            bench, "downtime", {"dump": {"command": {"run": dump}}},
            [{"use": "container", "around": ["dump"], "with": {"name": name, "engine": "podman", "grace": 0}}])
        plugins = {"HOLDFAST_HOOKS_DIR": str(Path(__file__).resolve().parent.parent / "hooks")}
        found: dict[str, list[float]] = {"holdfast": [], "shell": [], "capture": []}
        for _ in range(max(3, bench.repeats)):
            bench.run([bench.holdfast, "backup", "-p", profile], plugins)
            found["holdfast"].append(container(name, "StartedAt") - container(name, "FinishedAt"))
            found["capture"] += [
                step["seconds"] for step in shown(bench, profile)["steps"] if step["step"] == "capture"]
            text = f"podman stop -t 0 {name} && sh -c 'sleep {DUMP}; echo dumped' && podman start {name}"
            subprocess.run(["sh", "-c", text], check=True, stdout=subprocess.DEVNULL)
            found["shell"].append(container(name, "StartedAt") - container(name, "FinishedAt"))
        for side, all_of_it in found.items():
            for value in all_of_it:
                bench.report.raw("downtime", side, "seconds", value)
        times = {side: median(all_of_it) for side, all_of_it in found.items()}
        beyond = times["holdfast"] - times["capture"]
        plain = times["shell"] - DUMP
        bench.report.row(
            "downtime", "down beyond the capture", f"{beyond:.2f} s",
            f"the capture takes {times['capture']:.2f} s; a shell's stop and start cost {plain:.2f} s",
            ("0.2 s beyond the dump", beyond <= 0.2))
        bench.report.row("downtime", "more than stop and start cost", f"{beyond - plain:.2f} s", "", None)
    finally:
        subprocess.run(["podman", "rm", "--force", "--time", "0", name], stdout=subprocess.DEVNULL)


ALL = {"hooks": hooks, "downtime": downtime}
