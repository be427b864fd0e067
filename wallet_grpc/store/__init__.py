"""PostgreSQL: connections, named SQL, and rows to values and back. The only package that knows tables."""
