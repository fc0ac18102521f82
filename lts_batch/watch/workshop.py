"""Where jobs are rendered: models loaded once each, stems made in a folder of our own, the record completed."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lts_batch.errors import JobError
from lts_batch.files.allowed import open_allowed
from lts_batch.files.whole import write_whole
from lts_batch.stems import rpp
from lts_batch.stems.manifest import Manifest
from lts_batch.watch.jobs import Job

Report = Callable[[float, str], None]


class Changed(JobError):
    """A clip was exchanged between the check and the render."""


class Workshop:
    """Renders jobs with an engine.

    Args:
        render: the engine, as ``lts_batch.stems.render.render``, which it is if not given.
        load: gives a model by name or folder, as ``lts_batch.models.checkpoint.load_model``, which it is if not given.
        workers: how many slices of stems it makes at a time; as many as the engine likes if not given.
    """

    def __init__(self, render: Callable[..., Manifest] | None = None, load: Callable[[str], Any] | None = None,
                 workers: int | None = None) -> None:
        self._render, self._load = render, load
        self._more: dict[str, Any] = {} if workers is None else {"workers": workers}
        self._models: dict[str, Any] = {}

    def open(self, model: str) -> None:
        """Load what takes seconds to load, before the first job needs it. Raises ``ModelError``."""
        self._engine()
        self.model(model)

    def _engine(self) -> Callable[..., Manifest]:
        from lts_batch.stems.render import render

        return self._render or render

    def model(self, name: str) -> Any:
        """A model by name or folder. Raises ``ModelError``."""
        if name not in self._models:
            if self._load is None:
                from lts_batch.models.checkpoint import load_model

                self._load = load_model
            self._models[name] = self._load(name)
        return self._models[name]

    def make(self, job: Job, staged: Path, places: Mapping[Path, Path], allowed: Iterable[Path], report: Report) -> None:
        """Render a job into ``staged``, from handles that are checked as those were by which the job was taken.

        Args:
            allowed: folders that clips may lie in, links resolved.
            places: where clips that now lie in the inbox will lie once the job has ended, as the record shall say.
            report: takes fraction and message; may raise to abort.

        Raises:
            Changed: a clip is no longer the one that was checked.
            LtsError: what the engine refuses.
        """
        from lts_batch.stems.render import Clip

        allowed = tuple(allowed)
        with ExitStack() as stack:
            clips = [Clip(clip.path, clip.request.offset_samples, clip.request.length_samples,
                          clip.request.name or clip.request.path.stem, stack.enter_context(open_allowed(clip.path, allowed)))
                     for clip in job.clips]
            found = self._engine()(clips, job.candidate.settings, staged, job=job.id, echo=job.candidate.echo,
                                   model=self.model(job.candidate.settings.model), progress=report, **self._more)
        for entry, clip in zip(found.clips, job.clips, strict=True):
            if entry.sha256 != clip.sha256:
                raise Changed(f"{clip.request.path} was changed while it was rendered")
        entries = tuple(dataclasses.replace(entry, path=str(clip.path if clip.entry is None
                                                            else places.get(clip.entry, clip.path)))
                        for entry, clip in zip(found.clips, job.clips, strict=True))
        record = dataclasses.replace(found, job=job.id, job_digest=job.digest, clips=entries)
        write_whole(staged / "manifest.json", record.to_json(), overwrite=True)
        write_whole(staged / "manifest.tsv", record.to_tsv(), overwrite=True)
        write_whole(staged / rpp.FILE, rpp.project(record), overwrite=True)
