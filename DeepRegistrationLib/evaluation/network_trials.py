"""What is kept of each answer of a network."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkTrial:
    """One input and how far the answer was off.

    Attributes:
        network: which one, or several after each other.
        models: its weights: name, version or file, and checksum.
        brain: name.
        group: kind of brain.
        contrast: kind of image: "T2", "T1", "T1-like", or either T1 "as T2".
        number: of the input.
        seed: of the study.
        size_deg: the rotation that was to be found [degrees].
        rotation_deg: error [degrees]; of slices with the half space known.
        either_deg: of slices: error to the slice or its mirror image, whichever is nearer [degrees].
        initial_mm: shift of the brain before the network was asked [mm]; NaN if the network tells none.
        translation_mm: error of the shift, or of a slice's plane [mm]; NaN if the network tells none.
    """

    network: str
    models: str
    brain: str
    group: str
    contrast: str
    number: int
    seed: int
    size_deg: float
    rotation_deg: float
    either_deg: float
    initial_mm: float
    translation_mm: float

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """What makes a trial the same one in another run."""
        return self.network, self.brain, self.contrast, self.number, self.seed
