from aimdb import SpmcRing
from aimdb_conformance import conformance

globals().update(conformance(lambda: SpmcRing(3)))
