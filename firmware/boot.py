# Runs before main.py. Kept short, so that a board can always be reached over USB.
import micropython

# Without it, an error in an interrupt handler cannot say where it happened.
micropython.alloc_emergency_exception_buf(100)
