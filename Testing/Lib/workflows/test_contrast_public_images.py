"""The contrast transfer on the real atlas and on a newborn that no training has seen."""

from pathlib import Path

import numpy as np
import pytest
import torch

from DeepRegistrationLib.atlases.fetal_atlas import AtlasFiles, FetalAtlas, load_atlas_image
from DeepRegistrationLib.data.contrast_pairs import PairSettings, draw_pairs
from DeepRegistrationLib.data.contrast_volume import MASK, T2, contrast_volume
from DeepRegistrationLib.data.t1_contrast import T1Ranges, Tissue
from DeepRegistrationLib.geometry.rigid import rotation_error_deg
from DeepRegistrationLib.images.brain_mask import find_brain_mask
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeMethod, FetalVolumeSettings, MovingContrast
from DeepRegistrationLib.models.catalog import model_catalog
from DeepRegistrationLib.workflows.contrast_transfer import T1_TO_T2, t1_to_t2
from DeepRegistrationLib.workflows.fetal_volume import FetalVolumeInputs, register
from DeepRegistrationLib.workflows.prepared_brain import prepare_brain
from Testing.Lib.pictures import rigid

BRAINS = Path(__file__).resolve().parents[4] / "shared" / "data" / "fetal-brain"
CPU = torch.device("cpu")

pytestmark = pytest.mark.skipif(
    not (BRAINS / "sta").is_dir(),
    reason="the public images are not there: ../shared/data beside the checkout",
)


def week(number, labels):
    folder = BRAINS / "sta"
    return contrast_volume(
        load_atlas_image(
            AtlasFiles(
                folder / f"STA{number}.nii.gz",
                folder / f"STA{number}_mask.nii.gz",
                folder / f"STA{number}_{labels}.nii.gz",
                float(number),
            )
        ),
        size=48,
    )


@pytest.fixture(scope="module")
def week_30():
    return {labels: week(30, labels) for labels in ("WMZparc", "parc")}


def test_both_parcellations_of_one_week_give_one_white_matter(week_30):
    zones, whole = (week_30[labels].channels for labels in ("WMZparc", "parc"))
    of_zones = zones[Tissue.WHITE] + zones[Tissue.GERMINAL]
    assert float((of_zones - whole[Tissue.WHITE]).abs().mean()) < 0.01
    assert (whole[Tissue.GERMINAL] == 0).all()
    assert zones[Tissue.GERMINAL].sum() > 0.02 * zones[Tissue.WHITE].sum()


@pytest.mark.parametrize("labels", ["WMZparc", "parc"])
def test_real_white_matter_is_darker_than_cortex_on_t1_and_brighter_on_t2(week_30, labels):
    brain = week_30[labels]
    white, cortex = (
        brain.channels[T2][(brain.channels[tissue] > 0.8) & (brain.channels[MASK] > 0)].mean()
        for tissue in (Tissue.WHITE, Tissue.CORTEX)
    )
    assert white > cortex
    settings = PairSettings(full_mask=1.0, signals=T1Ranges(myelinated=0.0))
    drawn = draw_pairs([brain], 32, torch.Generator().manual_seed(0), settings)
    inside = drawn.mask > 0
    together = torch.stack([drawn.t1[inside], drawn.t2[inside]])
    assert float(torch.corrcoef(together)[0, 1]) < -0.5


@pytest.mark.skipif(T1_TO_T2 not in model_catalog(), reason=f"the model {T1_TO_T2} is not there")
def test_a_real_newborn_in_t1_is_like_its_t2_after_the_transfer():
    t1, t2 = (
        prepare_brain(volume, find_brain_mask(volume), CPU)
        for volume in (
            read_volume(BRAINS / "infant" / f"Template-Month0-{kind}.nii.gz") for kind in ("T1w", "T2w")
        )
    )
    made = t1_to_t2(t1)

    def on_cube(brain):
        image, mask = brain.level(float(made.image.geometry.spacing_mm[0]))
        inside = resample(mask, made.image.geometry).values
        return resample(image, made.image.geometry).values / inside.clamp(min=0.5), inside > 0.5

    (before, _), (true, in_t2) = on_cube(t1), on_cube(t2)
    inside = (made.mask.values > 0) & in_t2

    def correlation(image):
        return float(torch.corrcoef(torch.stack([image[inside], true[inside]]))[0, 1])

    assert correlation(before) < -0.5
    assert correlation(made.image.values) > 0.55


@pytest.mark.skipif(T1_TO_T2 not in model_catalog(), reason=f"the model {T1_TO_T2} is not there")
def test_a_newborn_in_t1_is_registered_to_t2_more_exactly_after_the_transfer():
    folder = BRAINS / "infant"
    atlas = FetalAtlas.from_files(folder / "Template-Month0-T2w.nii.gz")
    t1 = read_volume(folder / "Template-Month0-T1w.nii.gz")
    turn = rigid((40, -110, 75), (5, -3, 8))
    turned = Volume(t1.values, t1.geometry.moved(turn), t1.name)
    errors = {}
    for contrast in MovingContrast:
        settings = FetalVolumeSettings(FetalVolumeMethod.BANK, contrast=contrast)
        result = register(FetalVolumeInputs(turned, None, atlas), settings)
        errors[contrast] = rotation_error_deg(result.fixed_from_moving @ turn, np.eye(4))
        assert (T1_TO_T2 in {stamp.name for stamp in result.models}) == (contrast == MovingContrast.T1_TO_T2)
    assert errors[MovingContrast.T1_TO_T2] < min(0.3, errors[MovingContrast.AS_IT_IS])
