"""The learned similarity of the ProST paper, loaded and prepared for one registration."""

from DeepRegistrationLib.models.catalog import ModelStamp, find_model
from DeepRegistrationLib.models.load import load_model
from DeepRegistrationLib.optimize.learned_similarity import LearnedSimilarity, PreparedSimilarity
from DeepRegistrationLib.workflows.xray_pose_search import XrayScene

XRAY_DEEP_NET = "xray-deep-net"


def learned_similarity(scene: XrayScene) -> tuple[PreparedSimilarity, ModelStamp]:
    """What DeepNet says of the poses of this CT before these radiographs, and which DeepNet.

    Args:
        scene: CT, radiographs, start.

    Raises:
        RegistrationError: the network is not installed, or a radiograph does not show the anatomy.
    """
    bone = scene.anatomy.bone
    network = load_model(XRAY_DEEP_NET, bone.values.device)
    prepared = LearnedSimilarity(network).prepare(
        bone, scene.radiographs, scene.start, scene.anatomy.centre_ras
    )
    return prepared, find_model(XRAY_DEEP_NET).stamp
