"""Quick training: a head is fitted to the features of the bundled backbone. Loads neither TensorFlow nor Keras."""
