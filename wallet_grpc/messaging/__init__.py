"""Events over RabbitMQ: payments in through the inbox, its own out through the outbox (docs/rules.md, Events)."""
