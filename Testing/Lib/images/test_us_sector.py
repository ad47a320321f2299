import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.ultrasound_frames import UltrasoundFrames
from DeepRegistrationLib.images.us_sector import find_sector
from DeepRegistrationLib.images.us_texture import locally_normalized
from DeepRegistrationLib.images.us_working_frames import working_frames
from Testing.Lib.ultrasound import in_machine, moved_frame


@pytest.fixture
def frames_of_a_machine():
    """Tissue in rows 20 to 259 and columns 60 to 299, a grey bar and letters outside."""
    pictures = [in_machine(moved_frame(angle, (0.0, 0.0))) for angle in (0.0, 1.0, 2.0)]
    return UltrasoundFrames(torch.from_numpy(np.stack(pictures)).float(), (0.2, 0.2), "frames")


def test_the_sector_is_the_tissue_without_bar_and_letters(frames_of_a_machine):
    sector = find_sector(frames_of_a_machine)
    true = torch.zeros(300, 400, dtype=torch.bool)
    true[20:260, 60:300] = True
    assert sector.shape == "rectangle"
    assert (sector.mask ^ true).float().mean() < 0.01
    assert not sector.mask[:, 375:].any()


def test_a_fan_is_found_with_its_slanted_edges():
    j, i = torch.meshgrid(torch.arange(300.0), torch.arange(400.0), indexing="ij")
    radius, angle = torch.hypot(i - 200, j), torch.atan2((i - 200).abs(), j)
    fan = (radius > 40) & (radius < 280) & (angle < 0.6)
    noise = torch.rand(3, 300, 400, generator=torch.Generator().manual_seed(1))
    frames = UltrasoundFrames((60 + 100 * noise) * fan, None, "fan")
    sector = find_sector(frames)
    assert sector.shape == "outline"
    overlap = (sector.mask & fan).sum() / (sector.mask | fan).sum()
    assert overlap > 0.95


def test_letters_in_the_tissue_are_left_out(frames_of_a_machine):
    values = frames_of_a_machine.values.clone()
    values[:, 100:112, 150:153] = 255
    values[:, 100:112, 140:150] = 0
    frames = UltrasoundFrames(values, None, "frames")
    mask = find_sector(frames).mask
    assert not mask[105, 151]
    assert mask[150, 151]


def test_where_nothing_is_like_a_sector_all_is_used_with_a_warning():
    values = torch.zeros(2, 200, 300)
    values[:, 50:53, 40:45] = 200
    sector = find_sector(UltrasoundFrames(values, None, "wires"))
    assert sector.shape == "whole frame"
    assert sector.mask.all()
    assert "Give a mask" in sector.warning


def test_a_mask_of_another_size_or_an_empty_one_is_refused(frames_of_a_machine):
    with pytest.raises(InputError, match="10 x 20 pixels, the frames 400 x 300"):
        find_sector(frames_of_a_machine, torch.ones(20, 10, dtype=torch.bool))
    with pytest.raises(InputError, match="empty"):
        find_sector(frames_of_a_machine, torch.zeros(300, 400, dtype=torch.bool))


@pytest.mark.parametrize("spacing", [(0.2, 0.2), (0.15, 0.4)])
def test_a_structure_lies_where_pitch_and_centre_of_the_working_frame_say(spacing):
    # a blob at a known place in mm, in pixels that need not be square
    place_mm = torch.tensor([31.0, 22.0])
    j, i = torch.meshgrid(torch.arange(240.0), torch.arange(400.0), indexing="ij")
    u, v = i * spacing[0], j * spacing[1]
    blob = torch.exp(-((u - place_mm[0]) ** 2 + (v - place_mm[1]) ** 2) / (2 * 3.0**2))
    mask = torch.zeros(240, 400, dtype=torch.bool)
    mask[7:225, 11:390] = True
    frames = UltrasoundFrames((200 * blob)[None], spacing, "blob")
    working = working_frames(frames, mask, 64)
    weight = working.values[0, 0] ** 4
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    found = torch.stack([(weight * axis).sum() / weight.sum() for axis in (columns, rows)])
    found_mm = working.centre_mm + (found - 31.5) * working.pitch_mm
    torch.testing.assert_close(found_mm.float(), place_mm, atol=0.05 * working.pitch_mm, rtol=0)


def test_gain_and_depth_gain_leave_no_trace_after_local_normalization():
    frame = moved_frame(0.0, (0.0, 0.0), size=96)[None, None]
    mask = torch.ones(1, 1, 96, 96)
    depth = torch.linspace(0.5, 1.0, 96)[:, None]
    plain, changed = locally_normalized(frame, mask), locally_normalized(0.8 * depth * frame, mask)
    correlation = torch.corrcoef(torch.stack([plain.flatten(), changed.flatten()]))[0, 1]
    assert correlation > 0.98
    assert plain.abs().max() <= 3
