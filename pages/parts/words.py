"""What the pages say about their terms and limits, written once."""

LABEL_NOTE = (
    "Gender is binary here only because the labels and the classifiers are. “Men” and “women” mean images labelled "
    "male and female: a label is what the data set says, not who a person is."
)

NOT_PROTECTED = """
- **Other classifiers.** A perturbation guided by one classifier often leaves others as good as they were; judge with
  several, and remember those you do not have.
- **Adaptive attackers.** Who knows the method can retrain a classifier on perturbed images, read the size of the score
  instead of its sign, or detect which images were changed.
- **Restoration.** Greyscale, blur, compression or denoising may undo small changes.
- **Everything else in the image.** Age, ethnicity, hair and clothes are untouched, and a person looking at the image
  sees the same face.
"""

HELP = {
    "gender_error": "Share of images for which the sign of the classifier's score differs from the label. 50 % is as "
    "good as a coin; an error near 100 % is no protection either, since an attacker can simply invert the answer.",
    "score": "Log-odds in nats: log p(male) - log p(female). Positive means the classifier says male; the further "
    "from 0, the surer it is.",
    "guide": "The classifier that the perturbation tries to turn. It is asked for every update.",
    "classifiers": "Gender classifiers that judge the images before and after. The guide is always among them.",
    "matchers": "Face matchers that judge whether the images can still be recognised.",
    "method": "How images are changed.",
    "limit": "Take only some images, all of a subject together, subjects spread evenly. 0 takes all.",
    "seed": "Number that the run's randomness starts from; the same seed gives the same run.",
    "auc": "Area under the ROC curve: chance that a genuine comparison scores higher than an impostor one. 1 is "
    "perfect, 0.5 is guessing.",
    "eer": "Equal error rate: where as many genuine pairs are rejected as impostors are accepted.",
    "cross": "Every image before is compared with every other image after, so this tells whether the perturbed "
    "database still recognises people by their old pictures.",
    "genuine": "Two images of one subject (mated comparison, ISO/IEC 19795-1).",
    "impostor": "Images of two different subjects (non-mated comparison, ISO/IEC 19795-1).",
    "det": "Both error rates on logarithmic scales; lower and further left is better.",
    "fmr1000": "FNMR at 0.1 %: share of genuine pairs rejected when at most 0.1 % of impostors are accepted.",
    "not_asked": "This classifier had no say in the perturbation; of several such ones the least fooled is shown.",
    "fmr": "FNMR at FMR 1 %: share of genuine pairs rejected when at most 1 % of impostors are accepted.",
    "updates": "Accepted triangle steps of the algorithm; the paper calls them perturbations.",
    "evaluations": "Images scored by the guide, the unit of cost.",
    "psnr": "Peak signal-to-noise ratio inside the face box. Above about 40 dB a change is hard to see.",
    "ssim": "Structural similarity inside the face box; 1 is identical.",
    "flipped": "Share of images whose stored file, with the face found anew, the guide calls the other gender than "
    "labelled.",
    "failure": "A failure to acquire is an image in which no single usable face was found. It is counted, never "
    "dropped.",
    "proportion": "Share of the images that is perturbed. Who releases a database draws the images at random, so that "
    "an attacker cannot simply invert the classifier.",
    "bits": "Mutual information between the label and the sign of the score. 0 bits: the sign tells nothing; 1 bit: it "
    "tells everything.",
    "accuracy": "How often an attacker is right who knows the proportion and both error rates and answers as best he "
    "can from the sign alone, when men and women are equally many. 50 % is guessing.",
}

STATES = {
    "waiting": ":material/hourglass_empty: waiting",
    "running": ":material/play_circle: running",
    "complete": ":material/check_circle: complete",
    "failed": ":material/error: failed",
    "cancelled": ":material/cancel: cancelled",
}

STOPS = {
    "flipped": "flipped",
    "already-wrong": "was wrong before",
    "sweeps": "limit of sweeps",
    "face-lost": "face lost",
}
