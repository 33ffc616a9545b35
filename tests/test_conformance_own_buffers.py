from aimdb_conformance import conformance
from own_buffers import Log, Slots

for name, test in conformance(Log, readable=False).items():
    globals()[name + "__log"] = test
traits = {"competing": True, "refuses": True, "keeps_for_late": True, "allocates": True}
for name, test in conformance(lambda: Slots(3), **traits).items():
    globals()[name + "__slots"] = test
