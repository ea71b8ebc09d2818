"""The five lectures that saddle was built after: their rows, the recipes that answer them, and their slips."""

from typing import NamedTuple

__all__ = ["LECTURES", "RECIPES", "ROWS", "Lecture", "in_lecture"]


class Lecture(NamedTuple):
    """One of the five."""

    title: str
    """What it is called and whose it is."""
    about: str
    """What its page begins with."""
    slips: tuple[tuple[str, str, str], ...] = ()
    """What it says, what is right, and where saddle has it (a lab, a recipe, or nothing)."""


LECTURES = {
    "000": Lecture(
        "Rezaei: Generative adversarial networks (LMU Munich, 2020)",
        "The minimax game and why it is hard: games that do not settle, gradients that vanish, divergences and "
        "the losses that came of them.",
        (
            (
                "LSGAN: L_G = E[(D(x_hat - 1)²)], and a minus before E[(D(x) - 1)²] in L_D",
                "L_G = E[(D(x_hat) - 1)²], L_D = E[(D(x) - 1)²] + E[D(x_hat)²]; both are minimised",
                "recipe lsgan",
            ),
            (
                "WGAN-GP: the slope of D at alpha x + (1 - alpha x_hat)",
                "at alpha x + (1 - alpha) x_hat, between a real and a generated sample; the mean is over such points",
                "recipe wgan-gp",
            ),
            (
                "Inception score: the mean over x ~ p_data",
                "IS = exp(E_x~p_g [KL(p(y|x) || p(y))]): over generated samples, as its later page means",
                "",
            ),
            (
                "FID = |mu_x - mu_g| + (Sigma_x + Sigma_g - 2 (Sigma_x Sigma_g))",
                "FID = |mu_x - mu_g|² + trace(Sigma_x + Sigma_g - 2 (Sigma_x Sigma_g)^(1/2)): square, trace and root",
                "",
            ),
            ("Reverse KL: T*(x) = -sqrt(q/p)", "T* = f'(p/q) = -q/p, because f(u) = -log u", "lab f-divergences"),
            (
                "Pearson chi²: the integral of (q - p)²/p",
                "f(u) = (u - 1)² gives the integral of (p - q)²/q; over p it is Neyman's, of another f",
                "lab f-divergences",
            ),
            (
                "Jensen-Shannon: 1/2 of the integral, beside f(u) = -(u + 1) log((1 + u)/2) + u log u",
                "this f gives the integral without the 1/2, that is 2 JSD",
                "lab f-divergences",
            ),
            ("Non-saturating loss: log D(G(x))", "log D(G(z)): G takes the noise", "lab generator-costs"),
        ),
    ),
    "001": Lecture(
        "Strizhkova: Generative models (Inria, 2021)",
        "From the optimal discriminator to pictures and films made by GANs, then variational autoencoders, and "
        "what goes wrong with GANs and how that is measured.",
        (
            (
                "VAE: -KL(q(z|x), p(z)) = sum_j (1 + log Sigma_j² - mu_j² - Sigma_j²)",
                "1/2 sum_j (1 + log sigma_j² - mu_j² - sigma_j²): the factor 1/2, and its Sigma is the deviation sigma",
                "recipe vae",
            ),
        ),
    ),
    "002": Lecture(
        "Kim: Generative adversarial networks",
        "Counterfeiters and police, the value function, and the list of two dozen measures of Borji's review.",
    ),
    "003": Lecture(
        "Soleymani: Generative models II (Sharif, 2024)",
        "The two players step by step, conditional and translating GANs, and the Wasserstein distance as a transport "
        "problem.",
    ),
    "004": Lecture(
        "Generative adversarial networks",
        "Entropy, cross-entropy and divergences in numbers; what goes wrong in training, and the remedies for it.",
        (
            (
                "V(D, G) with E_z[1 - log D(G(z))], and so in both losses",
                "E_z[log(1 - D(G(z)))]: the logarithm is of the probability that the sample is generated",
                "lab value-function",
            ),
            (
                "Low entropy: data more uniform",
                "the opposite: a uniform distribution has the highest entropy, log n over n values",
                "lab entropy-and-cross-entropy",
            ),
            (
                "The Jensen-Shannon divergence can be used as a distance metric",
                "its square root can; JS itself breaks the triangle inequality",
                "lab entropy-and-cross-entropy",
            ),
            (
                "WGAN: the authors clipped f where it left a range",
                "they clip each weight of f to [-c, c], which bounds its slope; f itself is not bounded",
                "recipe wgan",
            ),
            ("Self-attention GAN is called SEGAN", "SAGAN; SEGAN is the GAN for speech that lecture 000 cites", ""),
        ),
    ),
}
"""By the number that a lecture's file begins with."""

ROWS = {
    "T1": ("The value function and Algorithm 1", "000 001 002 003 004"),
    "T2": ("f(x, y) = xy, and rock-paper-scissors", "000"),
    "T3": ("A GAN on the line", "000 003"),
    "T4": ("The optimal discriminator", "000 001 003"),
    "T5": ("Entropy, cross-entropy, KL and JS", "000 004"),
    "T6": ("JS vanishes, Wasserstein does not", "000 003 004"),
    "T7": ("One Gaussian for two humps", "000"),
    "T8": ("f-divergences", "000"),
    "T9": ("The generator's cost", "000 001 003"),
    "T10": ("Wasserstein-1: plan and critic", "001 003 004"),
    "T11": ("The loss surface that moves", "000"),
    "T12": ("Disjoint supports", "003"),
    "C": ("Challenges and their cures", "000 001 004"),
    "O1": ("The loss table, and Wasserstein GANs", "000 001 003 004"),
    "O2": ("Energy-based GAN", "003 004"),
    "O3": ("f-GAN", "000 003"),
    "O7": ("Label smoothing, instance noise, batches apart", "003 004"),
    "O8": ("Spectral normalisation, self-attention, two time scales", "004"),
    "O9": ("Gradient penalty without batch norm", "004"),
    "S1": ("GAN on digits", "000 001 002 003 004"),
    "S2": ("DCGAN", "001 003 004"),
    "S3": ("Conditional GAN", "000 001 002 003 004"),
    "S15": ("Autoencoder and variational autoencoder", "000 001 003"),
    "E30": ("What the measures notice", "000 001 004"),
}
"""What they ask for by id, and which do: theory (T), challenges (C), objectives (O), systems (S), evaluation (E)."""

RECIPES = {
    "O1": ("gan", "wgan", "wgan-gp", "lsgan", "dragan", "began"),
    "O2": ("ebgan",),
    "O3": ("fgan",),
    "O7": ("gan",),
    "O9": ("wgan-gp",),
    "S1": ("gan",),
    "S2": ("dcgan",),
    "S3": ("cgan",),
    "S15": ("ae", "vae"),
}
"""The recipes that answer a row."""


def in_lecture(number: str) -> list[str]:
    """The rows of a lecture, in the order above."""
    return [row for row, (_, lectures) in ROWS.items() if number in lectures.split()]
