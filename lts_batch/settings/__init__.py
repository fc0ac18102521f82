"""Settings of a render: the table of them, what their values may be, how they are changed, and presets.

The other parts of the package import from here; the choices of each setting stand in ``table``.
"""

from lts_batch.settings.changes import as_dict, change
from lts_batch.settings.checks import CURVES, GRID, LEAST_CLIPS, MOST_CLIPS
from lts_batch.settings.presets import load_preset, preset_about, preset_paths, presets_folder
from lts_batch.settings.table import DOMAINS, FIELDS, PHASES, RIVALS, X_LIMIT, Settings, even_steps

__all__ = ["CURVES", "DOMAINS", "FIELDS", "GRID", "LEAST_CLIPS", "MOST_CLIPS", "PHASES", "RIVALS", "X_LIMIT", "Settings",
           "as_dict", "change", "even_steps", "load_preset", "preset_about", "preset_paths", "presets_folder"]
