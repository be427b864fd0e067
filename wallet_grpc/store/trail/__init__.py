"""Who did what: rows of the trail beside the batches, proposals of adjustments, and how both are read."""
