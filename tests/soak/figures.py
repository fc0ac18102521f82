"""What the commands of this folder share: options, progress on standard error, figures on standard output."""

import argparse
import json
import sys
from typing import Any


def command(about: str) -> argparse.ArgumentParser:
    """A parser with the options that all have."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same trial [1]")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser


def tell(words: str) -> None:
    """Progress, for whoever waits."""
    print(words, file=sys.stderr, flush=True)


def report(figures: dict[str, Any], as_json: bool) -> int:
    """Print figures; ``ok`` among them is the exit code."""
    if as_json:
        print(json.dumps(figures, indent=1))
    else:
        for name, value in figures.items():
            print(f"{name:<28} {value}" if not isinstance(value, list) else "\n".join([name, *(f"  {one}" for one in value)]))
    return 0 if figures["ok"] else 1
