"""Clips in the inbox that belong together by their names or their folder."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lts_batch.errors import SettingsError
from lts_batch.protocol import JOB_FILE_SUFFIX
from lts_batch.settings import MOST_CLIPS, Settings, load_preset, preset_paths
from lts_batch.watch.entries import Entry, natural
from lts_batch.watch.jobfile import ClipRequest
from lts_batch.watch.jobs import Candidate, Origin
from lts_batch.watch.view import View, Waiting

_ROLES = "ABCD"
_PAIR = re.compile(r"(?P<name>.+)_(?P<role>[ABCD])", re.DOTALL)


@dataclass(frozen=True)
class _Group:
    """Clips that belong together.

    Attributes:
        near: the clips and what may become one of them; all of it has to stand still.
        why: why it cannot be taken as it is, if it cannot.
        place: what it is called by in messages.
        folder: the set folder, where there is one.
    """

    origin: Origin
    name: str
    clips: list[Entry]
    near: list[Entry]
    why: str | None
    settings: Callable[[], Settings]
    place: Path
    folder: Path | None = None


def find_sets(view: View) -> None:
    """Find the clips that belong together by their names or their folder."""
    presets = preset_paths()
    _pairs(view, view.inbox, view.entries, "pair", lambda: view.base)
    for folder, entries in view.inside.items():
        if any(entry.path == folder and entry.is_link for entry in view.entries):
            view.waiting.append(Waiting(folder, f"{folder.name} is a link to a folder: drop the folder itself"))
        elif folder.name in presets:
            _pairs(view, folder, entries, "preset", partial(load_preset, folder.name, view.base))
        else:
            _set(view, folder, entries)
        misplaced = [entry for entry in entries if entry.path.name.endswith(JOB_FILE_SUFFIX)]
        view.waiting.extend(Waiting(entry.path, f"{entry.path.name} lies in a folder: job files belong directly"
                                                f" into {view.inbox.name}") for entry in misplaced)


def _pairs(view: View, folder: Path, entries: list[Entry], origin: Origin, settings: Callable[[], Settings]) -> None:
    groups: dict[str, list[tuple[str, Entry]]] = defaultdict(list)
    for entry in _clips(view, entries):
        found = _PAIR.fullmatch(entry.path.stem)
        if found:
            groups[unicodedata.normalize("NFC", found["name"])].append((found["role"], entry))
        else:
            name = entry.path.stem
            view.waiting.append(Waiting(entry.path, f"{entry.path.name} has no partner: name two clips {name}_A and"
                                                    f" {name}_B, or put them into a folder of their own"))
    near = _by_beginning(entries)
    for name, members in groups.items():
        roles = "".join(sorted(role for role, _ in members))
        clips = [entry for _, entry in sorted(members, key=lambda member: member[0])]
        why = None
        if len(set(roles)) < len(roles):
            twice = next(role for role in roles if roles.count(role) > 1)
            why = f"more than one clip claims to be {name}_{twice}: rename one"
        elif len(roles) < 2 or not _ROLES.startswith(roles):
            missing = next(role for role in _ROLES if role not in roles)
            why = f"{clips[0].path.name} waits for its partner {name}_{missing}"
        _offer(view, _Group(origin, name, clips, near[name], why, settings, folder / name))
    for entry in entries:
        if origin == "preset" and entry.is_folder and not entry.path.name.startswith("."):
            view.waiting.append(Waiting(entry.path, f"{entry.path.name} lies in a preset's folder, where clips are"
                                                    " paired by name: no folders are looked into there"))


def _set(view: View, folder: Path, entries: list[Entry]) -> None:
    clips = sorted(_clips(view, entries), key=lambda entry: natural(entry.path.name))
    if not clips:
        if any(entry.is_folder for entry in entries):
            view.waiting.append(Waiting(folder, f"{folder.name} holds folders and no clips: put two to {MOST_CLIPS}"
                                                f" clips into a folder, and that into {view.inbox.name}"))
        return
    why = None
    if len(clips) == 1:
        why = f"{folder.name} holds one clip: a set has two to {MOST_CLIPS}"
    elif len(clips) > MOST_CLIPS:
        why = f"{folder.name} holds {len(clips)} clips: a set has two to {MOST_CLIPS}; use several folders"
    _offer(view, _Group("set", folder.name, clips, entries, why, lambda: view.base, folder, folder))


def _offer(view: View, group: _Group) -> None:
    """A group whose clips and neighbours have stood still long enough is ready."""
    members = tuple(sorted(str(entry.path) for entry in group.near))
    since = max([view.still_since(f"members of {group.origin} {group.place}", members),
                 *(view.still_since(f"{entry.path}", entry.signature) for entry in group.near)])
    until = since + view.settle_seconds
    if view.now < until:
        view.waiting.append(Waiting(group.place, f"{group.name} is still changing", until))
    elif group.why is not None:
        view.waiting.append(Waiting(group.place, group.why))
    elif view.hold_sets_until is not None:
        view.waiting.append(Waiting(group.place, f"{group.name} waits for a job file to be written", view.hold_sets_until))
    else:
        _ready(view, group, since)


def _ready(view: View, group: _Group, since: float) -> None:
    try:
        chosen = group.settings()
    except SettingsError as error:
        view.waiting.append(Waiting(group.place, str(error)))
    else:
        rank = ("file", "preset", "pair", "set").index(group.origin)
        requests = tuple(ClipRequest(entry.path) for entry in group.clips)
        candidate = Candidate(group.origin, group.name, requests, chosen, since, folder=group.folder)
        view.ready.append(((1, since, rank, str(group.place)), candidate))


def _clips(view: View, entries: list[Entry]) -> Iterator[Entry]:
    """Clips that no job file names, under whatever name."""
    for entry in entries:
        unnamed = entry.path not in view.named
        if entry.is_clip and unnamed and (not entry.identity[1] or entry.identity not in view.named_identities):
            yield entry


def _by_beginning(entries: list[Entry]) -> dict[str, list[Entry]]:
    """For each beginning before a ``_`` the entries that have it: a pair's clips, and what may become one of them."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        name = unicodedata.normalize("NFC", entry.path.name).lstrip(".")
        for place in re.finditer("_", name):
            found[name[:place.start()]].append(entry)
    return found
