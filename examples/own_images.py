"""Write images as `data.source: image_folder` reads them: `python examples/own_images.py FOLDER`.

Five of scikit-learn's handwritten digits stand for your own pictures, in FOLDER/train/<class>/ and FOLDER/test/<class>/.
"""

import sys
from pathlib import Path

from PIL import Image
from sklearn.datasets import load_digits

folder = Path(sys.argv[1])
names = ("zero", "one", "two", "three", "four")
digits = load_digits(n_class=len(names))
for number, (pixels, label) in enumerate(zip(digits.images, digits.target, strict=True)):
    part = "test" if number % 5 == 0 else "train"
    path = folder / part / names[label] / f"{number:03}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((pixels * 255 / 16).astype("uint8")).resize((16, 16)).save(path)
print(f"{number + 1} images of {len(names)} classes below {folder}")
