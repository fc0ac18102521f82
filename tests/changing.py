"""Changes of settings that are refused, and the sentence that says why."""

from typing import Any

import pytest

from lts_batch.errors import SettingsError
from lts_batch.settings import FIELDS, Settings, change


def limits(name: str) -> tuple[float, float]:
    return FIELDS[name].metadata["least"], FIELDS[name].metadata["most"]


def wrong(differences: dict[str, Any], **more: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        change(Settings(), differences, "somewhere", **more)
    sentence = str(caught.value)
    assert sentence.startswith("somewhere: ") and "\n" not in sentence
    return sentence.removeprefix("somewhere: ")
