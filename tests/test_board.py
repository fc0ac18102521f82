"""TensorBoard logs: there with TensorBoard, and nothing at all without."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lts_batch.training.board import Board
from lts_batch.training.course import Report

FIGURES = Report(50, 1.0, 0.4, 0.3, 5.0, -9.0, 60)


def test_without_tensorboard_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # so that an import of it fails
    with Board(tmp_path / "log") as board:
        board.figures(FIGURES, 1e-3)
    assert list(tmp_path.iterdir()) == []


def test_with_it_every_figure_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []

    class SummaryWriter:
        def __init__(self, folder: str, purge_step: int | None) -> None:
            said.append((folder, purge_step))

        def add_scalar(self, name: str, value: float, step: int) -> None:
            said.append((name, value, step))

        def close(self) -> None:
            said.append("closed")

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    with Board(tmp_path / "log", 49) as board:
        board.figures(FIGURES, 1e-3)
    assert said[0] == (str(tmp_path / "log"), 50) and said[-1] == "closed"
    assert ("loss/held out", 0.3, 50) in said and ("held out/active latents", 60, 50) in said and ("rate", 1e-3, 50) in said
