"""An atlas of phantoms: small, but real files with masks and labels."""

from pathlib import Path

import pytest

from DeepRegistrationLib.data.phantom import write_phantom_atlas


@pytest.fixture(scope="session")
def a_phantom_atlas_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("atlas")
    # week 28 is for validation
    write_phantom_atlas(folder, weeks=(24, 28, 32), spacing_mm=3.0)
    return folder
