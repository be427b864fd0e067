"""What the repository is checked with. Nothing here is shipped."""
