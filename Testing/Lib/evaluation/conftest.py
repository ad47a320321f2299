"""Brains in poses that are known exactly: phantoms, drawn where they lie."""

from pathlib import Path

import numpy as np
import pytest
import torch

from DeepRegistrationLib.atlases.fetal_atlas import AtlasFiles, FetalAtlas
from DeepRegistrationLib.data.phantom import fetal_brain_phantom
from DeepRegistrationLib.evaluation.known_subjects import KnownSubject
from DeepRegistrationLib.evaluation.network_inputs import PosedBrain
from DeepRegistrationLib.evaluation.pair_group import SliceGroup
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.workflows.prepared_brain import prepare_brain
from Testing.Lib.pictures import FAR, about, oblique_geometry, rotation

CPU = torch.device("cpu")
BRAINS = Path(__file__).resolve().parents[4] / "shared" / "data" / "fetal-brain"
WEEK = 26
TURNED = rotation((40, -65, 110))
GRID = oblique_geometry((66, 80, 74), (1.9, 1.5, 2.2), FAR + np.array([3.0, -2.0, 4.0]), (25, -40, 65))


@pytest.fixture(scope="session")
def one_unseen_week(tmp_path_factory):
    """A folder with the real atlas of weeks 25 and 26 only: one brain that no network was trained on."""
    if not (BRAINS / "sta").is_dir():
        pytest.skip("the public images are not there: ../shared/data beside the checkout")
    folder = tmp_path_factory.mktemp("images")
    (folder / "sta").mkdir()
    for week in (25, 26):
        for path in (BRAINS / "sta").glob(f"STA{week}*"):
            (folder / "sta" / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="session")
def an_atlas():
    """The phantom upright, about the origin."""
    image, mask, _ = fetal_brain_phantom(WEEK, spacing_mm=1.6)
    return prepare_brain(image, mask, CPU)


@pytest.fixture(scope="session")
def a_turned_brain():
    """The same anatomy turned, far from the origin, on an oblique grid with unequal spacing.

    Image, mask and the map from the atlas.
    """
    subject_from_atlas = about(TURNED, [0, 0, 0], FAR)
    image, mask, _ = fetal_brain_phantom(WEEK, ras_from_phantom=subject_from_atlas, geometry=GRID)
    return image, mask, subject_from_atlas


@pytest.fixture(scope="session")
def a_posed_brain(an_atlas, a_turned_brain):
    image, mask, subject_from_atlas = a_turned_brain
    centre = (subject_from_atlas @ np.append(an_atlas.centre_ras, 1.0))[:3]
    return PosedBrain(
        "phantom", "T2", prepare_brain(image, mask, CPU), TURNED, centre, an_atlas, an_atlas.radius_mm
    )


@pytest.fixture
def a_subject(a_turned_brain):
    image, mask, subject_from_atlas = a_turned_brain
    return known_subject(image, mask, subject_from_atlas)


def known_subject(image: Volume, mask: Volume, subject_from_atlas: np.ndarray) -> KnownSubject:
    files = AtlasFiles(Path("atlas.nii.gz"), None, None, float(WEEK))
    return KnownSubject(
        "phantom",
        SliceGroup.ATLAS,
        files,
        image,
        mask,
        FetalAtlas((files,), "phantoms"),
        float(WEEK),
        np.linalg.inv(subject_from_atlas),
    )
