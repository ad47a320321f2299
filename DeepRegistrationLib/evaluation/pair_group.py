"""The groups of image pairs by name; imports nothing, so that `--help` needs no torch."""

from enum import StrEnum

AS_T2 = " as T2"
"""After the name of a T1-weighted brain that a network makes look like T2 before it is registered."""


class PairGroup(StrEnum):
    """Kinds of pairs."""

    STA = "sta"
    """Each week of the CRL atlas against the week next to it."""
    SPINA_BIFIDA = "spina-bifida"
    """Each image of the spina bifida atlas against the nearest week of the CRL atlas."""
    NEWBORN = "newborn"
    """The newborn T1 template against its T2 template: another contrast, and the truth is known."""
    NEWBORN_TO_FETAL = "newborn-to-fetal"
    """The newborn T2 template, its T1 template, and T1 made to look like T2, against the CRL atlas."""
    FETUS = "fetus"
    """One reconstructed fetus against the whole CRL atlas; neither mask nor age is given."""


class SliceGroup(StrEnum):
    """Kinds of brains that slices are cut from, and of stacks."""

    ATLAS = "atlas"
    """The weeks of the CRL atlas that no network was trained on."""
    FETUS = "fetus"
    """One reconstructed fetus."""
    NEWBORN_T2 = "newborn-t2"
    """The newborn T2 template."""
    NEWBORN_T1 = "newborn-t1"
    """The newborn T1 template."""
    NEWBORN_T1_AS_T2 = "newborn-t1-as-t2"
    """The same slices of it, made to look like T2 by a network."""
    STACKS = "stacks"
    """Whole stacks: three of one fetus as acquired, three with simulated motion."""
