"""Many seeds of a small game trained at once: ``for reports in play_seeds(games, draws): ...``.

Each weight of S games is one stacked tensor (S, ...), each player has one optimiser, and each loss is computed once for
all seeds. Adam, RMSProp and gradient descent step each element by itself, so every game makes the steps that it would
make alone: the losses are written for one game, and the seeds meet nowhere.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import stack_module_state

from saddle.config import require
from saddle.data.spec import Batch
from saddle.game.average import Average
from saddle.game.dynamics import NonFinite
from saddle.game.exchange import Exchange, tensors_of
from saddle.game.game import Draw, Game, Loss, Move, Player, Terms
from saddle.game.per_seed import PerSeed, seeded
from saddle.game.play import Report, held, play

__all__ = ["play_seeds"]


def play_seeds(games: Sequence[Game], draws: Sequence[Draw], rounds: int | None = None) -> Iterator[list[Report]]:
    """Play S games of one kind at once: the same as ``zip(*map(play, games, draws, ...))``, in less time.

    Made for small networks, where a round's time goes into starting operations and not into arithmetic. To save the
    games now and then, call it again with more rounds. The steps are those of the games alone up to rounding; where a
    game amplifies rounding (Adam on a bias before batch norm, whose gradient is 0 but for it), so it does here.

    Args:
        games: built alike from S seeds, and each ``seed``-ed with its own. They are changed in place: weights, buffers,
            averages and random numbers after each round, optimisers when the iterator ends or is closed.
        draws: each game's data; all give batches of one size.
        rounds: play until the games have played so many in all; None: for as long as the caller asks for reports.
    Yields:
        A report for each game, as ``play`` gives it. Under consensus the gradient includes the pull of the joint one.
    Raises:
        NonFinite: a loss or gradient of one of the games is not finite; all stop before the step.
        ValueError: the games differ in more than their numbers, or a loss does what cannot be done for all seeds at
            once: it reads values (all but conditions that every seed answers alike, such as whether labels are in
            range), or draws random numbers without ``generator=rng`` (dropout, instance noise).

    >>> from saddle.theory import bilinear, values
    >>> games = [bilinear(lr=0.5, x0=1.0), bilinear(lr=0.5, x0=2.0)]
    >>> for reports in play_seeds(games, [lambda: None] * 2, rounds=1): print([values(game) for game in games])
    [{'x': 1.0, 'y': 0.5}, {'x': 2.0, 'y': 1.0}]
    """
    _refuse_different(games, draws)
    together = _Together(games, draws)
    try:
        yield from together.play(rounds)
    finally:
        together.hand_back()


class _Together:
    """The stacked weights of S games, and the one game that is played with them.

    The first game's modules are the template: while a loss runs, their tensors are exchanged for the stacked ones. The
    tensors of all games are views of their slices until they are handed back.
    """

    def __init__(self, games: Sequence[Game], draws: Sequence[Draw]) -> None:
        self.games, self.draws = games, draws
        self.rng = torch.Generator(games[0].device)  # stands for the games' own
        whole = [_whole(game) for game in games]
        self.exchange = Exchange(games[0])
        parameters, buffers = stack_module_state(list(whole))
        self.stacks: dict[str, Tensor] = {k: nn.Parameter(p.detach(), p.requires_grad) for k, p in parameters.items()}
        self.stacks |= buffers
        self.names = {id(tensor): name for name, tensor in tensors_of(whole[0]).items()}
        self.given = {name: PerSeed(self.stacks[name]) for name in tensors_of(self.exchange)}
        self.measured: Terms = {}
        self.game = self._game(games[0])
        self.own = [(tensor, tensor.data) for one in whole for tensor in tensors_of(one).values()]
        for s, one in enumerate(whole):
            for name, tensor in tensors_of(one).items():
                tensor.data = self.stacks[name].detach()[s]

    def play(self, rounds: int | None) -> Iterator[list[Report]]:
        """Play the one game, with a report for each of the S."""
        reports = play(self.game, self._draw, rounds)
        while (report := self._next(reports)) is not None:
            terms = {name: value.unbind() for name, value in self.measured.items()}
            self.measured = {}
            for game in self.games:
                game.round, game.images = report.round, report.images
            yield [
                Report(report.round, report.images, {name: value[s] for name, value in terms.items()} | held(game))
                for s, game in enumerate(self.games)
            ]

    def _next(self, reports: Iterator[Report]) -> Report | None:
        try:
            return next(reports, None)
        except NonFinite as error:
            finite = torch.stack([value.isfinite() for value in self.measured.values()]).all(0)  # (S,)
            bad = [str(s) for s in range(len(self.games)) if not finite[s]]
            raise NonFinite(f"games {', '.join(bad) or 'unknown'} of {len(self.games)}: {error}") from error

    def hand_back(self) -> None:
        """Give every game its tensors, optimiser states and last batch for its own."""
        for tensor, data in self.own:
            tensor.data = data.copy_(tensor.data)
        for player in self.game.players:
            for s, game in enumerate(self.games):
                _take_slice(game[player.name], player, s)
        if self.game.batch is not None:
            for s, game in enumerate(self.games):
                game.batch = _batch([x.stack[s] if isinstance(x, PerSeed) else x for x in _columns(self.game.batch)])

    def _game(self, one: Game) -> Game:
        game = Game(
            players=[self._player(player) for player in one.players],
            moves=[replace(move, loss=self._loss(move), after=self._after(move)) for move in one.moves],
            dynamics=one.dynamics,
            schedules=[self._schedule],
            share=None if one.share is None else partial(self._share, one.share),
            autocast=one.autocast,
            device=one.device,
            round=one.round,
            images=one.images,
        )
        if one.batch is not None:
            game.batch = _side_by_side([game.batch for game in self.games])
        return game

    def _player(self, one: Player) -> Player:
        """The player of the stacked weights, whose optimiser goes on from the S optimisers' states."""
        module, average = _Tensors(self._stacked(one.module)), None
        if one.average is not None:
            average = Average(module, one.average.half_life, one.average.ramp)
            average.module = _Tensors(self._stacked(one.average.module))
        groups = [{**g, "params": [self._stacked_one(p) for p in g["params"]]} for g in one.optimizer.param_groups]
        make: Callable[..., torch.optim.Optimizer] = type(one.optimizer)
        player = Player(one.name, module, make(groups), average)
        _give_slices(player, [game[one.name] for game in self.games])
        _show_state(one, player)
        player.optimizer.register_step_post_hook(lambda *_: None if one.optimizer.state else _show_state(one, player))
        player.optimizer.register_step_pre_hook(lambda *_: self._measure_gradient(player))
        if (project := one.project) is not None:
            player.project = lambda _: self._run(project, one.module)
        return player

    def _stacked_one(self, tensor: Tensor) -> Tensor:
        return self.stacks[self.names[id(tensor)]]

    def _stacked(self, module: nn.Module) -> list[Tensor]:
        return [self._stacked_one(tensor) for tensor in tensors_of(module).values()]

    def _run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function of one game with all games' tensors in the template's modules."""
        with seeded(self.rng, [game.rng for game in self.games]):
            return self.exchange.run(self.given, function, *args)

    def _loss(self, move: Move) -> Loss:
        def loss(batch: Batch, rng: torch.Generator) -> Terms:
            terms = self._run(move.loss, batch, self.rng)
            each = {name: self._each(value) for name, value in terms.items()}
            self.measured |= {f"{move.player}.{name}": value.detach() for name, value in each.items()}
            return {name: value.sum() for name, value in each.items()}  # a game's gradient sees its own summand only

        return loss

    def _each(self, value: Tensor) -> Tensor:
        return value.stack if isinstance(value, PerSeed) else value.expand(len(self.games))  # (S,)

    def _after(self, move: Move) -> Callable[[Terms], None] | None:
        if (tell := move.after) is None:
            return None

        def after(joint: Terms) -> None:
            self._run(tell, {name: PerSeed(self.measured[f"{move.player}.{name}"]) for name in joint})

        return after

    def _share(self, share: Callable[..., Batch], batch: Batch, rng: torch.Generator) -> Batch:
        shared: Batch = self._run(share, batch, self.rng)
        return shared

    def _schedule(self, images: int) -> None:
        """Each game's schedules, and what they set in the first one's optimisers and averages."""
        for game in self.games:
            for schedule in game.schedules:
                schedule(images)
        for ours, theirs in zip(self.game.players, self.games[0].players, strict=True):
            for group, set_group in zip(ours.optimizer.param_groups, theirs.optimizer.param_groups, strict=True):
                group |= {name: value for name, value in set_group.items() if name != "params"}
            if ours.average is not None and theirs.average is not None:
                ours.average.half_life, ours.average.ramp = theirs.average.half_life, theirs.average.ramp

    def _measure_gradient(self, player: Player) -> None:
        grads = [p.grad.reshape(len(p.grad), -1) for p in player.parameters if p.grad is not None]
        norms = torch.stack([torch.linalg.vector_norm(g, dim=1) for g in grads])  # (tensors, S)
        self.measured[f"{player.name}.gradient"] = torch.linalg.vector_norm(norms, dim=0)  # (S,)

    def _draw(self) -> Batch | None:
        return _side_by_side([draw() for draw in self.draws])


class _Tensors(nn.Module):
    """Stacked parameters and buffers in order, for an average and for whoever asks a player for its module."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        super().__init__()
        for i, tensor in enumerate(tensors):
            if isinstance(tensor, nn.Parameter):
                self.register_parameter(str(i), tensor)
            else:
                self.register_buffer(str(i), tensor)


