"""A thousand pairs at once: all come out, each once, in memory that does not grow; and how long a lone job is left waiting.

Run ``python -m soak.flood --help`` in the folder of the tests. Memory is measured on Linux alone.
"""

import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from lts_batch.watch.status import read_status
from soak.daemons import QUICK, Running, memory_bytes, waited_for
from soak.drops import STEMS, clip, drop, make_root, send
from soak.figures import command, report, tell
from soak.ledger import faults

SETTLE_SECONDS = float(QUICK[1])
FILE_SECONDS, PAIR_SECONDS = 0.5, SETTLE_SECONDS + 1.0  # until work on a job begins, median
MOST_GROWTH = 1.1  # of the last fifth over the second
LOOK_SECONDS = 0.25
MOST_SECONDS_A_PAIR, START_SECONDS = 5.0, 60.0


class Memory(threading.Thread):
    """Looks at the memory of a daemon and all its processes, from its first delivery, by when everything is loaded, until
    ``over`` is set: ``seen`` holds bytes."""

    def __init__(self, running: Running) -> None:
        super().__init__(daemon=True)
        self.running, self.over = running, threading.Event()
        self.seen: list[int] = []

    def run(self) -> None:
        while not self.over.wait(LOOK_SECONDS):
            delivered = int(self.running.status().get("done", 0)) > 0
            if delivered and (found := memory_bytes(self.running.processes())):
                self.seen.append(found)


