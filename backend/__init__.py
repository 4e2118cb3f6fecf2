"""The wiring, and the ground floor that points, volunteers and merchants stand on."""

import atexit
import gc

# Hundreds of modules are imported, which stay, and a request leaves little behind: to go over
# everything after each seven hundredth object is an eighth of what a process takes to start.
gc.set_threshold(50_000, 20, 20)
# The operating system takes all of it back: to go over it once more at the end is a fifth.
atexit.register(gc.freeze)
