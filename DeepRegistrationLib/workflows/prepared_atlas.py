"""The atlas at one age, ready for registration; kept between jobs of a resident worker."""

import functools
from dataclasses import dataclass

import torch

from DeepRegistrationLib.atlases.fetal_atlas import AtlasFiles, AtlasImage, load_atlas_image
from DeepRegistrationLib.optimize.rotation_bank import RotationBank
from DeepRegistrationLib.workflows.fetal_pose_search import make_bank
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain, prepare_brain


@dataclass(frozen=True, eq=False)
class PreparedAtlas:
    """One age of the atlas.

    Attributes:
        files: where it came from.
        source: image, mask and labels as read.
        brain: masked, cropped and scaled.
    """

    files: AtlasFiles
    source: AtlasImage
    brain: PreparedBrain

    @property
    def bank(self) -> RotationBank:
        """The brain under all rotations; made at first use."""
        return _bank(self)


def prepare_atlas(files: AtlasFiles, device: torch.device) -> PreparedAtlas:
    """Reads and prepares one age; the last ones stay in memory as long as the files do not change."""
    return _prepare(files, load_atlas_image(files), device)


# one bank takes a second and 150 MB; a second subject is often of the same or a neighbouring week
@functools.lru_cache(maxsize=2)
def _bank(atlas: PreparedAtlas) -> RotationBank:
    return make_bank(atlas.brain)


# up to four ages are tried for one subject
@functools.lru_cache(maxsize=4)
def _prepare(files: AtlasFiles, source: AtlasImage, device: torch.device) -> PreparedAtlas:
    return PreparedAtlas(files, source, prepare_brain(source.image, source.mask, device))
