"""The watched folder from the command line: the good sorted from the bad, once, and folders that jobs may read."""

import json
import re
import shutil
from pathlib import Path

import commanding
from commanding import BAD_CLIPS, bad_clip, lts, process, refused
from trees import Tree

from lts_batch import errors

one_model = commanding.one_model
as_before = commanding.as_before
here = commanding.here


def test_watch_once_sorts_the_good_from_the_bad(here: Path, tree: Tree) -> None:
    """One run as a program over everything that can go wrong, and one thing that goes well."""
    inbox = here / "root" / "inbox"
    (inbox / "a set").mkdir(parents=True)
    for name in ("a.wav", "b.wav"):
        shutil.copy(here / name, inbox / "a set" / name)
    kinds = [kind for kind in BAD_CLIPS if kind not in ("missing", "folder")]
    for kind in kinds:
        shutil.copy(here / "a.wav", inbox / f"{kind}_A.wav")
        bad_clip(kind, inbox / f"{kind}_B.wav")
    shutil.copy(here / "a.wav", inbox / "alone_A.wav")
    (inbox / "text.job.json").write_text("{]", encoding="utf-8")
    before = tree(inbox)
    done = process("watch", "root", "--once", "--settle-seconds", "0.1", "--json", cwd=here)
    assert done.returncode == errors.JobError.exit_code
    assert re.fullmatch(rf"Error: {len(kinds) + 1} of {len(kinds) + 2} jobs failed: .+; what was wrong stands above, and in"
                        r" error.json beside the clips\n", done.stderr), done.stderr
    outcomes = json.loads(done.stdout)["outcomes"]
    assert sum(outcome["state"] == "done" for outcome in outcomes) == 1
    failed = [outcome for outcome in outcomes if outcome["state"] == "failed"]
    for kind in kinds:
        (outcome,) = (one for one in failed if (here / "root" / one["folder"] / f"{kind}_B.wav").exists())
        folder = here / "root" / outcome["folder"]
        record = json.loads((folder / "error.json").read_text(encoding="utf-8"))
        sentence = f"{inbox / f'{kind}_B.wav'} {BAD_CLIPS[kind]}"
        assert record["message"] == outcome["message"] == sentence
        assert (record["kind"], record["exit_code"]) == ("ClipError", errors.ClipError.exit_code)
        assert tree(folder).items() >= {name: before[name] for name in (f"{kind}_A.wav", f"{kind}_B.wav")}.items()
    assert set(tree(inbox)) == {"alone_A.wav"}
    assert [item["why"] for item in json.loads(done.stdout)["waiting"]] == ["alone_A.wav waits for its partner alone_B"]
    (stems,) = (here / "root" / "outbox").iterdir()
    assert len(list(stems.glob("a~b_*.wav"))) == 5 and (stems / "manifest.json").is_file()


def test_watch_once_with_nothing_to_do_ends_well_and_says_so(here: Path) -> None:
    done = lts("watch", "root", "--once", "--settle-seconds", "0")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "0 done, 0 failed, 0 cancelled, 0 waiting\n", "")
    assert {"inbox", "outbox", "failed", "archive", "status"} <= {path.name for path in (here / "root").iterdir()}


def test_watch_needs_a_place(here: Path, tree: Tree) -> None:
    before = tree(here)
    assert "cannot be written, there is no folder" in refused(errors.OutputError, "watch", "no/such/root", "--once")
    assert tree(here) == before


def test_allow_lists_what_it_allowed(here: Path) -> None:
    assert lts("allow").stdout == ""
    (here / "clips").mkdir()
    assert lts("allow", "clips").stdout == f"Job files may now read clips in {(here / 'clips').resolve()}\n"
    assert lts("allow").stdout == f"{(here / 'clips').resolve()}\n"
    assert refused(errors.JobError, "allow", "nowhere") == "there is no folder nowhere: give one that exists"
