"""What one writes with Keras alone: `python keras_predict.py MODEL.keras IMAGE_OR_FOLDER`, a line an image."""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

model = keras.models.load_model(sys.argv[1], compile=False)
given = Path(sys.argv[2])
images = sorted(given.iterdir()) if given.is_dir() else [given]
pixels = [np.asarray(keras.utils.load_img(image, target_size=model.input_shape[1:3])) for image in images]
probabilities = model.predict(np.stack(pixels).astype(np.float32) / 255, verbose=0)
for image, row in zip(images, probabilities, strict=True):
    print(image.name, f"label {row.argmax()}", f"{row.max():.4f}")
