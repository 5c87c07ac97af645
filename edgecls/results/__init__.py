"""Files of predictions, one row an image: JSON lines, CSV and Parquet, and going on with one that was begun."""
