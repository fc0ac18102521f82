"""The one family of errors that a user may see.

Every message names the file or key, the value found, the limit, and what to do about it. The exit code belongs to the
error, so the command line never has to guess one. Exit codes 0, 1 and 2 keep their usual meanings (success, unexpected
failure, wrong usage of the command line).
"""


class LtsError(Exception):
    """Something the user can mend. ``str(error)`` is a sentence fit to show as it is."""

    exit_code = 1


class ClipError(LtsError):
    """A clip that is missing, unreadable, empty, or not audio."""

    exit_code = 3


class SettingsError(LtsError):
    """A setting, preset, x list or curve that does not mean anything."""

    exit_code = 4


class ModelError(LtsError):
    """A model folder that is missing, incomplete, damaged or of another format."""

    exit_code = 5


class OutputError(LtsError):
    """A place that cannot be written to, or that already holds something."""

    exit_code = 6


class JobError(LtsError):
    """A job file that breaks the protocol, or a batch in which a job failed."""

    exit_code = 7


class CorpusError(LtsError):
    """Training material that is missing, too short, or cannot be rendered."""

    exit_code = 8


class ServiceError(LtsError):
    """A program that the system does not start, stop or know as it was asked to."""

    exit_code = 9
