"""Many pictures: where they come from, several at once, sorted, watched for."""
