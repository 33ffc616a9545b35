from aimdb_conformance import conformance
from own_buffers import Log, Slots

TIME_LIMIT = 300  # 20,000 calls, on a computer that does something else as well.

for name, test in conformance(Log, readable=False).items():
    globals()[name + "__log"] = test
traits = {"competing": True, "refuses": True, "keeps_for_late": True, "allocates": True}
for name, test in conformance(lambda: Slots(3), **traits).items():
    globals()[name + "__slots"] = test
