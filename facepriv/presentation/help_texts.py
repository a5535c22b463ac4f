"""Explanations of terms, methods and limits, written once for pages and terminal."""

from __future__ import annotations

from dataclasses import dataclass

from facepriv.schemas.requests import Aim
from facepriv.schemas.runs import MethodKind
from facepriv.store import Role
from facepriv.store.records import Decision

LABEL_NOTE = (
    "Gender is binary here only because the labels and the classifiers are. “Men” and “women” mean images labelled "
    "male and female: a label is what the data set says, not who a person is."
)

NOT_PROTECTED = """
- **Other classifiers.** An unnoticeable change works against the classifiers that guided it; others mostly stay right.
  A visible change fools many other classifiers, but never all. Judge with several, and remember those you do not have.
- **Greyscale and other processing.** Small colour changes vanish in greyscale, unless the method was asked to survive
  it. Each run shows how many flips survive JPEG compression, a smaller size and greyscale. Blur, denoising and stronger
  compression are not measured.
- **People.** Visible changes alter what a person sees, but no method hides gender from a person.
- **Adaptive attackers.** An attacker who knows the method can retrain a classifier on perturbed images, read how large
  the score is instead of only its sign, or detect which images were changed. An audit of the run, on the Policy page,
  measures how much such attackers learn.
- **Everything else in the image.** Hair and clothes stay as they are. Age and ethnicity are neither hidden nor kept
  unless you ask a run to do so; a classifier's answer about them may change as a side effect.
"""

TOUR = """
1. **Data.** Import images, or a zip archive, with a table of labels. You see what was recognised before anything is
   written; *Quality* then shows doubtful labels and identities.
2. **Measure.** An audit lets every attacker try on the images as they are. Its verdict stands first, on every page.
3. **Protect.** Say how often the strongest attacker may be right, and how many genuine matches may be lost. A study
   searches for what reaches that goal, and says plainly if nothing does.
4. **Release.** Images are written out under a policy; the key that says which were changed stays with you.
5. **Sign-off.** Share the results with a privacy officer, by account or by link. What they decide is kept with exactly
   the results that they saw.
"""
OFFICERS_TOUR = """
1. *Shared with you* lists the results that auditors shared with you. Each begins with one verdict: whether gender is
   protected, and what that cost.
2. Below the verdict stands what was **not tried**, and in the report a recommendation, the figures and a glossary.
3. Under *Comments and sign-off* you accept, accept with conditions, or reject. You see once more what you sign before
   it is sent; a sign-off covers exactly these results and cannot be changed later.
"""
SEEN_BY = (
    {
        "Who": "Auditors",
        "See": "Data sets, faces, runs, audits, policies, keys of releases, every share.",
        "Never see": "Users and their roles.",
    },
    {
        "Who": "Admins",
        "See": "What auditors see, and the users, whom they manage.",
        "Never see": "Passwords.",
    },
    {
        "Who": "Privacy officers",
        "See": "The reports shared with them. Faces only if the auditor chose to show some.",
        "Never see": "Data sets, other faces, names of people, keys, lists of which images were changed.",
    },
    {
        "Who": "Whoever has a link",
        "See": "One report, until the link expires or is revoked; with a passphrase if it has one.",
        "Never see": "Anything else.",
    },
    {
        "Who": "Recipients of a release",
        "See": "The released images or templates.",
        "Never see": "The key, and which images were changed.",
    },
)
"""What each kind of reader sees, by column."""

