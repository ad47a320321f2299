"""One registration each of real brains and of an adult's CT; skipped where the images are not."""

from pathlib import Path

import numpy as np
import pytest

from DeepRegistrationLib.atlases.fetal_atlas import FetalAtlas
from DeepRegistrationLib.geometry.rigid import rotation_error_deg
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.job_runner import run_job
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeFiles, FetalVolumeMethod, FetalVolumeSettings
from DeepRegistrationLib.jobs.job import ExitCode, Job, JobKind, Outputs
from DeepRegistrationLib.models.catalog import model_catalog
from DeepRegistrationLib.workflows.fetal_networks import CORRECTION_NET, POSE_NET
from DeepRegistrationLib.workflows.fetal_volume import FetalVolumeInputs, register
from DeepRegistrationLib.workflows.result import Trust
from Testing.Lib.pictures import rigid

IMAGES = Path(__file__).resolve().parents[4] / "shared" / "data"
BRAINS = IMAGES / "fetal-brain"

pytestmark = pytest.mark.skipif(
    not (BRAINS / "sta").is_dir(),
    reason="the public images are not there: ../shared/data beside the checkout",
)
OTHER_WAY_UP = rigid((150, 40, -70), (12.0, -9.0, 14.0))


@pytest.fixture(scope="module")
def the_atlas():
    return FetalAtlas.from_folder(BRAINS / "sta")


def turned(volume):
    return Volume(volume.values, volume.geometry.moved(OTHER_WAY_UP), volume.name)


def test_a_spina_bifida_brain_ends_in_the_same_pose_from_any_orientation(the_atlas):
    image = read_volume(BRAINS / "spina-bifida-atlas" / "SB_GA27_operated_T2w.nii.gz")
    mask = read_volume(BRAINS / "spina-bifida-atlas" / "SB_GA27_operated_mask.nii.gz", labels=True)
    settings = FetalVolumeSettings(gestational_age_weeks=27.0)
    upright = register(FetalVolumeInputs(image, mask, the_atlas), settings)
    found = register(FetalVolumeInputs(turned(image), turned(mask), the_atlas), settings)
    assert float(rotation_error_deg(found.fixed_from_moving @ OTHER_WAY_UP, upright.fixed_from_moving)) < 0.5
    assert found.confidence.trust == Trust.HIGH
    # this atlas lies within some degrees of the other one as it is
    assert float(rotation_error_deg(upright.fixed_from_moving, np.eye(4))) < 10


def test_a_newborn_in_t1_is_registered_to_its_t2_template():
    image = turned(read_volume(BRAINS / "infant" / "Template-Month0-T1w.nii.gz"))
    atlas = FetalAtlas.from_files(BRAINS / "infant" / "Template-Month0-T2w.nii.gz")
    found = register(FetalVolumeInputs(image, None, atlas), FetalVolumeSettings())
    # both templates lie in one space
    assert float(rotation_error_deg(found.fixed_from_moving @ OTHER_WAY_UP, np.eye(4))) < 1.5


def test_a_reconstructed_fetus_is_found_among_stray_slabs(the_atlas):
    image = read_volume(BRAINS / "mial-sub01" / "sub-01_rec-SR_T2w.nii.gz")
    found = register(FetalVolumeInputs(image, None, the_atlas), FetalVolumeSettings())
    assert found.confidence.trust == Trust.HIGH
    assert 22 <= found.settings["atlas_age_weeks"] <= 25
    labelled_ml = int((found.segmentation.values > 0).sum()) * image.geometry.voxel_volume_mm3 / 1000
    assert 80 < labelled_ml < 140


@pytest.mark.parametrize("name", ["totalseg/example_ct.nii.gz", "thorax/lidc0314_chest_ct_2mm.nii.gz"])
def test_the_ct_of_an_adult_ends_with_exit_code_4(name, tmp_path):
    job = Job(
        kind=JobKind.FETAL_VOLUME,
        files=FetalVolumeFiles(moving=IMAGES / "ct-bone" / name, atlas_dir=BRAINS / "sta"),
        settings=FetalVolumeSettings(),
        output_folder=tmp_path / "result",
        outputs=Outputs(warped=False, segmentation=False, report=False),
    )
    outcome = run_job(job)
    assert outcome.exit_code == ExitCode.NOT_TRUSTED
    assert "does not look like a fetal brain" in outcome.message


@pytest.mark.skipif(
    not {POSE_NET, CORRECTION_NET} <= set(model_catalog()), reason="the networks are not in the catalogue"
)
def test_networks_register_to_an_atlas_whose_axes_are_not_those_of_their_training():
    # the newborn templates of one space are stored with the patient's left and front the other way round
    folder = BRAINS / "infant"
    atlas = FetalAtlas.from_files(folder / "Template-Month0-T2w.nii.gz")
    subject = read_volume(folder / "Template-Month0-T1w.nii.gz")
    settings = FetalVolumeSettings(method=FetalVolumeMethod.CORRECTION_NET)
    result = register(FetalVolumeInputs(subject, None, atlas), settings)
    assert rotation_error_deg(result.fixed_from_moving, np.eye(4)) < 8
