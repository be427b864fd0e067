"""`wallet certify`: a caller's backend plays against a wallet that the network is unkind to, and is told what it broke.

It stands before a TEST wallet, whose rules are the real ones: what it scripts is only what callers meet on a bad day.
"""
