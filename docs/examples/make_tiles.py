"""Makes a folder of images to try things on: tiles of 64x64 out of scikit-learn's two sample photographs."""

from pathlib import Path

from PIL import Image
from sklearn.datasets import load_sample_images

for name, picture in zip(("china", "flower"), load_sample_images().images, strict=True):
    folder = Path("tiles") / name
    folder.mkdir(parents=True, exist_ok=True)
    height, width, _ = picture.shape
    for top in range(0, height - 63, 16):
        for left in range(0, width - 63, 16):
            Image.fromarray(picture[top : top + 64, left : left + 64]).save(folder / f"{top:03d}-{left:03d}.png")
