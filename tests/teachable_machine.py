"""A network as Teachable Machine exports it, untrained."""

import keras

SIDE = 32


def teachable_machine(outputs: int = 3) -> keras.Model:
    """Nested as Teachable Machine's converter nests it, with the names it gives."""
    keras.utils.set_random_seed(2)
    layers = keras.layers
    images = keras.Input((SIDE, SIDE, 3), name="input_1")
    features = layers.ReLU(6.0, name="out_relu")(layers.Conv2D(4, 3, strides=2, name="Conv1")(images))
    backbone = keras.Model(images, features, name="model1")
    body = keras.Sequential(
        [backbone, layers.GlobalAveragePooling2D(name="global_average_pooling2d_GlobalAveragePooling2D1")],
        name="sequential_1",
    )
    head = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(8, activation="relu", name="dense_Dense1"),
            layers.Dense(outputs, activation="softmax", use_bias=False, name="dense_Dense2"),
        ],
        name="sequential_3",
    )
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), body, head], name="sequential_4")
