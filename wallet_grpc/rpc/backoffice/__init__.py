"""BackofficeService: what operators find, explain, correct and report, over gRPC.

It is served in parts, a servicer each, that app/server.py puts together. It shows what all rooms keep, in the messages
that their services have for it.
"""
