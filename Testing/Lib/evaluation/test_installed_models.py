"""Methods that need networks which are not there, and studies begun with other networks."""

import pytest

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.evaluation.installed_models import (
    check_models,
    check_same_models,
    methods_at_hand,
    models_of,
)
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeMethod
from DeepRegistrationLib.models.catalog import Network
from DeepRegistrationLib.models.export import add_model
from DeepRegistrationLib.models.registry import build_network
from Testing.Lib.models.conftest import FACTS


def test_what_needs_no_network_can_be_measured_without_one(no_networks):
    assert methods_at_hand(FetalVolumeMethod) == ("auto", "bank", "vvr-gc", "vvr-paa")
    assert methods_at_hand(FetalSliceMethod) == ("auto", "bank", "svr-gc")
    check_models(methods_at_hand(FetalVolumeMethod))
    assert models_of(FetalVolumeMethod.AUTO) == models_of(FetalSliceMethod.AUTO) == ""


def test_methods_without_their_networks_are_refused_in_one_sentence(no_networks):
    with pytest.raises(InputError) as refused:
        check_models([FetalVolumeMethod.BANK, FetalVolumeMethod.POSE_NET, FetalVolumeMethod.VVR_DEEP])
    text = str(refused.value)
    assert text.startswith("pose-net, vvr-deep cannot be measured")
    assert "fetal-pose-net, fetal-correction-net" in text
    assert "--method" in text
    assert "DEEPREGISTRATION_MODELS" in text
    with pytest.raises(InputError, match=r"svr-deep .* fetal-slice-net"):
        check_models([FetalSliceMethod.SVR_DEEP])


def test_a_network_that_is_there_is_named_with_version_and_checksum(no_networks):
    network = build_network(Network.POSE_NET, FACTS["settings"])
    entry = add_model("fetal-pose-net", Network.POSE_NET, network.state_dict(), FACTS)
    assert models_of(FetalVolumeMethod.POSE_NET) == f"fetal-pose-net 1 {entry.sha256[:8]}"
    assert "pose-net" in methods_at_hand(FetalVolumeMethod)
    assert "correction-net" not in methods_at_hand(FetalVolumeMethod)
    # auto asks both networks or none
    assert models_of(FetalVolumeMethod.AUTO) == ""


def test_a_study_is_not_continued_with_other_networks():
    check_same_models("pose-net", "fetal-pose-net 1 aa", "fetal-pose-net 1 aa")
    with pytest.raises(InputError, match=r"'auto' with none, today fetal-pose-net 2 bb.*--output"):
        check_same_models("auto", "", "fetal-pose-net 2 bb")