def fifths(seen: list[int]) -> list[int]:
    """The median of each fifth of a row of numbers."""
    parts = [seen[n * len(seen) // 5:(n + 1) * len(seen) // 5] for n in range(5)]
    return [int(statistics.median(part)) for part in parts] if all(parts) else []


def flood(place: Path, pairs: int, words: tuple[str, ...] = (), kind: str = "preset") -> dict[str, Any]:
    """Drop pairs at once before a daemon that runs, and wait until nothing is left of them.

    Args:
        place: an empty folder.
        words: more of the daemon's command line.
        kind: how the pairs are dropped, as ``drops.Drop`` has it.
    """
    root, outside, home = make_root(place)
    with Running(root, home, *words) as running:
        running.ready()
        memory = Memory(running)
        drops = [drop((kind, number), root, outside) for number in range(pairs)]
        begun = time.monotonic()
        memory.start()

        def all_done() -> bool:
            status = running.status()
            return status.get("message") == "idle" and int(status.get("done", 0)) + int(status.get("failed", 0)) >= pairs

        told = 0
        while not waited_for(all_done, 30.0, 0.05):
            told = int(running.status().get("done", 0))
            tell(f"{told} of {pairs} after {time.monotonic() - begun:.0f} s")
            assert running.process.poll() is None, running.said()
            assert time.monotonic() - begun < START_SECONDS + MOST_SECONDS_A_PAIR * pairs, f"stuck at {told} of {pairs}"
        seconds = time.monotonic() - begun
        memory.over.set()
        memory.join()
        exit_code = running.stop()
    wrong = faults(root, home, drops)
    medians = fifths(memory.seen)
    if medians and medians[4] > medians[1] * MOST_GROWTH:
        wrong.append(f"memory grew from {medians[1]} bytes in the second fifth to {medians[4]} in the last")
    if exit_code:
        wrong.append(f"it ended with exit code {exit_code}: {running.said()}")
    return {"pairs": pairs, "seconds": round(seconds, 1), "seconds_a_pair": round(seconds / pairs, 3),
            "memory_mib": [round(one / 2**20) for one in medians], "looks_at_memory": len(memory.seen),
            "memory_growth": round(medians[4] / medians[1], 3) if medians else None, "wrong": wrong, "ok": not wrong}


def latency(place: Path, count: int, words: tuple[str, ...] = ()) -> dict[str, Any]:
    """How long an idle daemon takes to begin on a job, from the rename that completes it to the status that says so.

    Args:
        place: an empty folder.
        count: how many job files, and how many pairs by name, one after the other.
        words: more of the daemon's command line.
    """
    root, outside, home = make_root(place)
    seconds: dict[str, list[float]] = {"file": [], "pair": []}
    drops = []
    with Running(root, home, *words) as running:
        running.ready()
        for number in range(2 * count):
            kind = "file" if number % 2 else "pair"
            known = set((root / "status").glob("*.tsv"))
            drops.append(drop(("inside" if kind == "file" else "preset", number), root, outside))
            begun = time.monotonic()

            def taken(known: set[Path] = known) -> bool:
                return any(read_status(path, "status").get("state", "waiting") != "waiting"
                           for path in (root / "status").glob("*.tsv") if path not in known)

            assert waited_for(taken, START_SECONDS, 0.001), f"it was never taken: {running.said()}"
            seconds[kind].append(time.monotonic() - begun)
            assert waited_for(lambda done=number + 1: running.status().get("done") == str(done)
                              and running.status()["message"] == "idle", START_SECONDS), f"it was never done: {running.said()}"
            time.sleep(0.05 * (number % 5))  # not always at the same moment between two looks
        running.stop()
    wrong = faults(root, home, drops)
    found: dict[str, Any] = {}
    for kind, most in (("file", FILE_SECONDS), ("pair", PAIR_SECONDS)):
        median, worst = statistics.median(seconds[kind]), max(seconds[kind])
        found[f"{kind}_seconds"] = {"median": round(median, 3), "worst": round(worst, 3), "wanted": most}
        if median >= most:
            wrong.append(f"a {kind} is left waiting for {median:.3f} s (median), {worst:.3f} s (worst); wanted is {most} s")
    return {"drops": 2 * count, "settle_seconds": SETTLE_SECONDS, **found, "wrong": wrong, "ok": not wrong}


def while_busy(place: Path, words: tuple[str, ...] = ()) -> float:
    """Seconds until a job file that comes while another is rendered has a status that says it was seen."""
    root, _, home = make_root(place)
    inbox = root / "inbox"
    with Running(root, home, *words) as running:
        running.ready()
        for n, name in enumerate(("a.wav", "b.wav", "c.wav", "d.wav")):
            clip(inbox / name, n)
        send(inbox, "long", "a.wav", "b.wav", settings={**STEMS, "x": [n / 200 for n in range(200)]})
        assert waited_for(lambda: read_status(root / "status" / "long.tsv", "status").get("state") == "running", START_SECONDS)
        send(inbox, "short", "c.wav", "d.wav")
        begun = time.monotonic()
        assert waited_for((root / "status" / "short.tsv").exists, START_SECONDS, 0.001), running.said()
        return time.monotonic() - begun


def main() -> int:
    """The command line."""
    parser = command("Drop many pairs at once, and single jobs before an idle daemon; measure memory, and how long they wait.")
    parser.add_argument("--pairs", type=int, default=1000, help="how many pairs at once [1000]")
    parser.add_argument("--singles", type=int, default=20, help="how many job files, and pairs, one by one [20]")
    parser.add_argument("--files", action="store_true", help="with a job file for each pair")
    parser.add_argument("--workers", type=int, help="the daemon's own --jobs")
    given = parser.parse_args()
    words = () if given.workers is None else ("--jobs", str(given.workers))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name in ("latency", "busy", "flood"):
            (place / name).mkdir()
        waits = latency(place / "latency", given.singles, words)
        busy = while_busy(place / "busy", words)
        tell(f"waits: {waits}, while busy {busy:.3f} s")
        figures = flood(place / "flood", given.pairs, words, "inside" if given.files else "preset")
        figures |= {key: waits[key] for key in ("file_seconds", "pair_seconds")} | {"seen_while_busy_seconds": round(busy, 3)}
    figures["wrong"] = [*waits["wrong"], *figures["wrong"]]
    figures["ok"] = not figures["wrong"]
    return report(figures, given.json)


if __name__ == "__main__":
    raise SystemExit(main())
