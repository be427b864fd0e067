"""The rules of the wallet as pure Python: no SQL, no proto, no clock and no network.

`decide` takes the state of an owner (`book`) and a command (`commands`), and gives the outcome (`outcomes`) with
what must be stored (`changes`). The rules are those of docs/rules.md, rules 1 to 9.
"""
