"""What makes the load: client processes, what is sent, and what is counted of the answers."""
