"""Poses of slices written another way: about another point, or from a matrix."""

import math
from dataclasses import replace

import numpy as np
import torch

from DeepRegistrationLib.optimize.pose_batch import PoseBatch
from DeepRegistrationLib.workflows.prepared_atlas import PreparedAtlas
from DeepRegistrationLib.workflows.prepared_slice import PreparedSlice


def about(poses: PoseBatch, centre_fixed: np.ndarray) -> PoseBatch:
    """The same maps, about another point of the slices."""
    shift = torch.as_tensor(centre_fixed - poses.centre_fixed).to(poses.translation)
    return replace(poses, translation=poses.translation + poses.linear() @ shift, centre_fixed=centre_fixed)


def towards(poses: PoseBatch, centre_moving: np.ndarray) -> PoseBatch:
    """The same maps, about another point of the atlas."""
    shift = torch.as_tensor(poses.centre_moving - centre_moving).to(poses.translation)
    return replace(poses, translation=poses.translation + shift, centre_moving=centre_moving)


def pose_of_matrix(
    atlas_from_slice: np.ndarray, part: PreparedSlice, atlas: PreparedAtlas, scale: float | None
) -> PoseBatch:
    """Batch of one from a matrix (4, 4); the centroid stays where the matrix puts it, whatever the scale."""
    like = part.image.values
    linear = atlas_from_slice[:3, :3]
    own_scale = float(np.cbrt(np.linalg.det(linear)))
    arrives = linear @ part.centre_ras + atlas_from_slice[:3, 3]
    return PoseBatch(
        rotation=torch.as_tensor(linear / own_scale).to(like)[None],
        translation=torch.as_tensor(arrives - atlas.brain.centre_ras).to(like)[None],
        log_scale=like.new_full((1,), math.log(own_scale if scale is None else scale)),
        centre_fixed=part.centre_ras,
        centre_moving=atlas.brain.centre_ras,
    )
