"""The study of personal models: its figures are of what was held back, and it says where a personal model is not worth it."""

import personal
import pytest
import study
from trainings import frames


def test_a_way_that_loses_nothing_has_no_error_and_pca_of_more_width_less() -> None:
    dataset = frames(3000)
    exact = personal._figures(dataset, lambda shapes: shapes)
    narrow, wide = (personal._figures(dataset, personal._pca(dataset, width)) for width in (4, 32))
    assert exact["lsd_db"] < 1e-3 and exact["sc_db"] < -100.0
    assert exact["lsd_db"] < wide["lsd_db"] < narrow["lsd_db"]


@pytest.mark.parametrize(("personal_db", "seconds", "lines"), [(2.0, 500.0, 0), (3.1, 500.0, 1), (2.0, 700.0, 1)])
def test_it_is_a_study_and_says_what_misses_its_target(personal_db: float, seconds: float, lines: int) -> None:
    made = study.checked(personal)
    figures = {"general": {"lsd_db": 3.0, "sc_db": -12.0}, "personal": {"lsd_db": personal_db, "sc_db": -13.0},
               "PCA": {"lsd_db": 3.4, "sc_db": -11.0}}
    results = {"minutes": 10.0, "time": "10m", "folders": {"drums": {
        "audio_seconds": 600.0, "training_seconds": seconds, "files": 90, "held_out_frames": 9, "models": figures}}}
    assert len(made.failures(results)) == lines
    assert "drums" in made.table(results) and f"{personal_db:.2f}" in made.table(results)
