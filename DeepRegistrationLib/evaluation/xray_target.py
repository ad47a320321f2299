"""What the studies of CT and radiographs register to; needs nothing but the standard library."""

from enum import StrEnum


class XrayTarget(StrEnum):
    """What is registered to."""

    DRR = "drr"
    """The DRR of the whole CT."""
    BONES = "bones"
    """The same, but nothing of the CT is registered except its bones, as in the paper."""
    REALISTIC = "realistic"
    """A simulated radiograph: spectrum, scatter, noise, collimation."""
    TWO_VIEWS = "two-views"
    """Two such DRRs, 90 degrees apart."""
