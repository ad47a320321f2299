"""Trained networks: what there is, where it lies, checked and loaded; how a new one enters.

May import `networks`, `sample_data` and `file_download`. Start with `catalog.py`, then `load.py`. The
catalogue, the check of a file and the download need the standard library only; `registry.py`, `load.py`,
`state_dict.py` and `export.py` import torch.
"""
