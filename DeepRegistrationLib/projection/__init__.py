"""Radiographs of volumes (DRRs): line integrals along the rays of a camera, differentiable in everything.

Start at `projector.project`. Three backends add up the samples of each ray and give the same numbers:
`torch_reference` (any device), `cpu_fused` (numba), `cuda_fused` (Triton); `line_integrals` joins them to
autograd. `beam_space` resamples a volume along the rays and back; `labels` projects parts of a volume.
May import `images`, `geometry`.
"""
