"""One tensor for each of S seeds, taken for a single tensor by whatever loss is computed with it.

A loss is written for one game. Given `PerSeed` weights and samples it computes the losses of S games at once: every
torch function that it calls runs over the seeds by ``torch.func.vmap``, and a gradient taken inside it (a penalty's)
is each seed's own. What a loss draws with ``generator=rng`` comes from each seed's own generator, see `seeded`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

__all__ = ["PerSeed", "rewinder", "seeded"]

Call = Callable[..., Any]


class PerSeed(Tensor):
    """S tensors of one shape; shape, length and type are those of one of them.

    >>> x = PerSeed(torch.arange(6.0).reshape(2, 3))  # two seeds, three numbers each
    >>> x.shape, (x.sum() * 2).stack
    (torch.Size([3]), tensor([ 6., 24.]))
    """

    stack: Tensor
    """The S tensors, (S, ...)."""

    @staticmethod
    def __new__(cls, stack: Tensor) -> "PerSeed":
        one = Tensor._make_wrapper_subclass(cls, stack.shape[1:], dtype=stack.dtype, device=stack.device)
        one.stack = stack
        return one

    def __init__(self, stack: Tensor) -> None:
        super().__init__()

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        with torch._C.DisableTorchFunctionSubclass():
            return f"PerSeed({self.stack!r})"

    @classmethod
    def __torch_function__(
        cls, func: Call, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run a torch function for every seed."""
        kwargs = kwargs or {}
        if func in _METADATA:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **kwargs)
        rule = _RULES.get(func, _elementwise if func in _ELEMENTWISE else _for_each)
        return rule(func, args, kwargs)

    @classmethod
    def __torch_dispatch__(cls, func: Call, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        """Below torch's functions a seed's tensor does not exist alone: only metadata can be asked for."""
        raise RuntimeError(f"{func}: expected a torch function that can be run for each seed")


@contextmanager
def seeded(rng: torch.Generator, each: Sequence[torch.Generator]) -> Iterator[None]:
    """Inside, whatever is drawn with ``generator=rng`` is drawn with each of S generators in turn, and is `PerSeed`.

    Args:
        rng: stands for them in the loss; it draws nothing.
        each: a generator for each seed.
    Raises:
        ValueError: something draws from torch's own random numbers, which no seed owns.
    """
    _STANDS_FOR[id(rng)] = each
    try:
        with _Draws(rng, each):
            yield
    finally:
        del _STANDS_FOR[id(rng)]


def rewinder(rng: torch.Generator) -> Callable[[], None]:
    """A function that brings ``rng``, or the generators that it stands for under `seeded`, back to where it is now."""
    generators = _STANDS_FOR.get(id(rng), [rng])
    states = [generator.get_state() for generator in generators]

    def rewind() -> None:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)

    return rewind


_STANDS_FOR: dict[int, Sequence[torch.Generator]] = {}


