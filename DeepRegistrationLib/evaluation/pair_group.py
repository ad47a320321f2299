"""The groups of image pairs by name; imports nothing, so that `--help` needs no torch."""

from enum import StrEnum


class PairGroup(StrEnum):
    """Kinds of pairs."""

    STA = "sta"
    """Each week of the CRL atlas against the week next to it."""
    SPINA_BIFIDA = "spina-bifida"
    """Each image of the spina bifida atlas against the nearest week of the CRL atlas."""
    NEWBORN = "newborn"
    """The newborn T1 template against its T2 template: another contrast."""
    FETUS = "fetus"
    """One reconstructed fetus against the whole CRL atlas; neither mask nor age is given."""
