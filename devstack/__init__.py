"""Private servers for one machine: what `make run`, the tests and the benchmark stand on.

`postgres` owns a PostgreSQL in a folder, `rabbitmq` a RabbitMQ, `run` the stack that a developer talks to.
Nothing here is used in production, and nothing in `wallet_grpc` imports it.
"""
