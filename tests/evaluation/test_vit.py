"""Vision transformers of DINOv2 and CLIP: published layouts and sizes, hand-made cases, parity with transformers."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from saddle.evaluation.features import clip, dinov2
from saddle.evaluation.features.clip import CLIP
from saddle.evaluation.features.dinov2 import DINOv2
from saddle.evaluation.features.vit import Shape, VisionTransformer, quick_gelu
from saddle.evaluation.features.weights import file_hash, load_into

TINY = Shape(size=56, patch=14, width=12, depth=2, heads=3, hidden=20, scaled=True)
TINY_CLIP = Shape(size=28, patch=14, width=12, depth=2, heads=3, hidden=20, eps=1e-5, clip=True, projected=5)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def randomise(net, seed=0):
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in net.parameters():
            p.normal_(0, 0.3, generator=rng)
    return net.eval().requires_grad_(False)


def linear(name, outputs, inputs):
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def norm(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def dinov2_layout(s):
    """Names and shapes in the file of DINOv2's authors."""
    w = s.width
    found = {"cls_token": (1, 1, w), "pos_embed": (1, 1 + s.grid**2, w), "mask_token": (1, w), **norm("norm", w)}
    found |= {"patch_embed.proj.weight": (w, 3, s.patch, s.patch), "patch_embed.proj.bias": (w,)}
    for i in range(s.depth):
        b = f"blocks.{i}"
        found |= norm(f"{b}.norm1", w) | norm(f"{b}.norm2", w)
        found |= linear(f"{b}.attn.qkv", 3 * w, w) | linear(f"{b}.attn.proj", w, w)
        found |= linear(f"{b}.mlp.fc1", s.hidden, w) | linear(f"{b}.mlp.fc2", w, s.hidden)
        found |= {f"{b}.ls1.gamma": (w,), f"{b}.ls2.gamma": (w,)}
    return found


def dinov2_hub_layout(s):
    """Names and shapes of the same on the Hugging Face Hub."""
    w, patch = s.width, "embeddings.patch_embeddings.projection"
    found = {"embeddings.cls_token": (1, 1, w), "embeddings.mask_token": (1, w), **norm("layernorm", w)}
    found |= {"embeddings.position_embeddings": (1, 1 + s.grid**2, w)}
    found |= {f"{patch}.weight": (w, 3, s.patch, s.patch), f"{patch}.bias": (w,)}
    for i in range(s.depth):
        b = f"encoder.layer.{i}"
        found |= norm(f"{b}.norm1", w) | norm(f"{b}.norm2", w) | linear(f"{b}.attention.output.dense", w, w)
        for one in ("query", "key", "value"):
            found |= linear(f"{b}.attention.attention.{one}", w, w)
        found |= linear(f"{b}.mlp.fc1", s.hidden, w) | linear(f"{b}.mlp.fc2", w, s.hidden)
        found |= {f"{b}.layer_scale1.lambda1": (w,), f"{b}.layer_scale2.lambda1": (w,)}
    return found


def clip_layout(s):
    """Names and shapes of a whole CLIP on the Hugging Face Hub, with a little of its text tower."""
    w, v = s.width, "vision_model"
    found = {
        f"{v}.embeddings.class_embedding": (w,),
        f"{v}.embeddings.patch_embedding.weight": (w, 3, s.patch, s.patch),
    }
    found |= {f"{v}.embeddings.position_embedding.weight": (1 + s.grid**2, w), f"{v}.embeddings.position_ids": (1, 5)}
    found |= norm(f"{v}.pre_layrnorm", w) | norm(f"{v}.post_layernorm", w)
    for i in range(s.depth):
        b = f"{v}.encoder.layers.{i}"
        found |= norm(f"{b}.layer_norm1", w) | norm(f"{b}.layer_norm2", w)
        for one in ("q_proj", "k_proj", "v_proj", "out_proj"):
            found |= linear(f"{b}.self_attn.{one}", w, w)
        found |= linear(f"{b}.mlp.fc1", s.hidden, w) | linear(f"{b}.mlp.fc2", w, s.hidden)
    found |= {
        "visual_projection.weight": (s.projected, w),
        "logit_scale": (),
        "text_projection.weight": (s.projected, 9),
    }
    return found | linear("text_model.encoder.layers.0.mlp.fc1", 7, 7)


