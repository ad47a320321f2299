"""What the paper measured, as data: Table 1 of Gao et al., MICCAI 2020 ("Generalizing spatial transformers").

150 simulated radiographs; 10 radiographs of a cadaver from 10 starts each. Its errors are means over the
three axes of the sizes of the differences: the starts, both poses from N(0, 20 degrees) and N(0, 37.5 mm),
have 41.57 +- 18.01 mm and 21.16 +- 9.27 degrees, as such means must have (42.3 +- 18.5, 22.6 +- 9.9) and as
distances and angles (85 mm, 45 degrees) cannot.
"""

SIMULATED = {
    "paper: start": ("41.57 +- 18.01", "", "21.16 +- 9.27", ""),
    "paper: grad-ncc": ("41.83 +- 23.08", "38.30", "21.97 +- 11.26", "22.12"),
    "paper: net": ("13.10 +- 18.53", "9.85", "10.21 +- 7.55", "9.47"),
    "paper: net+grad-ncc": ("7.83 +- 19.8", "0.25", "4.94 +- 8.78", "0.27"),
}
"""Method -> translation mean and standard deviation, median [mm]; rotation mean, median [degrees]."""

REAL = {
    "paper: start": ("30.50 +- 13.90", "", "14.22 +- 5.56", ""),
    "paper: grad-ncc": ("29.52 +- 20.51", "26.28", "15.76 +- 8.37", "16.35"),
    "paper: net": ("12.14 +- 6.44", "11.06", "13.00 +- 4.42", "12.61"),
    "paper: net+grad-ncc": ("7.02 +- 9.22", "2.89", "6.94 +- 7.47", "3.76"),
}
"""The same for its real radiographs, starts from N(0, 15 degrees), N(0, 30 mm)."""

FIGURE = (
    "The paper's figure 3 shows the errors along and about the three axes as histograms: grad-ncc alone "
    "stays at the starts, net+grad-ncc gathers at zero, and depth (AP) is the widest direction."
)
"""What a figure without printed numbers shows."""
