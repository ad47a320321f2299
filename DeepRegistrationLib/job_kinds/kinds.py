"""Every kind of job there is. A new one is a file beside this one, and a line here."""

from DeepRegistrationLib.job_kinds.biplanar import BIPLANAR
from DeepRegistrationLib.job_kinds.fetal import FETAL_SLICE, FETAL_VOLUME
from DeepRegistrationLib.job_kinds.steps import JobSteps
from DeepRegistrationLib.job_kinds.us_angles import US_ANGLES
from DeepRegistrationLib.job_kinds.xray_ct import XRAY_CT
from DeepRegistrationLib.jobs.job import JobKind

KINDS: dict[JobKind, JobSteps] = {
    JobKind.FETAL_VOLUME: FETAL_VOLUME,
    JobKind.FETAL_SLICE: FETAL_SLICE,
    JobKind.XRAY_CT: XRAY_CT,
    JobKind.US_ANGLES: US_ANGLES,
    JobKind.BIPLANAR: BIPLANAR,
}
