from aimdb import SingleLatest
from aimdb_conformance import conformance

globals().update(conformance(SingleLatest, keeps_for_late=True))
