"""What the critic's outputs show: how often it is right, by how much, whether it knows its training data by heart."""

from dataclasses import dataclass

import torch
from torch import Tensor

from saddle.data.spec import Batch
from saddle.evaluation.health.advice import Settings, change, other, raised
from saddle.evaluation.health.verdict import Evidence, Verdict, severity
from saddle.game import Game, Move, Terms
from saddle.game.sample import as_in_training

__all__ = [
    "Scores",
    "above_chance",
    "chance_loss",
    "critic_overfitting",
    "critic_too_strong",
    "direction",
    "generator_exploiting",
    "terms_of",
    "weaker",
]

FAR = 0.1
"""Squared Fréchet distance to the data over the data's own spread: what is nearer is no ground for alarm."""
BAD = 0.25
"""The same, where it says by itself that the samples are bad."""
NOTHING_LEFT = 0.2
"""Of its loss at chance: below it the critic is right about nearly all samples, and sure of it."""
ALWAYS_RIGHT = 0.98
"""Accuracy of a critic without a loss that ends at 0."""
APART = 6.0
"""Distance of its medians in standard deviations, for the same."""
VANISHED = 0.01
"""G's gradient over its largest: the gradient vanishes."""
NO_BETTER = 1.0
"""Of its loss at chance: a critic that is no better than a constant."""
FOOLED = 2.0
"""Of its loss at chance: a critic that is worse than none."""
AT_CHANCE = 0.6
"""Accuracy up to which a critic tells the two kinds no better than by chance."""
KNOWN_BY_HEART = 0.8
"""Chance that a training sample is scored above one that was kept from training; 1/2 where none is known by heart."""
AS_FAKE = 0.5
"""r_v of ADA: held-out samples are scored more like generated ones than like training ones."""
NEVER_BETTER = 0.95
"""Of its loss at chance, in the best tenth of the lines: a critic that is below it is no one's dupe for long."""


def direction(game: Game, batch: Batch, samples: int = 256) -> float:
    """Which way the generator pushes the critic's output: 1 up, -1 down (an energy), 0 where it cannot be told.

    The sign of <grad E[D(G(z))], -grad L_G> over the generator's parameters. It is what the recipe means by "more
    real", whether or not the critic agrees: medians would call a critic right that is fooled altogether.

    Args:
        game: with a critic; is left as it was, but for its random numbers.
        batch: real samples for losses that look at some.
        samples: z to average over.
    """
    move = _move(game, "G")
    if move is None or game.sampler is None or game.sampler.score is None:
        return 0.0
    parameters = game[move.player].parameters
    with as_in_training(game) as nets, torch.enable_grad():
        z = game.sampler.prior(samples, game.rng)
        y = torch.randint(game.sampler.classes, (samples,), device=z.device) if game.sampler.classes else None
        mean = game.sampler.score(nets, game.sampler.generate(nets, z, y), y).mean()
        up = torch.autograd.grad(mean, parameters, allow_unused=True)
        loss = torch.stack(list(terms_of(game, move, batch).values())).sum()
        down = torch.autograd.grad(loss, parameters, allow_unused=True)
    pairs = [(a.double(), b.double()) for a, b in zip(up, down, strict=True) if a is not None and b is not None]
    norms = [torch.stack([x.norm() for x in side]).norm().clamp_min(1e-300) for side in zip(*pairs, strict=True)]
    inner = -sum(float((a / norms[0] * (b / norms[1])).sum()) for a, b in pairs)
    return float((inner > 0) - (inner < 0))


def chance_loss(game: Game, batch: Batch) -> float:
    """The least adversarial loss of a critic that answers the same to everything: log 4 for logits, 2 for hinge losses,
    1/4 for least squares, the margin for EBGAN's energies, 0 for Wasserstein's values.

    Args:
        game: with a critic; is left as it was.
        batch: real samples.
    """
    move = _move(game, "D")
    if move is None:
        return 0.0
    answer, kept, found = torch.zeros(()), game.rng.get_state(), []
    hook = game["D"].module.register_forward_hook(lambda module, inputs, output: output * 0.0 + answer)
    try:
        with as_in_training(game), torch.enable_grad():
            for constant in (-1.0, -0.5, 0.0, 0.5, 1.0):
                answer.fill_(constant)
                terms = terms_of(game, move, batch)
                found.append(sum(float(terms[name].detach()) for name in ("real", "fake", "pair") if name in terms))
    finally:
        hook.remove()
        game.rng.set_state(kept)
    return min(found)


