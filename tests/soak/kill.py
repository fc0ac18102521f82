"""A daemon that is killed again and again while people go on dropping things; then it is let finish, and the books are checked.

Run ``python -m soak.kill --help`` in the folder of the tests. It needs a system with process groups.
"""

import random
import subprocess
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lts_batch.watch.status import read_status
from soak.daemons import Running, once, waited_for
from soak.drops import Drop, drop, make_root, plans, shuffled
from soak.figures import command, report, tell
from soak.ledger import faults

SOON_SECONDS = 4.0  # loading takes most of it, so that kills hit the start too
AIMS = {"start": 0.3, "work": 0.35, "end": 0.35}
ALONE_SHARE = 0.3
MOST_WAIT_SECONDS, IN_WORK_SECONDS, IN_END_SECONDS = 15.0, 0.3, 0.02
ORPHANS_SECONDS = 15.0  # after which nothing of a killed daemon may be alive
_LAST_WORDS = ("done", "failed", "cancelled", "waiting")


class Trial:
    """Kills over jobs.

    Args:
        place: an empty folder.
        words: more of the daemon's command line.
    """

    def __init__(self, place: Path, kills: int, jobs: int, seed: int, words: tuple[str, ...] = ()) -> None:
        self.rng, self.words, self.kills = random.Random(seed), words, kills
        self.root, self.outside, self.home = make_root(place / "wild")
        self.left = shuffled(self.rng, plans(jobs))
        self.drops: list[Drop] = []
        self.phases: Counter[str] = Counter()
        self.killed: list[Running] = []
        self.orphans = 0
        self.known: dict[Path, str] = {}

    def drop(self, most: int, *, at_rest: bool) -> None:
        """Some of what is left to drop; two jobs with a clip in common only while nobody watches."""
        for plan in [one for one in self.left if at_rest or one[0] != "shared"][:most]:
            self.left.remove(plan)
            self.drops.append(drop(plan, self.root, self.outside))

    def round(self, number: int) -> None:
        """Start, drop, kill."""
        due = -(-len(self.left) // (self.kills - number))
        self.drop(due // 2 if number % 2 else due, at_rest=True)
        self.known = self.counters()
        aim = self.rng.choices(list(AIMS), list(AIMS.values()))[0]
        alone = self.rng.random() < ALONE_SHARE
        running = Running(self.root, self.home, *self.words)
        try:
            if aim == "start":
                time.sleep(self.rng.uniform(0.0, SOON_SECONDS))
            else:
                waited_for(lambda: running.present or running.process.poll() is not None, MOST_WAIT_SECONDS)
                self.drop(due, at_rest=False)
                waited_for(self.at_work if aim == "work" else self.ending, MOST_WAIT_SECONDS, 0.001)
                time.sleep(self.rng.uniform(0.0, IN_WORK_SECONDS if aim == "work" else IN_END_SECONDS))
            assert running.process.poll() is None, f"the daemon ended by itself: {running.said()}"
        finally:
            running.kill(alone)
        self.phases[self.phase(running)] += 1
        if alone:
            self.killed.append(running)
            self.orphans += bool(running.processes())

    def counters(self) -> dict[Path, str]:
        """How far the status of each job has come."""
        return {path: read_status(path, "status").get("counter", "") for path in (self.root / "status").glob("*.tsv")}

    def fresh(self) -> dict[str, str]:
        """How the jobs are of which this daemon has said something."""
        found = {path: read_status(path, "status") for path in (self.root / "status").glob("*.tsv")}
        return {path.stem: status["state"] for path, status in found.items()
                if status and status["counter"] != self.known.get(path)}

    def at_work(self) -> bool:
        """Whether a job is under way."""
        return bool(set(self.fresh().values()) - set(_LAST_WORDS))

    def ending(self) -> bool:
        """Whether something lies there already that its status does not tell of."""
        for folder, state in (("outbox", "done"), ("failed", "failed")):
            for path in (self.root / folder).glob("[!.]*"):
                if read_status(self.root / "status" / f"{path.name}.tsv", "status").get("state") != state:
                    return True
        return False

    def phase(self, running: Running) -> str:
        """What a daemon was doing when it was killed, by its own last words."""
        if not running.present:
            return "before its first word"
        if self.ending():
            return "amid moves"
        at_work = set(self.fresh().values()) - set(_LAST_WORDS)
        return min(at_work) if at_work else str(running.status().get("message", "")).partition(" ")[0]

    def finish(self) -> str:
        """Let the rest be done. Returns what the daemon says of it where something is wrong."""
        self.drop(len(self.left), at_rest=True)
        done = once(self.root, self.home, *self.words, timeout=3600)
        again = once(self.root, self.home, *self.words, timeout=600)  # which finds nothing to do
        failed = any(one.failures for one in self.drops)
        wrong = done.returncode not in ((0, 7) if failed else (0,)) or again.returncode or again.stdout.count("\n") != 1
        return f"{done.stdout}{done.stderr}{again.stdout}{again.stderr}" if wrong else ""


def calm(place: Path, jobs: int, words: tuple[str, ...]) -> tuple[Path, Path, list[Drop], "subprocess.CompletedProcess[str]"]:
    """The same jobs, done by a daemon that nobody disturbs: its root, its home, what was dropped, how it ended."""
    root, outside, home = make_root(place / "calm")
    drops = [drop(plan, root, outside) for plan in plans(jobs)]
    return root, home, drops, once(root, home, *words, timeout=3600)


def trial(place: Path, kills: int, jobs: int, seed: int, words: tuple[str, ...] = ()) -> dict[str, Any]:
    """Figures of a whole trial, with sentences about all that was wrong.

    Args:
        place: an empty folder.
        words: more of the daemon's command line.
    """
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as beside:
        undisturbed = beside.submit(calm, place, jobs, words)
        wild = Trial(place, kills, jobs, seed, words)
        for number in range(kills):
            wild.round(number)
            tell(f"kill {number + 1} of {kills}: {dict(wild.phases)}, {len(wild.drops)} dropped")
        said = wild.finish()
        calm_root, calm_home, calm_drops, done = undisturbed.result()
    wrong = [f"undisturbed: {fault}" for fault in faults(calm_root, calm_home, calm_drops)]
    wrong += [f"the last run: {said}"] if said else []
    if not waited_for(lambda: not any(one.processes() for one in wild.killed), ORPHANS_SECONDS):
        wrong.append("there are orphans of daemons that were killed alone")
        for one in wild.killed:
            one.kill()
    wrong += faults(wild.root, wild.home, wild.drops, calm_root)
    return {"kills": kills, "alone": len(wild.killed), "left_orphans": wild.orphans, "hit": dict(wild.phases.most_common()),
            "jobs": sum(one.jobs for one in wild.drops), "should_fail": sum(one.failures for one in wild.drops),
            "stems": len(list((wild.root / "outbox").rglob("*.wav"))), "seed": seed, "undisturbed_exit_code": done.returncode,
            "seconds": round(time.monotonic() - begun, 1), "wrong": wrong, "ok": not wrong}


def main() -> int:
    """The command line."""
    parser = command("Kill a daemon at random moments while jobs come in, let it finish, and check that nothing was lost,"
                     " doubled or left half done.")
    parser.add_argument("--kills", type=int, default=200, help="how often [200]")
    parser.add_argument("--jobs", type=int, default=300, help="how many jobs are dropped [300]")
    parser.add_argument("--workers", type=int, help="the daemon's own --jobs")
    parser.add_argument("--keep", type=Path, help="an empty folder in which everything is left to be looked at")
    given = parser.parse_args()
    words = () if given.workers is None else ("--jobs", str(given.workers))
    with tempfile.TemporaryDirectory() as folder:
        return report(trial(given.keep or Path(folder), given.kills, given.jobs, given.seed, words), given.json)


if __name__ == "__main__":
    raise SystemExit(main())
