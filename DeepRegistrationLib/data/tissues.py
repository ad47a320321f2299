"""Labels joined to tissues that look alike in every contrast."""

import torch

_OTHER = "other"
# values of the CRL key; both sides of the brain and subdivisions that share their contrast together
_CRL_TISSUES = {
    "cortex": (112, 113),
    "hippocampus and amygdala": (37, 38, 41, 42),
    "basal ganglia": (71, 72, 73, 74),
    "thalamus": (77, 78, 108, 109),
    "ventricle": (92, 93),
    "cerebrospinal fluid": (124,),
    "cerebellum": (100, 101),
    "brainstem": (94,),
    "subplate": (114, 115),
    "intermediate zone": (116, 117),
    "ventricular zone": (118, 119),
    "white matter": (120, 121),
    "tracts": (91, 110, 111, 122, 123),
    _OTHER: (125,),
}
TISSUES = tuple(_CRL_TISSUES)
"""Names, in the order of the maps."""


def tissue_maps(labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """One map per tissue.

    Args:
        labels: (K, J, I) integers of the CRL key.
        mask: (K, J, I) bool; voxels inside without a known label are "other".

    Returns:
        (T, K, J, I) float32; 1 where the tissue is; the sum is the mask.
    """
    maps = [
        torch.isin(labels, torch.tensor(values, dtype=labels.dtype)) & mask
        for values in _CRL_TISSUES.values()
    ]
    known = torch.stack(maps).any(0)
    maps[TISSUES.index(_OTHER)] |= mask & ~known
    return torch.stack(maps).float()
