"""The public CTs are what the tables say they are."""

from pathlib import Path

import pytest
import torch

from DeepRegistrationLib.data.xray_ct_files import read_xray_ct
from DeepRegistrationLib.data.xray_split import XRAY_CTS

CTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "ct-bone"
WHOLE_BODIES = [entry for entry in XRAY_CTS if not entry.bone_only]


@pytest.mark.skipif(
    not CTS.is_dir(), reason="the public CTs are not there: ../shared/data beside the checkout"
)
@pytest.mark.parametrize("entry", WHOLE_BODIES, ids=lambda entry: entry.name)
def test_the_spine_is_behind_and_not_before_the_bowels(entry):
    """A CT whose header runs from back to front is a mirrored patient."""
    ct, _ = read_xray_ct(entry, CTS)

    def middle_ras(mask):
        kji = torch.nonzero(mask).double().mean(0).numpy()
        return ct.geometry.ras_from_ijk[:3] @ [*kji[::-1], 1]

    body, bones = middle_ras(ct.values > -300), middle_ras(ct.values > 250)
    assert body[1] - bones[1] > 5
