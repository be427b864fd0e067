"""The engine: takes commands, batches them in lanes, and answers when they are durable."""
