"""Videos, cameras and streams: reading frames, classifying them, changes of the answer, labelled videos."""
