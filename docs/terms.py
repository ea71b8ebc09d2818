"""What each logged term means, for the pages of the recipes.

A key is a term's name, or a recipe's name, a space and a term's name where the term means something of its own there.
A recipe may instead explain its terms in its docstring, in lines that read ``- ``D.term``: what it is.``.
"""

__all__ = ["TERMS", "explain"]

CANNOT_TELL = "0.69 = log 2 for a critic that cannot tell real from fake, near 0 for one that always can"

TERMS = {
    "D.real": "The critic's loss on real samples.",
    "D.fake": "The critic's loss on generated samples.",
    "D.gradient": "Length of the gradient of the critic's loss in its weights, over all of them.",
    "D.gradient_penalty": "The weight times the squared distance of the critic's slope from the one wanted; 0 is best.",
    "D.pair": f"The critic's loss on pairs of a real and a generated sample; {CANNOT_TELL}.",
    "D.r1": "gamma times half the mean squared slope of the critic on real samples; 0 for a critic flat there.",
    "D.r2": "The same on generated samples.",
    "D.smoothing": "What one-sided label smoothing adds to the critic's loss; only with `--label_smoothing`.",
    "G.adversarial": "What the generator minimises, as measured by the critic of that moment.",
    "G.gradient": "Length of the gradient of the generator's loss in its weights, over all of them.",
    "D.identity": "Cross-entropy of which generator made a sample: log K where nothing tells them apart, 0 for sure.",
    "G.identity": "beta times the same: what the generators do to be told apart.",
    "D.class_real": "The weight times the cross-entropy of a real sample's label: log K for a critic that cannot tell.",
    "D.class_fake": "The weight times that of a generated sample, for the label it was asked for.",
    "G.class": "The same, as the generator minimises it.",
    "D.category": "The weight times the cross-entropy of a sample's category: log K where Q cannot tell.",
    "G.category": "The same, as the generator minimises it.",
    "D.continuous": "The weight times -log Q of the continuous codes: for each 0.92 if it is told, 1.09 if not.",
    "G.continuous": "The same, as the generator minimises it.",
    "D.supervised": "Cross-entropy of the label on the few samples whose labels are used: log K at first.",
    "G.feature_matching": "Squared distance of the mean features of generated samples from those of real ones.",
    "G.encoder": "-E[log(1 - D(x, E(x)))]: what moves the encoder; 0.69 while the critic cannot tell.",
    "G.reconstruction": "E|z - F(G(z))|^2: how far F is from the noise; for F = 0 the number of its dimensions.",
    "labelled.count": "How many samples with a label are held so far.",
    "G.orthogonal": "The weight times how far the rows of G's weights are from orthogonal; 0 where they are.",
    "G.path": "The weight times the squared distance of path lengths from their mean: 0 where G stretches w evenly.",
    "path.length": "The running mean of path lengths: how far an image moves with w.",
    "path.steps": "How often the mean has moved.",
    "D.drift": "The weight times the mean squared output on real samples, which keeps outputs near 0.",
    "size.side": "Side in pixels of the images that are played now.",
    "size.alpha": "How far the newest resolution has faded in, from 0 to 1.",
    "G.pull_away": "The weight times the mean squared cosine between two codes of a batch: large if they are alike.",
    "control.k": "The control variable k in [0, 1]: how much of its effort the critic spends on generated samples.",
    "control.convergence": "BEGAN's measure of convergence, M = L(x) + |gamma L(x) - L(G(z))|; lower is better.",
    "control.gamma": "Weight of the two penalties at this moment; it falls during the burn-in.",
    "AE.reconstruction": "Squared distance from a sample to its reconstruction, summed over all pixels or coordinates.",
    "AE.gradient": "Length of the gradient of the loss in the weights of encoder and decoder.",
    "VAE.reconstruction": "-E[log p(x|z)], z drawn once from q(z|x), in nats a sample. Plus `VAE.kl`: minus the ELBO.",
    "VAE.kl": "KL(q(z|x) || N(0, I)) in nats a sample: how much the code tells. Near 0 it tells nothing.",
    "VAE.gradient": "Length of the gradient of the loss in the weights of encoder and decoder.",
}
"""The table."""

for name in ("gan", "dcgan", "cgan", "dragan", "mgan", "gman", "acgan", "infogan", "stylegan", "stylegan2"):
    TERMS[f"{name} D.real"] = f"-E[log D(x)]: the critic's cross-entropy on real samples, in nats; {CANNOT_TELL}."
    TERMS[f"{name} D.fake"] = "-E[log(1 - D(G(z)))]: the same on generated samples."
    TERMS[f"{name} G.adversarial"] = (
        "-E[log D(G(z))] in nats: 0.69 while the critic cannot tell; it grows when the critic is ahead. "
        "It says who leads, not how good the samples are."
    )
TERMS["gan G.adversarial"] = "What `--loss` says; by default " + TERMS["gan G.adversarial"]