def filled(layout, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=rng) * 0.3 for name, shape in layout.items()}


@pytest.mark.parametrize(
    ("shape", "layout", "translate", "count"),
    [
        (dinov2.SHAPE, dinov2_layout, dinov2.from_published, 304_368_640 - 1024),  # published, less the mask token
        (dinov2.SHAPE, dinov2_hub_layout, dinov2.from_published, 304_368_640 - 1024),
        (clip.SHAPE, clip_layout, clip.from_published, 303_507_456 + 1024 * 768),  # tower and projection
    ],
    ids=["dinov2", "dinov2-hub", "clip"],
)
def test_names_shapes_and_counts_are_the_published_ones(shape, layout, translate, count):
    with torch.device("meta"):
        net = VisionTransformer(shape)
        theirs = translate({name: torch.empty(size) for name, size in layout(shape).items()})
    assert {n: v.shape for n, v in net.state_dict().items()} == {n: v.shape for n, v in theirs.items()}
    assert sum(p.numel() for p in net.parameters()) == count


def test_both_layouts_of_dinov2_are_one_network():
    hub = filled(dinov2_hub_layout(TINY))
    ours = dinov2.from_published(hub)
    authors = {name.replace("patch_embed.", "patch_embed.proj."): value for name, value in ours.items()}
    again = dinov2.from_published(authors | {"mask_token": torch.zeros(1, TINY.width)})
    assert all(torch.equal(ours[name], again[name]) for name in ours) and ours.keys() == again.keys()
    joined = torch.cat([hub[f"encoder.layer.1.attention.attention.{one}.weight"] for one in ("query", "key", "value")])
    assert torch.equal(ours["blocks.1.attn.qkv.weight"], joined)


def test_attention_is_a_softmax_average_of_values():
    net = randomise(VisionTransformer(replace(TINY, heads=1, depth=1)))
    attention, x = net.blocks[0].attn, randn(2, 5, 12)
    q, k, v = attention.qkv(x).chunk(3, -1)
    mixed = torch.softmax(q @ k.transpose(1, 2) / 12**0.5, -1) @ v
    torch.testing.assert_close(attention(x), attention.proj(mixed))


def test_blocks_that_add_nothing_leave_the_class_token():
    net = randomise(VisionTransformer(TINY))
    for block in net.blocks:
        block.ls1.gamma.zero_()
        block.ls2.gamma.zero_()
    expected = net.norm(net.cls_token[0, 0] + net.pos_embed[0, 0])
    torch.testing.assert_close(net(randn(3, 3, 56, 56)), expected.expand(3, 12))


def test_without_positions_the_order_of_patches_does_not_matter():
    net = randomise(VisionTransformer(TINY))
    x = randn(2, 3, 56, 56)
    moved = x.roll((14, 28), (2, 3))
    assert float((net(x) - net(moved)).abs().max()) > 1e-3
    net.pos_embed.zero_()
    torch.testing.assert_close(net(x), net(moved), rtol=1e-4, atol=1e-5)


def test_quick_gelu_is_near_gelu():
    x = torch.linspace(-6, 6, 1001)
    assert float((quick_gelu(x) - nn.functional.gelu(x)).abs().max()) == pytest.approx(0.0203, abs=1e-3)


@pytest.mark.parametrize("nudge", [0.0, 0.1])
def test_positions_are_resized_on_the_released_grid(nudge):
    """A ramp is read at (i + 1/2) grid / (side + nudge) - 1/2, to the 0.05 that torch's cubic (a = -3/4) bends it."""
    shape = replace(TINY, size=14 * 37, nudge=nudge)
    net = VisionTransformer(shape).requires_grad_(False)
    net.pos_embed[0, 1:] = torch.arange(37.0).repeat_interleave(37)[:, None]  # the row
    found = net.positions(16)
    assert found.shape == (1, 1 + 256, 12)
    rows = found[0, 1:, 0].view(16, 16)
    place = (torch.arange(16) + 0.5) * 37 / (16 + nudge) - 0.5
    torch.testing.assert_close(rows[1:-1], place[1:-1, None].expand(14, 16), rtol=0, atol=0.055)
    assert 15.5 * 37 / 16 - 15.5 * 37 / 16.1 > 4 * 0.05  # so the last but one tells the two grids apart
    assert net.positions(37) is net.pos_embed