class _Draws(TorchFunctionMode):
    def __init__(self, rng: torch.Generator, each: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.rng, self.each = rng, each

    def __torch_function__(
        self, func: Call, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        generator = kwargs.get("generator")
        if generator is self.rng:
            drawn = [
                func(*_slice(args, s), **(_slice(kwargs, s) | {"generator": own})) for s, own in enumerate(self.each)
            ]
            return PerSeed(torch.stack(drawn))
        if generator is None and func in _UNSEEDED:
            raise ValueError(
                f"random numbers={func.__name__}: expected only ones drawn with generator=rng, which each seed owns; "
                "dropout and instance noise draw from torch's own: play these games one after another"
            )
        return func(*args, **kwargs)


def _for_each(func: Call, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Any function, by vmap. What it returns besides tensors cannot depend on the seed, and is returned as it is."""
    stacks: list[Tensor] = []
    _replace((args, kwargs), lambda x: stacks.append(x.stack), PerSeed)
    results: list[Any] = []

    def once(*slices: Tensor) -> tuple[Tensor, ...]:
        left = iter(slices)
        own_args, own_kwargs = _replace((args, kwargs), lambda _: next(left), PerSeed)
        results.append(func(*own_args, **own_kwargs))
        tensors: list[Tensor] = [stacks[0].new_zeros(())]  # vmap asks for one tensor at least
        _replace(results[-1], tensors.append, Tensor)
        return tuple(tensors)

    try:
        stacked = iter(torch.func.vmap(once)(*stacks)[1:])
    except RuntimeError as error:
        raise ValueError(
            f"loss={getattr(func, '__name__', func)}: expected steps that can be made for all seeds at once, without "
            f"reading values or drawing from torch's own random numbers: play these games one after another ({error})"
        ) from error
    return _replace(results[-1], lambda _: PerSeed(next(stacked)), Tensor)


def _elementwise(func: Call, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """A function of one element each: the seeds are one more axis, if nothing broadcasts across it."""
    tensors = [x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)]
    if any(not isinstance(x, PerSeed) or x.stack.dim() != tensors[0].stack.dim() for x in tensors):  # type: ignore[attr-defined]
        return _for_each(func, args, kwargs)
    return PerSeed(func(*map(_plain, args), **{name: _plain(value) for name, value in kwargs.items()}))


def _flatten(func: Call, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """x.flatten(k), k > 0 or all."""
    x, *rest = args
    if kwargs or len(rest) > 1 or (rest and rest[0] < 0) or x.dim() == 0:
        return _for_each(func, args, kwargs)
    return PerSeed(x.stack.flatten(1 + (rest[0] if rest else 0)))


def _reshape(func: Call, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    x, *shape = args
    sizes = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    return _for_each(func, args, kwargs) if kwargs else PerSeed(x.stack.reshape(len(x.stack), *sizes))


def _linear(func: Call, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """x W' + b for rows x (S, N, i), W (S, o, i), b (S, o), as one batched product."""
    if not (len(args) == 3 and not kwargs and all(isinstance(x, PerSeed) for x in args) and args[0].stack.dim() == 3):
        return _for_each(func, args, kwargs)
    x, W, b = (a.stack for a in args)
    return PerSeed(_product(x, W.transpose(1, 2)).add_(b.unsqueeze(1)))  # (S, N, o)


def _product(A: Tensor, B: Tensor) -> Tensor:
    product: Tensor = _Products.apply(A, B)  # type: ignore[no-untyped-call]
    return product


class _Products(torch.autograd.Function):
    """A_s B_s for each seed, rounded as a single game's products are.

    Batched products of matrices round as single ones do. Those with vectors do not, so that they are made one by one: a
    first rounding error would grow, and with it games part as soon as a rectifier switches.
    """

    @staticmethod
    def forward(ctx: Any, A: Tensor, B: Tensor) -> Tensor:
        ctx.save_for_backward(A, B)
        if min(A.shape[1], B.shape[2]) > 1:
            return torch.bmm(A, B)
        out = A.new_empty(len(A), A.shape[1], B.shape[2])
        for a, b, c in zip(A.unbind(), B.unbind(), out.unbind(), strict=True):
            torch.mm(a, b, out=c)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (A, B), (g,), (wants_A, wants_B) = ctx.saved_tensors, gradients, ctx.needs_input_grad
        own_A = _product(g, B.transpose(1, 2)) if wants_A else None
        own_B = _product(g.transpose(1, 2), A).transpose(1, 2) if wants_B else None  # laid out as a weight
        return own_A, own_B


def _reduced(func: Call, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The mean or sum of all elements, or over one dimension, for each seed."""
    x, *rest = args
    if kwargs or x.dim() == 0 or len(rest) > 1 or not all(isinstance(dim, int) for dim in rest):
        return _for_each(func, args, kwargs)
    if not rest:
        return PerSeed(func(x.stack.flatten(1), 1))  # (S,)
    return PerSeed(func(x.stack, rest[0] + 1 if rest[0] >= 0 else rest[0]))


def _gradient(func: Call, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Each seed's gradient: a seed's outputs depend on its own inputs only."""
    outputs: Any
    inputs: Any
    outputs, inputs, *rest = args
    kwargs = dict(zip(_GRADIENT_OPTIONS, rest, strict=False)) | dict(kwargs)
    inputs, outputs = ([x] if isinstance(x, Tensor) else list(x) for x in (inputs, outputs))
    if not all(isinstance(x, PerSeed) for x in [*inputs, *outputs]):
        raise ValueError("grad=inputs: expected outputs and inputs that each seed has its own of")
    seeds = len(inputs[0].stack)

    def spread(g: Tensor) -> Tensor:
        return g.stack if isinstance(g, PerSeed) else g.expand(seeds, *g.shape)

    ones = [torch.ones_like(y.stack) for y in outputs] if all(y.dim() == 0 for y in outputs) else None
    weights = kwargs.get("grad_outputs")
    given = kwargs | {"grad_outputs": ones if weights is None else _replace(weights, spread, Tensor)}
    found = func([y.stack for y in outputs], [x.stack for x in inputs], **given)
    return tuple(None if g is None else PerSeed(g) for g in found)


def _agreed(func: Call, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """What a loss decides by, a check of its arguments for example: it can go one way only, the same for every seed."""
    answers = [bool(answer) for answer in args[0].stack]
    if len(set(answers)) > 1:
        raise ValueError(
            f"loss=a condition that is {answers} for seeds 0 to {len(answers) - 1}: expected one answer, so that all "
            "can be played at once: play these games one after another"
        )
    return answers[0]


def _in_autograd(func: Call, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What autograd knows of a tensor, and asking it to record: the stack's own affair."""
    found = func(*map(_plain, args), **kwargs)
    return args[0] if func is Tensor.requires_grad_ else found


def _plain(x: Any) -> Any:
    return x.stack if isinstance(x, PerSeed) else x


def _slice(tree: Any, s: int) -> Any:
    return _replace(tree, lambda x: x.stack[s], PerSeed)


def _replace(tree: Any, change: Callable[[Any], Any], kind: type) -> Any:
    """The same lists, tuples and dictionaries with each ``kind`` in them changed, in order."""
    if isinstance(tree, kind):
        return change(tree)
    if isinstance(tree, dict):
        return {key: _replace(value, change, kind) for key, value in tree.items()}
    if isinstance(tree, tuple | list) and not isinstance(tree, torch.Size):
        make: Callable[[Any], Any] = getattr(
            tree, "_make", type(tree)
        )  # named tuples and torch's own come back as such
        return make([_replace(value, change, kind) for value in tree])
    return tree


_GRADIENT_OPTIONS = ("grad_outputs", "retain_graph", "create_graph", "only_inputs", "allow_unused")
"""What may follow outputs and inputs by position."""


def _getter(name: str) -> Call:
    """What torch calls to read this attribute of a tensor."""
    getter: Call = getattr(Tensor, name).__get__
    return getter


_METADATA = {
    Tensor.dim, Tensor.size, Tensor.numel, Tensor.__len__, Tensor.is_floating_point, torch.is_floating_point,
    *map(_getter, ("shape", "dtype", "device", "ndim", "layout")),
}  # fmt: skip
"""What is read off the wrapper, which looks like one seed's tensor."""

_ELEMENTWISE = {
    Tensor.add, Tensor.sub, Tensor.mul, Tensor.div, Tensor.neg, Tensor.square, Tensor.sqrt, Tensor.abs, Tensor.exp,
    Tensor.tanh, Tensor.clamp, Tensor.clamp_, Tensor.gt, Tensor.__rsub__, Tensor.detach, torch.relu, torch.tanh,
    torch.where, F.relu, F.leaky_relu, F.softplus,
}  # fmt: skip
"""Functions of one element each, for which vmap would only cost time."""

_UNSEEDED = {
    torch.rand, torch.randn, torch.randint, torch.randperm, torch.normal, torch.bernoulli, torch.multinomial,
    torch.rand_like, torch.randn_like, torch.randint_like, torch.dropout, F.dropout,
    Tensor.normal_, Tensor.uniform_, Tensor.bernoulli_, Tensor.random_, Tensor.exponential_,
}  # fmt: skip
"""Functions that draw random numbers."""

_RULES: dict[Call, Callable[[Call, Sequence[Any], Mapping[str, Any]], Any]] = {
    F.linear: _linear,
    Tensor.flatten: _flatten,
    Tensor.reshape: _reshape,
    Tensor.mean: _reduced,
    Tensor.sum: _reduced,
    torch.autograd.grad: _gradient,
    Tensor.__bool__: _agreed,
    Tensor.requires_grad_: _in_autograd,
    _getter("requires_grad"): _in_autograd,
    _getter("is_leaf"): _in_autograd,
}
"""Functions that autograd or speed wants handled apart."""