HELP = {
    "gender_error": "Proportion of images that the classifier assigns to the other gender than labelled. 50 % is as "
    "good as a coin toss. An error near 100 % protects nobody: an attacker simply reverses the classifier's answer.",
    "score": "Log-odds in nats: log p(male) - log p(female). Positive means that the classifier says male; the further "
    "from 0, the more certain it is.",
    "boundary": "Faces of this age or older form one group, younger faces the other.",
    "other_guide": "By default, runs change gender. To change another attribute, which is split into two classes, "
    "choose a classifier of it; it then guides alone. Labels come from the data set or, where it has none, from the "
    "classifier itself.",
    "attribute_changes": "For classifiers that the run did not try to fool: how many answers stayed the same, right or "
    "wrong, and how far their scores moved. Measured on the stored file, with the face located again.",
    "fixed": "Diagnostic: flips under the original's crop, without locating the face again. No attacker would do this; "
    "the difference is how much a naive test would overstate success.",
    "survival": "Proportion of judged images that are still flipped in the stored file and after JPEG compression "
    "(quality 90), a resize to 75 % and removal of colour. The face is located again each time.",
    "auc": "Area under the ROC curve: the chance that a genuine comparison scores higher than an impostor one. 1 is "
    "perfect, 0.5 is guessing.",
    "eer": "Equal error rate: the point where as many genuine pairs are rejected as impostors are accepted.",
    "cross": "Every original is compared with every perturbed image of another photo: does the perturbed database "
    "still recognise people by their old pictures?",
    "interval": "In brackets: 95 % intervals over people, not images, for runs of up to 1,000 images.",
    "genuine": "Two images of one subject (mated comparison, ISO/IEC 19795-1).",
    "impostor": "Images of two different subjects (non-mated comparison, ISO/IEC 19795-1).",
    "det": "Both error rates on logarithmic scales; lower and further left is better.",
    "fmr1000": "FNMR at FMR 0.1 %: proportion of genuine pairs rejected when at most 0.1 % of impostors are accepted.",
    "jury": "Classifiers that guided nothing, named when the run was started. The majority is that of the jurors' "
    "answers for each image; equal votes count as half an error. Intervals are 95 %, over people. AUC 0.5 means that "
    "women and men cannot be distinguished, below 0.5 that they are taken for each other.",
    "not_asked": "This classifier did not guide the run; of several such classifiers, the least fooled is shown.",
    "fmr": "FNMR at FMR 1 %: proportion of genuine pairs rejected when at most 1 % of impostors are accepted.",
    "lost": "Proportion of genuine pairs of an old and a new image that the matcher wrongly rejects when at most 0.1 "
    "% of impostors are accepted (FNMR at FMR 0.1 %). Of several matchers, the worst is shown.",
    "updates": "Steps that the method accepted; in Algorithm 1 one triangle each, which the paper calls a "
    "perturbation.",
    "evaluations": "Images that the guides scored, including checks of the stored file: the unit of cost.",
    "psnr": "Peak signal-to-noise ratio inside the face box (PSNR). Above about 40 dB a change is hard to see.",
    "ssim": "Structural similarity inside the face box; 1 means identical.",
    "flipped": "Proportion of images whose stored file every guide assigns to the other gender than labelled, with the "
    "face located again.",
    "failure": "A failure to acquire is an image in which no single usable face was found. It is counted, never "
    "dropped.",
    "proportion": "Proportion p of the images that is perturbed. Whoever releases the database draws these images at "
    "random, so an attacker cannot simply reverse the classifier's answer.",
    "attacked": "How often an attacker is right about people they have not learned from; men and women count one half "
    "each. 50 % is guessing.",
    "leak_bits": "Bits learned, at least: how much of the 1 bit of a gender label the attacker's answers reveal for "
    "sure, less what chance alone would give. Two lower bounds, one from how often the attacker is right and one from "
    "the attacker's probabilities, are computed and the larger is shown; the true figure may be higher.",
    "learning": "The same attackers, with the means that they picked with all people, after learning from an eighth, a "
    "quarter and half of the people only: whole subjects, drawn at random. A curve that still rises says that an "
    "attacker with more people would do better than this audit shows.",
    "upper": "How often the strongest attacker tried may be right: the upper end of its 95 % interval, never below the "
    "50 % of guessing.",
    "given": "Off: the audit tries many proportions and takes the smallest at which the strongest attacker learns as "
    "little as possible, within measurement noise. On: it judges the proportion that you set.",
    "mix": "Releases some images from each run and some untouched, in the proportions that reveal least to an attacker "
    "with any one of the classifiers (found by a linear programme).",
    "holder": "Best possible accuracy of an attacker with this classifier who knows the proportions; in brackets, if "
    "the mix were tuned against this classifier only.",
    "accuracy": "How often an attacker is right who sees only whether the classifier says male or female, knows the "
    "proportion and both error rates, and answers as well as possible, with equally many men and women. 50 % is "
    "guessing.",
}

KEY_NOTE = (
    "The command also writes a key file beside the folder, readable only by you. It reveals who was perturbed: keep it "
    "apart from the release."
)

STOPPING = {
    "matched": "This run drew each image's final score from the untouched scores of the other gender (stopping: "
    "matched). It suits a policy that perturbs about half of the images.",
    "neutral": "This run moved every image to a score drawn around 0 from one distribution (stopping: neutral). It "
    "suits a policy that perturbs every image.",
}
"""Which proportion a run's stopping scores suit; runs that stop just past 0 have no note."""

STATES = {
    "waiting": ":material/hourglass_empty: waiting",
    "running": ":material/play_circle: running",
    "complete": ":material/check_circle: complete",
    "failed": ":material/error: failed",
    "cancelled": ":material/cancel: cancelled",
}

DECISION_TITLES: dict[Decision, str] = {
    "accepted": "Accepted",
    "conditions": "Accepted with conditions",
    "rejected": "Rejected",
}

KIND_TITLES: dict[MethodKind, str] = {
    "unnoticeable": "unnoticeable, works against its guides",
    "visible": "visible, also fools some other classifiers",
}
KIND_SENTENCES: dict[MethodKind, str] = {
    "unnoticeable": "Hardly anyone notices the change, but it works against the guides only: other classifiers mostly "
    "stay right, and greyscale conversion can undo it.",
    "visible": "The change also fools many other classifiers, though not all. Anyone who looks for it sees it.",
}


@dataclass(frozen=True)
class AimText:
    """What to say of an aim."""

    title: str
    good_for: str
    """What it is for and what it comes to, in one sentence."""
    not_for: str


AIM_TEXTS: dict[Aim, AimText] = {
    "unseen": AimText(
        title="hide gender from classifiers that are not known",
        good_for="Use it where you cannot know who will classify the images: people see the change, most classifiers "
        "that were never asked are misled on most images, and floors guard the matchers; the run states how many "
        "genuine matches are lost all the same.",
        not_for="It is not for images that must look untouched, nor against attackers who learn from images that were "
        "changed in the same way; an audit shows what those still learn.",
    ),
    "guide": AimText(
        title="fool one classifier, unnoticeably",
        good_for="Use it against a classifier that you have at hand, its guide: hardly anyone sees the change.",
        not_for="It is not for hiding gender: other classifiers are not affected, and greyscale conversion undoes it "
        "unless the run was asked to survive it.",
    ),
}
"""By aim, the first one first."""
NO_AIM = "No aim stated"
SEED_KEPT = "kept secret: whoever knows it can tell to which side each image was sent"
"""In place of a seed that is a key."""
SEED_HELP = (
    "The side of each person or image is drawn with a key made of the seed. Leave the seed at 0, and a secret one is "
    "drawn; it is stored here and left out of reports, shares and exports."
)

DRAWN = {"image": "each image on its own", "subject": "all images of a person together"}
"""What a policy draws at random, by its unit of selection."""

ROLE_TITLES: dict[Role, str] = {"auditor": "auditor", "officer": "privacy officer", "admin": "admin"}
