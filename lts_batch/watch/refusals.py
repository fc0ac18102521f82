"""Sentences for what is wrong with a job file before its values are looked at: its size, and what its schema refuses."""

import difflib
import json
from functools import cache
from typing import Any

from lts_batch.errors import JobError
from lts_batch.protocol import MOST_DEPTH, MOST_ENTRIES, printable, schema, shortened


def check_size(values: Any, source: str) -> None:
    """Before anything looks closer: what is nested or listed without measure takes seconds, and a stack."""
    level: list[tuple[str, Any]] = [("", values)]
    for _ in range(MOST_DEPTH):
        for where, one in level:
            if isinstance(one, list) and len(one) > MOST_ENTRIES:
                raise JobError(f"{source}: {printable(where)[:60]} has {len(one)} entries; it takes at most {MOST_ENTRIES}")
        level = [(f"{where}.{key}".lstrip("."), inner) for where, one in level if isinstance(one, dict)
                 for key, inner in one.items()] + [(f"{where}[]", inner) for where, one in level if isinstance(one, list)
                                                   for inner in one]
    if level:
        raise JobError(f"{source} is nested more than {MOST_DEPTH} deep: this is no job file")


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema("job"))


def check_schema(values: Any, source: str, *, but_settings: bool = False) -> None:
    """Hold against the schema; single settings are left to ``settings.change``, which has the better words for them."""
    errors = [error for error in _validator().iter_errors(values)
              if not (but_settings and error.absolute_path and error.absolute_path[0] == "settings"
                      and (error.validator != "type" or len(error.absolute_path) > 1))]
    if errors:
        error = min(errors, key=lambda e: (len(e.absolute_path), [str(step) for step in e.absolute_path]))
        raise JobError(shortened(f"{source}: {_sentence(error)}"))


def _sentence(error: Any) -> str:
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path).lstrip(".")
    where = printable(where) or "it"
    found = printable(json.dumps(error.instance, ensure_ascii=False))
    found = found if len(found) <= 60 else f"{found[:60]}..."
    match error.validator:
        case "required":
            missing = [key for key in error.validator_value if key not in error.instance]
            return f"{where} lacks {', '.join(missing)}"
        case "additionalProperties" if error.validator_value is False:
            known = list(error.schema["properties"])
            unknown = printable(next(key for key in error.instance if key not in known))
            near = difflib.get_close_matches(unknown, known, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            return f"{where} has an unknown key {unknown!r}{hint}; known are {', '.join(known)}"
        case "minItems" | "maxItems":
            return (f"{where} has {len(error.instance)} entries; it takes {error.schema.get('minItems', 0)} to"
                    f" {error.schema.get('maxItems', 'any number')}")
        case "type":
            return f"{where} is {found}; it should be of type {error.validator_value}"
        case "const":
            return f"{where} is {found}; this lts-batch knows {error.validator_value!r} only"
        case "minimum" | "maximum" | "minLength" | "maxLength" | "maxProperties":
            return f"{where} is {found}; its {error.validator} is {error.validator_value}"
        case "pattern" | "propertyNames":
            return f"{where} is {found}; it should match {error.schema.get('pattern', 'the names that are allowed')}"
    return f"{where} is {found}, which docs/protocol.md does not know there"