def _whole(game: Game) -> nn.ModuleDict:
    """All that a game keeps in modules."""
    parts = {
        "players": {player.name: player.module for player in game.players},
        "controls": dict(game.controls),
        "averages": {player.name: player.average.module for player in game.players if player.average is not None},
    }
    return nn.ModuleDict({name: nn.ModuleDict(modules) for name, modules in parts.items()})


def _columns(batch: Batch) -> list[Any]:
    return [batch.x, batch.y, batch.fake]


def _batch(columns: list[Any]) -> Batch:
    return Batch(*columns)


def _side_by_side(batches: Sequence[Batch | None]) -> Batch | None:
    """S batches as one of `PerSeed` tensors; None where the games look at nothing."""
    given = [batch for batch in batches if batch is not None]
    if not given:
        return None
    sizes = [len(batch.x) for batch in given]
    require(len(given) == len(batches) and len(set(sizes)) == 1, "draws", sizes, "batches of one size for all games")
    columns = zip(*(_columns(batch) for batch in given), strict=True)
    return _batch([None if column[0] is None else PerSeed(torch.stack(column)) for column in columns])


def _give_slices(player: Player, ones: Sequence[Player]) -> None:
    """Stack what the S players' optimisers remember."""
    for p, *own in zip(player.parameters, *(one.parameters for one in ones), strict=True):
        states = [one.optimizer.state.get(q, {}) for one, q in zip(ones, own, strict=True)]
        for name, first in states[0].items():
            values = [state[name] for state in states]
            player.optimizer.state[p][name] = torch.stack(values) if _sliced(name, first) else _copied(first)