@dataclass(frozen=True)
class Scores:
    """The critic's outputs, turned so that high means real, at one round."""

    real: Tensor
    """(n,) of training samples."""
    fake: Tensor
    """(m,) of generated ones."""
    held_out: Tensor | None
    """(k,) of real samples that were not trained on."""
    round: int
    """When."""

    @property
    def accuracy(self) -> float:
        """Mean of the shares of real and of generated samples on the right side of the middle of the two medians.

        1/2 for a critic that cannot tell, below it for one that takes generated samples for the more real ones.

        >>> Scores(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([-1.0, -2.0, -3.0]), None, 0).accuracy
        1.0
        """
        middle = float(self.real.double().median() + self.fake.double().median()) / 2
        return (_above(self.real, middle) + 1.0 - _above(self.fake, middle)) / 2

    @property
    def gap(self) -> float:
        """Distance of the two medians over the mean of the two standard deviations."""
        spread = float(self.real.double().std() + self.fake.double().std()) / 2
        return float(self.real.double().median() - self.fake.double().median()) / max(spread, 1e-300)

    @property
    def recognition(self) -> float | None:
        """Chance that a training sample is scored above a held-out one; 1/2 for a critic that generalises."""
        return None if self.held_out is None else above_chance(self.real, self.held_out)

    @property
    def overfit(self) -> float | None:
        """r_v = (E[D(train)] - E[D(held out)]) / (E[D(train)] - E[D(fake)]): 0 none, 1 held-out scored as generated.

        Source: Karras et al. 2020, eq. 1, arXiv:2006.06676.
        """
        if self.held_out is None:
            return None
        train, kept, fake = (float(x.double().mean()) for x in (self.real, self.held_out, self.fake))
        return (train - kept) / (train - fake) if train != fake else 0.0


def critic_too_strong(
    scores: Scores, far: float, share: float | None, faded: float | None, settings: Settings
) -> Verdict | None:
    """The critic is always right and sure of it, or the generator's gradient is gone, and the samples are bad.

    Args:
        scores: at the newest checkpoint.
        far: of the samples, from `samples.Look`.
        share: of its loss at chance, from `curves.critic_share`.
        faded: from `curves.fading`.
        settings: the recipe's, for the advice.
    """
    right = [Evidence("accuracy of the critic", scores.accuracy, ALWAYS_RIGHT, scores.round)]
    right.append(Evidence("gap between its medians, in standard deviations", scores.gap, APART, scores.round))
    strengths = []
    if share is not None:
        right.insert(0, Evidence("the critic's loss over its loss at chance", share, NOTHING_LEFT, scores.round))
        strengths.append(severity(NOTHING_LEFT, share) if share < NOTHING_LEFT else 0.0)
    elif scores.accuracy >= ALWAYS_RIGHT and scores.gap >= APART:
        strengths.append(severity(scores.gap, APART))
    if faded is not None and scores.accuracy > AT_CHANCE and (share is None or share < NO_BETTER):
        gone = Evidence("norm of G's gradient over its largest", faded, VANISHED, scores.round)
        right.insert(0 if faded < VANISHED else len(right), gone)
        strengths.append(severity(VANISHED, faded) if faded < VANISHED else 0.0)
    if far < FAR or not any(strengths):
        return None
    right.append(Evidence("distance of the samples from the data", far, FAR, scores.round))
    return Verdict("critic-too-strong", max(strengths), tuple(right), weaker(settings))


def weaker(settings: Settings) -> str:
    """Advice on how to hold a critic back.

    >>> weaker({"n_critic": 10, "lr_critic": 0.02, "lr_generator": 0.0002})
    '--n_critic 1 (now 10); --lr_critic 0.0002 (now 0.02)'
    """
    words = []
    if settings.get("n_critic", 1) > 1:
        words.append(raised(settings, "n_critic", 1))
    if settings.get("lr_critic", 0) > settings.get("lr_generator", 0):
        words.append(raised(settings, "lr_critic", settings["lr_generator"]))
    if settings.get("loss") == "minimax":
        words.append("--loss non-saturating (now minimax)")
    if words:
        return "; ".join(words)
    noise = ["--instance_noise 0.1"] if settings.get("instance_noise") == 0 else []
    return "; ".join([change(settings, "lr_critic", 0.2), *noise, *other(settings, "r3gan", "or recipe r3gan")])


