"""How torch's threads wait for each other; to be set before torch is imported."""

import os


def share_the_processor() -> None:
    """Lets waiting threads sleep instead of spin.

    By default a thread that waits at a barrier burns its core. If the machine does anything else, the thread
    it waits for then gets no core: a registration took 27 s beside two busy processes, and 3 s with this.
    What the user has set in the environment is kept.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # GNU's library: look for a moment before sleeping; barriers of small tensors are that short
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
