"""What is under load: a private PostgreSQL and its databases, the wallet that serves one, a broker."""
