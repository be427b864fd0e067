"""Events over RabbitMQ: payments in through the inbox, its own out through the outbox (contract.md, Events)."""
