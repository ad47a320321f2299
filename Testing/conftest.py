"""Settings for every test, here and in the processes that tests start."""

import os

# with two busy threads on two cores small operations take up to a hundred times longer; torch reads it once
os.environ.setdefault("OMP_NUM_THREADS", "1")
