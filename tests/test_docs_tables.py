"""The tables of settings and of the daemon have all values there are, in order, and tell the truth about them."""

import json

import pytest
from pages import COMMANDS, text

from lts_batch.settings import FIELDS
from lts_batch.watch.notify import ENVIRONMENT, PLACES
from lts_batch.watch.options import OPTIONS


def settings_table() -> dict[str, list[str]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text("docs/settings.md").splitlines()
            if line.startswith("| `")]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_the_table_of_settings_has_all_of_them_in_order() -> None:
    assert list(settings_table()) == list(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_the_table_of_settings_tells_the_truth(name: str) -> None:
    option, default, allowed, meaning = settings_table()[name]
    item = FIELDS[name]
    assert default == ("not given" if item.default is None else f"`{json.dumps(item.default)}`")
    least, most, choices = (item.metadata[key] for key in ("least", "most", "choices"))
    if choices:
        assert allowed == ", ".join(f"`{choice}`" for choice in choices)
    elif least is not None:
        whole = isinstance(most, int)
        limits = f"{least} to {most}" if whole else f"{least:g} to {most:g}"
        assert limits in allowed.replace("from ", "")
    elif isinstance(item.default, bool):
        assert allowed == "`true`, `false`"
    else:
        assert name in ("model", "effects", "grid")
    named = {one.name: one.opts[-1] for one in COMMANDS["lts-batch render"].params}
    named["curve"] = named.pop("curve_file")
    assert option == (f"`{named[name]}`" if name in named else "")
    assert len(meaning) > 20 and meaning.endswith(".")


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    below = text(page).split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in below.splitlines() if line.startswith("| `")]


def test_the_table_of_the_daemon_has_all_its_values_in_order() -> None:
    assert [row[0].strip("`") for row in rows("docs/watch.md", "All values")] == list(OPTIONS)


@pytest.mark.parametrize("row", rows("docs/watch.md", "All values"), ids=lambda row: row[0].strip("`"))
def test_the_table_of_the_daemon_tells_the_truth(row: list[str]) -> None:
    item = OPTIONS[row[0].strip("`")]
    _, option, default, allowed, meaning = row
    assert option == f"`--{item.name.replace('_', '-')}`"
    assert option.strip("`") in [name for one in COMMANDS["lts-batch watch"].params for name in one.opts]
    assert default == ("by itself" if item.default is None else f"`{json.dumps(item.default)}`")
    least, most, choices = (item.metadata[key] for key in ("least", "most", "choices"))
    if choices:
        assert allowed == ", ".join(f"`{choice}`" for choice in choices)
    elif least is not None:
        assert allowed == f"{least:.10g} to {most:.10g}"
    else:
        assert allowed in ("a name or a folder", "a file, or `none`", "a list of texts")
    assert len(meaning) > 20 and meaning.endswith(".")


def test_all_that_a_program_is_told_is_named() -> None:
    places = rows("docs/watch.md", "A program that is told")
    assert [(row[0].strip("`{}"), row[1].strip("`")) for row in places] == list(zip(PLACES, ENVIRONMENT, strict=True))


def test_job_files_may_set_what_the_table_does_not_except() -> None:
    excepted = {name for name, row in settings_table().items() if "A job file may not set it" in row[-1]}
    assert excepted == {name for name, item in FIELDS.items() if not item.metadata["job_safe"]}
