"""The queues in the database: the inbox of payment events and the outbox of wallet events."""
