"""Words of the field that reports cannot do without, for readers who do not know them."""

from __future__ import annotations

GLOSSARY = {
    "Attacker": "A program that guesses the gender of people it knows nothing of. Attackers differ in what they see, "
    "such as a classifier's answer or stored templates, and in what they have learned from.",
    "AUC": "How well two groups can be told apart by a number: 1 is without fail, 0.5 is guessing.",
    "Bits": "Unit of what is learned about gender. All there is to learn is 1 bit; 0 is nothing.",
    "Classifier": "A program that says whether a face is male or female.",
    "DET": "Figure of how many genuine pairs a matcher rejects, by how many impostors it accepts.",
    "EER": "The error rate of a matcher at the setting at which it rejects as many genuine pairs as it accepts "
    "impostors.",
    "Failure to acquire": "An image in which no usable face was found. It is counted, never left out silently.",
    "Fingerprint (SHA-256)": "A number computed from results; if anything in them changes, it changes too. A sign-off "
    "names it, so that it is clear which results were signed.",
    "Flip": "An image of which a classifier says the other gender than before.",
    "FMR": "False match rate: share of impostors that a matcher accepts.",
    "FNMR at FMR 0.1 %": "Share of genuine pairs that a matcher rejects when it accepts at most 1 in 1,000 impostors. "
    "“Genuine matches lost” is how much this grows.",
    "Genuine, impostor": "Two images of one person, and of two different people.",
    "Guessing": "Being right 50 times in 100, men and women counting one half each, whatever their numbers.",
    "Guide": "A classifier that the method was allowed to ask while it changed the images.",
    "Interval, upper bound": "Figures from few people could have come out differently with others. The interval is "
    "where the true figure lies in 95 of 100 such studies; the verdict uses its upper end.",
    "Matcher": "A program that says how likely two images show the same person.",
    "Nats": "Unit of how sure a classifier is; 0 means that it does not know.",
    "p, proportion": "Share of the images that are changed. Which ones is drawn with a secret key.",
    "PSNR": "How little an image was changed, in decibels: above some 40 a change is hard to see.",
    "Template": "What a matcher stores of a face: a row of numbers by which the person is recognised again.",
}
"""Meanings by word, in the order of the alphabet."""
