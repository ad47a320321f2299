"""What the paper measured, as data: tables 1 to 3 of Mohseni Salehi et al., arXiv:1803.05982, 2018.

400 samples of 40 fetuses (test set 1). The paper prints standard deviations beside the means, and the edges
of its six bins of the rotation's size above them; neither is in the text that this was made from, and neither
is guessed. Its bins hold roughly equal counts of samples, so they correspond to ours in order and not exactly
in angle. Figures 3, 4, 5, 7 and 8 are box plots without printed numbers: what they show is said in words.
"""

BINS = 6
FETUSES, SAMPLES = 40, 400

SLICES_MEAN_DEG = {
    "paper: SVR-GC": (21.36, 50.62, 70.16, 83.28, 105.64, 147.69),
    "paper: slice net, MSE": (16.73, 17.3, 21.96, 23.86, 23.84, 46.01),
    "paper: slice net, geodesic": (15.1, 14.05, 16.18, 24.33, 19.8, 36.47),
    "paper: SVR-Deep": (10.23, 12.32, 13.08, 17.6, 16.19, 26.85),
}
"""Mean errors [degrees] in six bins of the rotation's size; table 1, figure 3. Poses of half a space."""

VOLUMES_MEAN_DEG = {
    "paper: VVR-GC": (2.42, 45.39, 149.91, 177.0, 174.87, 177.2),
    "paper: VVR-PAA": (95.54, 131.1, 128.44, 129.68, 131.15, 141.44),
    "paper: Pose-Net, MSE": (23.96, 26.11, 24.01, 28.74, 29.01, 55.76),
    "paper: Pose-Net, geodesic": (10.08, 11.44, 12.43, 13.46, 16.46, 34.19),
    "paper: Correction-Net": (4.54, 4.45, 4.83, 4.82, 6.33, 19.42),
    "paper: VVR-Deep": (2.42, 2.35, 2.43, 2.36, 4.84, 20.44),
}
"""Mean errors [degrees] in six bins of the rotation's size; table 2, figure 4. All of SO(3)."""

SECONDS = {
    "volume": {
        "paper: VVR-GC": "553",
        "paper: VVR-Deep": "365",
        "paper: Pose-Net and Correction-Net (graphics card)": "about 0.1",
    },
    "slice": {"paper: SVR-GC": "498", "paper: SVR-Deep": "184"},
}
"""Mean time of a registration [s]; table 3. What is no network ran on a Core i7-5930K, networks on a GeForce
GTX 1080; of their times the text that this was made from tells only the 80 ms between Pose-Net and
Correction-Net, for resampling the image, and that they are real-time."""

FIGURES = {
    "3": "The paper's figure 3: SVR-GC fails in most cases, SVR-Deep is best in every bin.",
    "4": "The paper's figure 4: VVR-Deep fails least, Correction-Net in a few of the largest rotations.",
    "5": "The paper's figure 5: the translation error of Correction-Net beside the initial one.",
    "7": "The paper's figure 7: errors of Pose-Net rise slightly towards the youngest fetuses; it had been "
    "trained on older ones.",
    "8": "The paper's figure 8: Pose-Net does not generalize to newborns in T1; contrast transfer lowers its "
    "errors significantly.",
}
"""What figures without printed numbers show, from their captions."""