def test_shapes_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="size=50"):
        replace(TINY, size=50)
    with pytest.raises(ValueError, match="width=13"):
        replace(TINY, width=13)


CASES = [(dinov2, DINOv2, TINY, dinov2_layout), (clip, CLIP, TINY_CLIP, clip_layout)]


@pytest.mark.parametrize(("module", "kind", "shape", "layout"), CASES, ids=["dinov2", "clip"])
def test_extractors_read_their_file_and_normalise_as_trained(module, kind, shape, layout, tmp_path, monkeypatch):
    state = filled(layout(shape))
    path = tmp_path / module.NAMES[0]
    torch.save(state, path)
    with pytest.raises(ValueError, match=f"damaged or another file; expected .*{module.HASHES[0][:16]}"):
        kind(path)
    monkeypatch.setattr(module, "HASHES", (file_hash(path),))
    with pytest.raises(ValueError, match=r"expected those of VisionTransformer; .* of another shape|names missing"):
        kind(path)
    monkeypatch.setattr(module, "SHAPE", shape)
    extractor = kind(tmp_path)
    grey = torch.randint(0, 256, (2, 1, extractor.size, extractor.size), dtype=torch.uint8)
    extractor.size, side = (shape.size, shape.size)
    extractor.resize = "bilinear"
    rows, logits = extractor(grey[..., :side, :side])
    net = VisionTransformer(shape).eval()
    load_into(net, module.from_published(state), "here")
    means = {"dinov2": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])}
    means["clip"] = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
    mean, std = (torch.tensor(three).view(3, 1, 1) for three in means[kind.name])
    expected = net((grey[..., :side, :side].float() / 255 - mean) / std)
    torch.testing.assert_close(rows, expected, rtol=1e-4, atol=1e-5)
    assert logits is None and extractor.weights == file_hash(path)


@pytest.mark.parametrize(("module", "kind", "shape", "layout"), CASES, ids=["dinov2", "clip"])
def test_safetensors_are_taken_at_names_and_shapes_and_show_their_hash(
    module, kind, shape, layout, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "SHAPE", shape)
    path, state = tmp_path / "model.safetensors", filled(layout(shape))
    save_file(state, path)
    assert file_hash(path)[:16] in kind(path).key
    for name in ("blocks.0.norm1.bias", "vision_model.encoder.layers.0.self_attn.k_proj.weight"):
        state.pop(name, None)
    save_file(state, path)
    with pytest.raises(ValueError, match="expected those of VisionTransformer; 1 names missing"):
        kind(path)


def test_missing_files_are_told_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"dinov2_vitl14_pretrain\.pth"):
        DINOv2(tmp_path)
    with pytest.raises(ValueError, match=r"pytorch_model\.bin"):
        CLIP(tmp_path)


@pytest.mark.parametrize("side", [56, 28])
def test_dinov2_equals_that_of_transformers(side):
    """With learned positions as they are, and resized; transformers resizes without the authors' nudge of 0.1."""
    hub = pytest.importorskip("transformers")
    sizes = {"hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "mlp_ratio": 2}
    theirs = randomise(hub.Dinov2Model(hub.Dinov2Config(image_size=56, patch_size=14, **sizes)))
    ours = VisionTransformer(replace(TINY, hidden=24)).eval()
    load_into(ours, dinov2.from_published(theirs.state_dict()), "transformers")
    x = randn(3, 3, side, side)
    torch.testing.assert_close(ours(x), theirs(x).pooler_output, rtol=1e-5, atol=1e-5)


def test_clip_equals_that_of_transformers():
    hub = pytest.importorskip("transformers")
    sizes = {"hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 20}
    config = hub.CLIPVisionConfig(image_size=28, patch_size=14, projection_dim=5, **sizes)
    theirs = randomise(hub.CLIPVisionModelWithProjection(config))
    ours = VisionTransformer(TINY_CLIP).eval()
    load_into(ours, clip.from_published(theirs.state_dict()), "transformers")
    x = randn(3, 3, 28, 28)
    torch.testing.assert_close(ours(x), theirs(x).image_embeds, rtol=1e-5, atol=1e-5)
