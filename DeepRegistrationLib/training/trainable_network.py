"""Names of the networks that can be trained; free of torch, for the command line."""

from enum import StrEnum


class TrainableNetwork(StrEnum):
    """Networks that can be trained; the value is the name on the command line."""

    POSE_NET = "pose-net"
    CORRECTION_NET = "correction-net"
    SLICE_NET = "slice-net"
    CONTRAST = "contrast"
    CONTRAST_UNPAIRED = "contrast-unpaired"
    XRAY_DEEP_NET = "xray-deep-net"
    US_ANGLE_NET = "us-angle-net"
    US_TRIPLET_NET = "us-triplet-net"
    BIPLANAR_AFFINE_NET = "biplanar-affine-net"
    BIPLANAR_NET = "biplanar-net"
    BIPLANAR_SDM_NET = "biplanar-sdm-net"
    BIPLANAR_LABEL_NET = "biplanar-label-net"
