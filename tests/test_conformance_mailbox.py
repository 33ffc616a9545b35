from aimdb import Mailbox
from aimdb_conformance import conformance

globals().update(conformance(Mailbox, competing=True, keeps_for_late=True))
