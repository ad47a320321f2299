"""What is kept of each answer of the biplanar networks."""

from dataclasses import dataclass

from DeepRegistrationLib.evaluation.biplanar_trials import BiplanarKey


@dataclass(frozen=True)
class BiplanarNetworkTrial:
    """One answer.

    Attributes:
        case: name of the patient.
        group: folder it comes from.
        setup: of `BiplanarSetup`; what the network got.
        method: name of the network.
        variant: of `NetworkVariant`.
        seed: of angles and noise.
        first_deg: primary angle of the first view [degrees].
        second_deg: of the second view, as it really was [degrees].
        dice: overlap with the true bone, on the patient's grid, as the following.
        jaccard: the same.
        assd_mm: average symmetric surface distance [mm].
        hausdorff_mm: 95 % Hausdorff distance [mm].
        affine_dice: overlap after the affine part alone; NaN of a network without one.
        ssim: structural similarity of the warped atlas and the true CT, both masked to the bone; NaN of a
            label map.
        folded: voxels at which the map folds.
        rotation_deg: of the affine part against the best similarity map for the true CT [degrees]; NaN of a
            network without one.
        turn_deg: of the affine part against the turn with which the patient was made [degrees]; NaN where it
            is not known.
        seconds: wall time of the answer [s].
    """

    case: str
    group: str
    setup: str
    method: str
    variant: str
    seed: int
    first_deg: float
    second_deg: float
    dice: float
    jaccard: float
    assd_mm: float
    hausdorff_mm: float
    affine_dice: float
    ssim: float
    folded: int
    rotation_deg: float
    turn_deg: float
    seconds: float

    @property
    def key(self) -> BiplanarKey:
        """What makes a trial the same one in another run."""
        return self.case, self.setup, self.method, self.seed
