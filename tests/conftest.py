"""What several tests share: seeded noise, the shipped model, trees of folders to compare, and programs that may be missing."""

import os
import shutil
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from trees import Tree, listed

from lts_batch.models.checkpoint import Model, load_model


@pytest.fixture
def rng() -> np.random.Generator:
    """The same random numbers in every run."""
    return np.random.default_rng(20200608)


@pytest.fixture(scope="session")
def model() -> Model:
    """The shipped model, read once: nothing writes into it."""
    return load_model("general")


@pytest.fixture(scope="session", autouse=True)
def journals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Journals of watched folders lie where the test's folders do, not in the user's own state folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LTS_BATCH_JOURNALS", str(tmp_path_factory.mktemp("journals")))
        yield


@pytest.fixture
def tree() -> Tree:
    """A function that lists everything under a folder with a hash of its content, to compare before and after."""
    return listed


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """A function that finds a program; the test is skipped without it, and fails where CI promises to have it."""

    def find(name: str) -> str:
        found = shutil.which(name)
        if found is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"the program {name} is not installed")
        return found

    return find