TERMS |= {
    "wgan D.real": "-E[f(x)]. Only sums mean something: f is defined up to a constant.",
    "wgan D.fake": "E[f(G(z))]. Minus the sum of the two is the critic's estimate of the distance, up to its slope.",
    "wgan G.adversarial": "-E[f(G(z))]. It drifts with the constant in f, so it is no measure of quality.",
    "lsgan D.real": "1/2 E[(D(x) - b)^2]: 0 if the critic answers b on real samples, 1/8 half way from 0 to 1.",
    "lsgan D.fake": "1/2 E[(D(G(z)) - a)^2]: the same for the label a on generated samples.",
    "lsgan G.adversarial": "1/2 E[(D(G(z)) - c)^2]: 0 when the critic answers c on all generated samples.",
    "hinge-gan D.real": "E[max(0, 1 - D(x))]: 1 where D answers 0, and 0 once D is above 1 on all real samples.",
    "hinge-gan D.fake": "E[max(0, 1 + D(G(z)))]: 0 once D is below -1 on all generated samples.",
    "hinge-gan G.adversarial": "-E[D(G(z))]: negative while the critic takes generated samples for real ones.",
    "ebgan D.real": "E[D(x)]: the reconstruction error of real samples.",
    "ebgan D.fake": "E[max(0, m - D(G(z)))]: 0 once the errors of generated samples are above the margin m.",
    "ebgan G.adversarial": "E[D(G(z))]: the reconstruction error of generated samples.",
    "began D.real": "L(x): the mean absolute reconstruction error of real samples, per number.",
    "began D.fake": "-k L(G(z)): minus k times the same of generated samples.",
    "began G.adversarial": "L(G(z)): the same error of generated samples. Its ratio to L(x) is steered to gamma.",
    "fgan D.real": "-E[g_f(D(x))]. Minus the sum of this and `D.fake` bounds the divergence from below.",
    "fgan D.fake": "E[f*(g_f(D(G(z))))].",
    "fgan G.adversarial": "-E[f*(g_f(D(G(z))))], or with `--loss heuristic` -E[g_f(D(G(z)))].",
    "r3gan G.adversarial": "E[softplus(D(x) - D(G(z)))]: 0.69 while the critic cannot tell, more when it is ahead.",
    "cgan D.real": f"-E[log D(x|y)]: the critic's cross-entropy on real samples with their labels; {CANNOT_TELL}.",
    "cgan D.fake": "-E[log(1 - D(G(z|y)|y))]: the same on samples generated for the same labels.",
    "cgan G.adversarial": "-E[log D(G(z|y)|y)] in nats: 0.69 while the critic cannot tell, more when it is ahead.",
}
TERMS["rpgan G.adversarial"] = TERMS["r3gan G.adversarial"]
TERMS["gman D.real"] = "The sum over the critics of -E[log D_i(x)], in nats: 0.69 for each that cannot tell."
TERMS["gman D.fake"] = "The same of -E[log(1 - D_i(G(z)))]."
TERMS["gman G.adversarial"] = "The mean of -E[log D_i(G(z))] over the critics, the larger ones weighted more."
TERMS["sgan D.real"] = f"-E[log D(x)], D = Z / (Z + 1) the probability of any class but the last; {CANNOT_TELL}."
TERMS["sgan D.fake"] = "-E[log(1 - D(G(z)))]: the same on generated samples."
for name, code in (("ali", "z^"), ("bigan", "E(x)"), ("veegan", "F(x)")):
    TERMS[f"{name} D.real"] = (
        f"-E[log D(x, {code})]: the critic's cross-entropy on real samples and their codes; {CANNOT_TELL}."
    )
    TERMS[f"{name} D.fake"] = "-E[log(1 - D(G(z), z))]: the same on generated samples and what they were made of."
    TERMS[f"{name} G.adversarial"] = "-E[log D(G(z), z)]: 0.69 while the critic cannot tell, more when it is ahead."
TERMS["veegan G.adversarial"] = "Minus the mean logit of generated pairs: the estimated log ratio of the two densities."
for name, like in (
    ("wgan-gp", "wgan"),
    ("progan", "wgan"),
    *((name, "hinge-gan") for name in ("sngan", "sagan", "biggan")),
):
    TERMS |= {key.replace(f"{like} ", f"{name} "): text for key, text in TERMS.items() if key.startswith(f"{like} ")}


def explain(recipe: str, term: str, own: dict[str, str]) -> str:
    """What a term of a recipe means.

    Args:
        recipe: its name.
        term: such as ``D.real``.
        own: what the recipe's docstring says of its terms.
    Raises:
        KeyError: nobody has said.
    """
    for table, key in ((own, term), (TERMS, f"{recipe} {term}"), (TERMS, term)):
        if key in table:
            return table[key]
    raise KeyError(f"{recipe}: no one says what the logged term {term!r} means: add a line to docs/terms.py")
