"""What a finished registration leaves on disk: result.json, the transform, images, labels, one folder.

May import everything below `workflows` and `workflows/result.py`; the same file names serve every job.
Start with `folder.py` (how the folder appears at once or not at all), then `json_result.py`.
"""
