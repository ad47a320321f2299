"""Reading an atlas folder, its ages, masks and label names."""

import shutil

import pytest
import torch

from DeepRegistrationLib.atlases.fetal_atlas import FetalAtlas, load_atlas_image
from DeepRegistrationLib.atlases.label_names import segments_of
from DeepRegistrationLib.data.phantom import write_phantom_atlas
from DeepRegistrationLib.errors import InputError


@pytest.fixture(scope="module")
def a_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("atlas") / "phantoms"
    write_phantom_atlas(folder, weeks=(24, 30), spacing_mm=3.0)
    return folder


def test_images_are_found_with_their_ages_masks_and_labels(a_folder):
    atlas = FetalAtlas.from_folder(a_folder)
    assert [entry.gestational_age_weeks for entry in atlas.files] == [24, 30]
    assert atlas.files[0].mask.name == "PHA24_mask.nii.gz"
    assert atlas.files[1].labels.name == "PHA30_parc.nii.gz"


def test_the_nearest_age_is_chosen(a_folder):
    atlas = FetalAtlas.from_folder(a_folder)
    assert atlas.nearest(26.9)[0].gestational_age_weeks == 24
    assert atlas.nearest(27.1)[0].gestational_age_weeks == 30
    assert len(atlas.nearest(20, 5)) == 2


def test_labels_carry_names_and_distinct_colours(a_folder):
    image = load_atlas_image(FetalAtlas.from_folder(a_folder).files[1])
    names = [segment.name for segment in image.segments]
    assert "Left cerebellum" in names
    assert "Brainstem" in names
    assert len({segment.colour for segment in image.segments}) == len(image.segments)


def test_without_mask_the_labelled_voxels_are_the_brain(a_folder):
    with_mask = load_atlas_image(FetalAtlas.from_folder(a_folder).files[0])
    files = FetalAtlas.from_files(a_folder / "PHA24.nii.gz", a_folder / "PHA24_parc.nii.gz").files[0]
    assert torch.equal(load_atlas_image(files).mask.values, with_mask.mask.values)


def test_a_second_read_comes_from_memory_until_the_file_changes(a_folder, tmp_path):
    shutil.copytree(a_folder, tmp_path / "copy")
    files = FetalAtlas.from_folder(tmp_path / "copy").files[0]
    first = load_atlas_image(files)
    assert load_atlas_image(files) is first
    shutil.copy(a_folder / "PHA30.nii.gz", files.image)
    shutil.copy(a_folder / "PHA30_mask.nii.gz", files.mask)
    shutil.copy(a_folder / "PHA30_parc.nii.gz", files.labels)
    assert load_atlas_image(files).image.geometry.shape_kji != first.image.geometry.shape_kji


def test_a_missing_folder_is_named_with_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"does not exist.*deepregistration data download"):
        FetalAtlas.from_folder(tmp_path / "nowhere")


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no image", encoding="utf-8")
    with pytest.raises(InputError, match=r"holds no atlas image.*found 1 other"):
        FetalAtlas.from_folder(tmp_path)


def test_a_mask_of_another_size_is_refused(a_folder):
    files = FetalAtlas.from_files(a_folder / "PHA24.nii.gz", mask=a_folder / "PHA30_mask.nii.gz").files[0]
    with pytest.raises(InputError, match="lies on another grid"):
        load_atlas_image(files)


def test_foreign_labels_are_named_by_number():
    assert [segment.name for segment in segments_of([0, 3, 1])] == ["Label 1", "Label 3"]
