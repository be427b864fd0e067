"""Game sessions: a locked stake, what is played with it, and its settlement."""
