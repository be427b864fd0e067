"""Private servers for one machine: what `make run`, the tests and the benchmark stand on.

`servers.postgres` owns a PostgreSQL in a folder, `servers.rabbitmq` a RabbitMQ, `run` the stack that a developer talks
to, `demo` the story that is told of it.
Nothing here is used in production, and nothing in `wallet_grpc` imports it.
"""