def generator_exploiting(
    scores: Scores, far: float, share: float | None, best: float | None, settings: Settings
) -> Verdict | None:
    """The critic did no better than chance of late, not even in its best lines, although the samples are far off.

    Args:
        scores: at the newest checkpoint.
        far: of the samples, from `samples.Look`.
        share: of its loss at chance, from `curves.critic_share`; None: it has always been better than chance.
        best: the same in its best lines, from `curves.best_share`: a critic that is right again and again is chased
            about, by a generator that moves from mode to mode.
        settings: the recipe's, for the advice.
    """
    fooled = share is not None and share >= FOOLED
    blind = share is not None and share >= NO_BETTER and scores.accuracy <= AT_CHANCE
    if share is None or not (fooled or blind) or far < BAD or (best is not None and best < NEVER_BETTER):
        return None
    evidence = [
        Evidence("accuracy of the critic", scores.accuracy, AT_CHANCE, scores.round),
        Evidence("the critic's loss over its loss at chance", share, NO_BETTER, scores.round),
    ]
    if best is not None:
        what = "the same in the best tenth of the later lines"
        evidence.append(Evidence(what, best, NEVER_BETTER, scores.round))
    evidence.append(Evidence("distance of the samples from the data", far, BAD, scores.round))
    if scores.accuracy > AT_CHANCE:
        evidence[:2] = evidence[1::-1]
    words = []
    if settings.get("instance_noise", 0) > 0.5:
        words.append(f"--instance_noise 0.1 (now {settings['instance_noise']:g})")
    if settings.get("lr_critic", 0) < settings.get("lr_generator", 0):
        words.append(raised(settings, "lr_critic", settings["lr_generator"]))
    words = words or [change(settings, "lr_critic", 4), raised(settings, "n_critic", settings.get("n_critic", 1) + 2)]
    return Verdict("generator-exploiting", severity(far, BAD), tuple(evidence), "; ".join(words))


def critic_overfitting(scores: Scores, settings: Settings) -> Verdict | None:
    """Training samples are scored above held-out ones, which are scored more like generated ones.

    Args:
        scores: with held-out ones; None is found without.
        settings: the recipe's, for the advice.
    """
    known, overfit = scores.recognition, scores.overfit
    if known is None or overfit is None or known < KNOWN_BY_HEART or not (overfit >= AS_FAKE or scores.gap < 1.0):
        return None
    evidence = (
        Evidence("chance that a training sample scores above a held-out one", known, KNOWN_BY_HEART, scores.round),
        Evidence("r_v: held-out samples between training (0) and generated ones (1)", overfit, AS_FAKE, scores.round),
    )
    words = ["more data, --mirror, or augmentation", change(settings, "lr_critic", 0.25)]
    words += other(settings, "r3gan", "or recipe r3gan, whose penalties hold the critic back")
    return Verdict("critic-overfitting", severity(known - 0.5, (1.0 - known) + 1e-9), evidence, "; ".join(words))


def above_chance(first: Tensor, second: Tensor) -> float:
    """Chance that a value of the first is above one of the second, ties counting half.

    >>> above_chance(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.5]))
    0.75
    """
    ordered = second.double().sort().values
    below, upto = (torch.searchsorted(ordered, first.double(), right=right).double() for right in (False, True))
    return float((below + upto).mean()) / (2 * len(second))


def terms_of(game: Game, move: Move, batch: Batch) -> Terms:
    """A move's terms on these samples, shared first where the game shares batches; draws from the game's numbers."""
    return move.loss(batch if game.share is None else game.share(batch, game.rng), game.rng)


def _move(game: Game, player: str) -> Move | None:
    return next((move for move in game.moves if move.player == player), None)


def _above(x: Tensor, middle: float) -> float:
    return float(((x.double() > middle).double() + 0.5 * (x.double() == middle).double()).mean())
