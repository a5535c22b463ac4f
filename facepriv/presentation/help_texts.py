"""What the pages say about their terms and limits, written once."""

LABEL_NOTE = (
    "Gender is binary here only because the labels and the classifiers are. “Men” and “women” mean images labelled "
    "male and female: a label is what the data set says, not who a person is."
)

NOT_PROTECTED = """
- **Other classifiers.** Methods that mean to go unnoticed are specific to their guides: classifiers that did not guide
  mostly go on being right. Visible methods turn many classifiers that were never asked, never all. Judge with several,
  and remember those you do not have.
- **Greyscale and other changes of the file.** Small changes of colour are gone in greyscale, unless the method was told
  that the flip must outlast it; each run says how many flips outlast JPEG, a smaller size and greyscale. Blur,
  denoising and stronger compression are not measured.
- **People.** Visible methods change what a person sees side by side; no method here hides gender from a person.
- **Adaptive attackers.** Who knows the method can retrain a classifier on perturbed images, read the size of the score
  instead of its sign, or detect which images were changed. An audit of the run, on the Policy page, measures how much
  such attackers learn.
- **Everything else in the image.** Hair and clothes are untouched. Age and ethnicity are neither hidden nor kept unless
  a run was told to; a classifier's answer about them may change by the way.
"""

HELP = {
    "gender_error": "Share of images for which the sign of the classifier's score differs from the label. 50 % is as "
    "good as a coin; an error near 100 % is no protection either, since an attacker can simply invert the answer.",
    "score": "Log-odds in nats: log p(male) - log p(female). Positive means the classifier says male; the further "
    "from 0, the surer it is.",
    "boundary": "Faces of at least so many years are one group, younger ones the other.",
    "other_guide": "By default gender is turned. Another attribute is told in two classes, and a classifier of it then "
    "guides alone; its labels are those that the data set gives, or its own verdict where there are none.",
    "attribute_changes": "Of classifiers that were not to be turned: how many verdicts stayed, whether right or wrong, "
    "and how far their scores moved, on the stored file with the face found anew.",
    "fixed": "Diagnostic: the share that looks flipped as long as the face is not found anew, which no attacker would "
    "do; what it exceeds the file's share by is what a method that trusts its own crop would fool itself with.",
    "survival": "Share of judged images whose flip is still there, with the face found anew each time, in the stored "
    "file and after JPEG compression of quality 90, a resize to 75 % and removal of colour.",
    "auc": "Area under the ROC curve: chance that a genuine comparison scores higher than an impostor one. 1 is "
    "perfect, 0.5 is guessing.",
    "eer": "Equal error rate: where as many genuine pairs are rejected as impostors are accepted.",
    "cross": "Every image before is compared with every other image after, so this tells whether the perturbed "
    "database still recognises people by their old pictures.",
    "genuine": "Two images of one subject (mated comparison, ISO/IEC 19795-1).",
    "impostor": "Images of two different subjects (non-mated comparison, ISO/IEC 19795-1).",
    "det": "Both error rates on logarithmic scales; lower and further left is better.",
    "fmr1000": "FNMR at 0.1 %: share of genuine pairs rejected when at most 0.1 % of impostors are accepted.",
    "not_asked": "This classifier did not guide the perturbation; of several such ones the least fooled is shown.",
    "fmr": "FNMR at FMR 1 %: share of genuine pairs rejected when at most 1 % of impostors are accepted.",
    "updates": "Accepted steps of the method; of Algorithm 1 triangle steps, which the paper calls perturbations.",
    "evaluations": "Images scored by the guides, checks of the file included: the unit of cost.",
    "psnr": "Peak signal-to-noise ratio inside the face box. Above about 40 dB a change is hard to see.",
    "ssim": "Structural similarity inside the face box; 1 is identical.",
    "flipped": "Share of images whose stored file, with the face found anew, every guide calls the other gender than "
    "labelled.",
    "failure": "A failure to acquire is an image in which no single usable face was found. It is counted, never "
    "dropped.",
    "proportion": "Share of the images that is perturbed. Who releases a database draws the images at random, so that "
    "an attacker cannot simply invert the classifier.",
    "bits": "Mutual information between the label and the sign of the score. 0 bits: the sign tells nothing; 1 bit: it "
    "tells everything.",
    "attacked": "How often an attacker is right about people whom he has not learnt from, men and women counting one "
    "half each. 50 % is guessing.",
    "leak_bits": "Bits: how much of the 1 bit of a gender label the attacker's answers tell, as a lower bound from "
    "his probabilities, less what chance alone would give; it may come out below 0.",
    "upper": "Upper end of the 95 % interval of the worst attacker tried: how often he may be right. 50 % is guessing.",
    "given": "Off: the audit follows every attacker over the proportions and takes the smallest at which the worst of "
    "them learns least, to within noise. On: it judges the proportion that you give.",
    "mix": "Some images from each run and some untouched, in the shares at which an attacker learns least who holds "
    "whichever of the classifiers tells most; found by a linear programme.",
    "holder": "How often he is right at best who holds this classifier and knows the shares. If it were the only one: "
    "what the best mix against this classifier alone would leave him.",
    "accuracy": "How often an attacker is right who knows the proportion and both error rates and answers as best he "
    "can from the sign alone, when men and women are equally many. 50 % is guessing.",
}

KEY_NOTE = (
    "The command also writes a key file, beside the folder and readable by you alone. It tells who was perturbed: keep "
    "it apart from the release."
)

STOPPING = {
    "matched": "This run drew each image's stopping score from the untouched scores of the other gender (matched), "
    "which is made for a policy that perturbs about half of the images.",
    "neutral": "This run moved each image to a score drawn around 0, from one distribution for all (neutral), which is "
    "made for a policy that perturbs every image.",
}
"""Which proportion a run's stopping scores are made for; nothing is said of those that stop just past 0."""

STATES = {
    "waiting": ":material/hourglass_empty: waiting",
    "running": ":material/play_circle: running",
    "complete": ":material/check_circle: complete",
    "failed": ":material/error: failed",
    "cancelled": ":material/cancel: cancelled",
}
