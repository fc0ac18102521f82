"""Taking back jobs that wait or run, in the way that any client does: by a file in the inbox."""

import json
from pathlib import Path

from lts_batch.client.overview import overview, unknown_job, watched
from lts_batch.files.whole import write_whole
from lts_batch.protocol import CANCEL_SUFFIX, VERSION
from lts_batch.watch.journal import LAST_STATES


def cancel(root: Path, job: str) -> None:
    """Ask the daemon to cancel a job.

    Raises:
        JobError: ``root`` is no watched folder; no job of that id waits or runs.
        OutputError: the inbox cannot be written to.
    """
    spool = watched(root)
    there = [one.job for one in overview(root, alive_seconds=0.0).jobs if one.state not in LAST_STATES]
    if job not in there:
        raise unknown_job(job, there, "waiting or running")
    write_whole(spool.inbox / f"{job}{CANCEL_SUFFIX}", json.dumps({"format": "lts-batch/cancel", "version": VERSION}) + "\n",
                overwrite=True)
