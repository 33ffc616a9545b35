from aimdb import BoundedQueue
from aimdb_conformance import conformance

globals().update(conformance(lambda: BoundedQueue(3), competing=True, refuses=True, keeps_for_late=True))