def _take_slice(one: Player, player: Player, s: int) -> None:
    for p, own in zip(player.parameters, one.parameters, strict=True):
        for name, value in player.optimizer.state.get(p, {}).items():
            one.optimizer.state[own][name] = _copied(value[s] if _sliced(name, value) else value)


def _show_state(one: Player, player: Player) -> None:
    """Let the template's optimiser hold the stacked state, for losses that read it."""
    for own, p in zip(one.parameters, player.parameters, strict=True):
        if state := player.optimizer.state.get(p):
            one.optimizer.state[own] = {name: PerSeed(v) if _sliced(name, v) else v for name, v in state.items()}


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def _sliced(name: str, value: Any) -> bool:
    return isinstance(value, Tensor) and name != "step"  # the number of steps is the same for all


def _refuse_different(games: Sequence[Game], draws: Sequence[Draw]) -> None:
    require(len(games) >= 1, "games", len(games), "1 or more games")
    require(len(games) == len(draws), "draws", len(draws), f"one for each of the {len(games)} games")
    first = _description(games[0])
    for s, game in enumerate(games):
        for what, value in _description(game).items():
            require(value == first[what], f"{what} of game {s}", value, f"the same as of game 0: {first[what]}")


def _description(game: Game) -> dict[str, Any]:
    """What must agree between games that are played at once."""
    return {
        "round and images": (game.round, game.images),
        "moves": [(move.player, move.repeats, move.every, move.fresh) for move in game.moves],
        "tensors": {name: tuple(tensor.shape) for name, tensor in tensors_of(_whole(game)).items()},
        "optimisers": {
            player.name: [type(player.optimizer).__name__, *(_settings(g) for g in player.optimizer.param_groups)]
            for player in game.players
        },
    }


def _settings(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name != "params"}
