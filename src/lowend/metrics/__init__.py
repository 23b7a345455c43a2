"""One module per metric; every estimate carries a bootstrap interval and its number of clips."""
