"""The web console: pages on which operators look up, explain, correct and report, over BackofficeService by gRPC.

The console has no database. Whatever it shows it asks for under its own key in the name of the operator who is logged
in, so BackofficeService decides what that person may see and do, and the trail names them. Pages are made here and are
whole without JavaScript.
"""
