"""A float network that keeps the output contract and has 20 layers in place of 150."""

HEIGHT, WIDTH = 64, 96
ANCHORS_PER_CELL = 5


def small_float_network(num_classes, seed=5):
    """A ``keras.Model`` of random weights."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    lively = keras.initializers.RandomNormal(0.1, 0.3)  # activations that do not die out
    inputs = keras.Input((HEIGHT, WIDTH, 3))
    x = inputs
    for _ in range(3):  # stride 8
        x = layers.Conv2D(
            12, 3, strides=2, padding="same", activation="relu6", kernel_initializer=lively
        )(x)
    logits, deltas = [], []
    for level in range(5):
        if level:
            x = layers.DepthwiseConv2D(
                3, strides=2, padding="same", activation="relu6", depthwise_initializer=lively
            )(x)
        for columns, levels in ((4, deltas), (num_classes + 1, logits)):
            spread = keras.initializers.RandomNormal(stddev=0.25 if levels is logits else 0.03)
            head = layers.Conv2D(ANCHORS_PER_CELL * columns, 1, kernel_initializer=spread)(x)
            levels.append(layers.Reshape((-1, columns))(head))
    parts = [layers.Concatenate(axis=1)(levels) for levels in (logits, deltas)]
    joined = layers.Concatenate(axis=2, name="class_logits_and_box_deltas")(parts)
    return keras.Model(inputs, joined)
