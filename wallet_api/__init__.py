"""The HTTP API: what a player sees of the wallet. Reads only, with a database role that can only select.

`endpoints <- app <- server`: a request passes the gate (method, size, headers, problems), its cookie names the player,
the player's rate is counted, and one statement answers. Nothing here knows the engine or gRPC; importlinter_api.ini
keeps it so.
"""
