"""A lane's batch: locked, loaded and stored in three round trips, with a part for each capability."""
