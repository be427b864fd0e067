"""Servers of one's own: PostgreSQL and RabbitMQ in a folder, their programs, ports, processes and guardians."""
