"""How good the networks sound: scores beside peers, spectrograms, bake-offs, precisions.

Each module is one benchmark, imported when it is asked for; nothing here is used by other rooms.
"""
