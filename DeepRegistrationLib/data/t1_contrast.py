"""T1 contrast of the perinatal brain: which tissue is how bright.

Before myelination the contrast is the reverse of an adult's: on T1 cortex and deep grey matter are brighter
than white matter, and fluid is darkest; on T2 the order is the opposite. Brainstem and internal capsule
myelinate first. In the months after birth white matter passes grey matter on T1, some months before it does
on T2.

Sources: order of the tissues: Barkovich et al., Radiology 166:173, 1988. Rates at 3 T: Williams et al.,
Radiology 235:595, 2005: grey matter relaxes 30 +- 9 % faster than white matter, and longitudinal and
transverse rates go together (correlation 0.94). Where neither gives a number, the range is our own choice.
"""

from dataclasses import dataclass
from enum import IntEnum

import torch


class Tissue(IntEnum):
    """Tissues that differ in T1; the value is the channel of `tissue_fractions`."""

    FLUID = 0
    CORTEX = 1
    DEEP_GREY = 2
    WHITE = 3
    GERMINAL = 4
    COMMISSURE = 5
    CAPSULE = 6
    BRAINSTEM = 7
    CEREBELLUM = 8


# Both parcellations of the atlas (`atlases/label_names.py`): up to week 30 white matter comes as subplate and
# intermediate zone with a ventricular zone, from week 30 on as one.
_LABELS = {
    Tissue.FLUID: (92, 93, 124),
    Tissue.CORTEX: (37, 38, 41, 42, 112, 113),
    Tissue.DEEP_GREY: (71, 72, 73, 74, 77, 78, 108, 109, 125),
    Tissue.WHITE: (114, 115, 116, 117, 120, 121),
    Tissue.GERMINAL: (118, 119),
    Tissue.COMMISSURE: (91, 110, 111),
    Tissue.CAPSULE: (122, 123),
    Tissue.BRAINSTEM: (94,),
    Tissue.CEREBELLUM: (100, 101),
}


@dataclass(frozen=True)
class T1Ranges:
    """From which ranges a T1 contrast is drawn, uniformly: (lowest, highest).

    Attributes:
        white_rate: longitudinal relaxation rate of white matter without myelin, 1.5 to 3 T [1/s].
        fluid_rate: the same of cerebrospinal fluid [1/s].
        cortex: rate divided by that of white matter; the measured mean and two deviations on either side.
        deep_grey: the same of basal ganglia and thalamus.
        germinal: the same of the ventricular zone, which is full of cells.
        commissure: the same of corpus callosum and fornix.
        capsule: the same of the internal capsule.
        brainstem: the same of the brainstem.
        cerebellum: the same of the cerebellum.
        myelinated: share of the images in which white matter has begun to myelinate.
        myelin: what its rate is then multiplied by; capsule, commissures and brainstem are never behind it.
        fluid_density: proton density relative to water.
        grey_density: the same of grey matter.
        white_density: the same of white matter.
        recovery_s: time during which the magnetization recovers [s].
        inversion: share of the magnetization that is inverted beforehand, from 0 (saturation recovery) to 1.
    """

    white_rate: tuple[float, float] = (0.35, 0.55)
    fluid_rate: tuple[float, float] = (0.22, 0.28)
    cortex: tuple[float, float] = (1.12, 1.48)
    deep_grey: tuple[float, float] = (1.2, 1.7)
    germinal: tuple[float, float] = (1.1, 1.4)
    commissure: tuple[float, float] = (1.0, 1.4)
    capsule: tuple[float, float] = (1.0, 1.7)
    brainstem: tuple[float, float] = (1.2, 1.8)
    cerebellum: tuple[float, float] = (1.1, 1.5)
    myelinated: float = 0.25
    myelin: tuple[float, float] = (1.0, 1.7)
    fluid_density: tuple[float, float] = (0.97, 1.0)
    grey_density: tuple[float, float] = (0.83, 0.88)
    white_density: tuple[float, float] = (0.84, 0.92)
    recovery_s: tuple[float, float] = (0.5, 1.8)
    inversion: tuple[float, float] = (0.0, 1.0)


def tissue_fractions(labels: torch.Tensor) -> torch.Tensor:
    """Which tissue each voxel belongs to.

    Args:
        labels: (...) integers of the CRL key, either parcellation; 0 is background.

    Returns:
        (9, ...) float32; 1 in the channel of its `Tissue`, 0 elsewhere; background is 0 in all.

    Raises:
        ValueError: a label that is not in the key.
    """
    known = {label: tissue for tissue, group in _LABELS.items() for label in group}
    unknown = sorted(set(torch.unique(labels).tolist()) - set(known) - {0})
    if unknown:
        raise ValueError(f"no T1 is known for the labels {unknown}: they are not in the key of the CRL atlas")
    return torch.stack(
        [torch.isin(labels, torch.tensor(_LABELS[tissue], device=labels.device)).float() for tissue in Tissue]
    )


def draw_t1_signals(count: int, generator: torch.Generator, ranges: T1Ranges) -> torch.Tensor:
    """Signals of the tissues in some T1-weighted images.

    signal = density * (1 - (1 + inversion) * exp(-recovery * rate)); the sign is kept where the magnetization
    is still inverted.

    Args:
        count: images.
        generator: source of the random numbers.
        ranges: from where.

    Returns:
        (count, 9) float32 on the generator's device; in the order of `Tissue`, any unit.
    """

    def draw(limits: tuple[float, float]) -> torch.Tensor:
        uniform = torch.rand(count, generator=generator, device=generator.device)
        return limits[0] + (limits[1] - limits[0]) * uniform

    bare = draw(ranges.white_rate)
    myelinated = draw((0.0, 1.0)) < ranges.myelinated
    white = bare * torch.where(myelinated, draw(ranges.myelin), torch.ones_like(bare))
    fluid_density, grey_density = draw(ranges.fluid_density), draw(ranges.grey_density)
    white_density = draw(ranges.white_density)
    rate_and_density = {
        Tissue.FLUID: (draw(ranges.fluid_rate), fluid_density),
        Tissue.CORTEX: (bare * draw(ranges.cortex), grey_density),
        Tissue.DEEP_GREY: (bare * draw(ranges.deep_grey), grey_density),
        Tissue.WHITE: (white, white_density),
        Tissue.GERMINAL: (bare * draw(ranges.germinal), grey_density),
        Tissue.COMMISSURE: (torch.maximum(bare * draw(ranges.commissure), white), white_density),
        Tissue.CAPSULE: (torch.maximum(bare * draw(ranges.capsule), white), white_density),
        Tissue.BRAINSTEM: (torch.maximum(bare * draw(ranges.brainstem), white), white_density),
        Tissue.CEREBELLUM: (bare * draw(ranges.cerebellum), grey_density),
    }
    rates = torch.stack([rate_and_density[tissue][0] for tissue in Tissue], dim=1)  # (B, 9)
    densities = torch.stack([rate_and_density[tissue][1] for tissue in Tissue], dim=1)
    recovery, inversion = draw(ranges.recovery_s)[:, None], draw(ranges.inversion)[:, None]
    return densities * (1 - (1 + inversion) * torch.exp(-recovery * rates))
