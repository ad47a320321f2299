"""Images made in code: phantoms for tests and the offline demo (training sets will live here too).

May import `geometry`, `images` and `atlases`. Start with `phantom.py`.
"""
