"""Which class a network's name in the catalogue means, and what goes into it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.models.catalog import Network
from DeepRegistrationLib.networks.biplanar_net import BiplanarNet
from DeepRegistrationLib.networks.contrast_generator import ContrastGenerator
from DeepRegistrationLib.networks.correction_net import CorrectionNet
from DeepRegistrationLib.networks.pose_net import PoseNet
from DeepRegistrationLib.networks.slice_net import SliceNet
from DeepRegistrationLib.networks.us_angle_net import UsAngleNet
from DeepRegistrationLib.networks.xray_deep_net import XrayDeepNet


@dataclass(frozen=True)
class NetworkKind:
    """A network before its settings are chosen.

    Attributes:
        constructor: makes it from the settings of a catalogue entry.
        channels: of its input.
        dimensions: of its input: 2 for slices, 3 for volumes.
        answer: network, inputs -> its outputs, where these are not simply what the network returns.
    """

    constructor: Callable[..., nn.Module]
    channels: int
    dimensions: int
    answer: Callable[[nn.Module, torch.Tensor], object] = lambda network, inputs: network(inputs)


NETWORKS = {
    Network.POSE_NET: NetworkKind(PoseNet, channels=1, dimensions=3),
    Network.CORRECTION_NET: NetworkKind(CorrectionNet, channels=2, dimensions=3),
    Network.SLICE_NET: NetworkKind(SliceNet, channels=1, dimensions=2),
    Network.CONTRAST_GENERATOR: NetworkKind(ContrastGenerator, channels=1, dimensions=2),
    Network.US_ANGLE_NET: NetworkKind(UsAngleNet, channels=2, dimensions=2),
    Network.XRAY_DEEP_NET: NetworkKind(XrayDeepNet, channels=1, dimensions=3, answer=XrayDeepNet.of_shadows),
    Network.BIPLANAR_NET: NetworkKind(BiplanarNet, channels=1, dimensions=3, answer=BiplanarNet.of_volumes),
}


def build_network(network: Network, settings: Mapping[str, object]) -> nn.Module:
    """A network with weights that are not trained, on the CPU.

    The generator of random numbers is left as it was: a job gives the same result whether or not its models
    were loaded before.

    Args:
        network: which one.
        settings: arguments of its constructor.

    Raises:
        InputError: the constructor does not take these settings.
    """
    try:
        with torch.random.fork_rng(devices=[]):
            return NETWORKS[network].constructor(**settings)
    except (TypeError, ValueError, KeyError) as err:
        raise InputError(
            f"The network '{network}' cannot be made with the settings {dict(settings)} ({err}). "
            "Correct the settings, or install the newest DeepRegistration."
        ) from err


def input_shape(network: Network, batch: int, size: int) -> tuple[int, ...]:
    """Shape of a batch of inputs: (B, C, n, n) for slices, (B, C, n, n, n) for volumes.

    Args:
        network: which one.
        batch: number of inputs.
        size: pixels along each edge.
    """
    kind = NETWORKS[network]
    return (batch, kind.channels, *[size] * kind.dimensions)
