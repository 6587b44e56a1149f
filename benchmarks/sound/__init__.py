"""Sound quality: scores beside other denoisers, spectrograms, bake-offs, precisions.

`commands` imports each module when its benchmark runs; no other room imports from here.
"""
