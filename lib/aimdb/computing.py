"""The order of computed records, and what is wrong with their inputs. Loaded for a run that has some, and not kept."""


def sort(db, stages: list, mistakes: list) -> None:
    """Sort the stages, [record, kind, function, coroutine] each: a record's stage comes before those of its inputs.

    Unknown inputs and cycles are added to the mistakes.
    """
    inputs = inputs_of(stages)
    for record, kind, function, _ in stages:
        for key in function.inputs:
            if key not in db._records:
                mistakes.append((record, kind, function, "of %r, which is no record" % key))
        above = ancestors(record.key, inputs)
        if record.key in above:
            cycle = [repr(key) for key in above if record.key in ancestors(key, inputs)]
            mistakes.append((record, kind, function, "in a cycle: %s" % ", ".join(sorted(cycle))))
    keys = in_order(db, inputs)
    stages.sort(key=lambda stage: -keys.index(stage[0].key))


def inputs_of(stages) -> "dict[str, list[str]]":
    """The inputs of each computed record."""
    inputs: dict = {}
    for stage in stages:
        inputs.setdefault(stage[0].key, []).extend(stage[2].inputs)
    return inputs


def ancestors(key: str, inputs: dict) -> "list[str]":
    """The records from which this one is computed, and those from which they are."""
    found: list = []
    more = list(inputs.get(key, ()))
    while more:
        each = more.pop()
        if each not in found:
            found.append(each)
            more += inputs.get(each, ())
    return found


def in_order(db, inputs: dict) -> "list[str]":
    """The keys of all records, inputs first, and by name where that leaves a choice, as in a cycle."""
    keys = sorted(key for key in db._records if key not in inputs)
    left = sorted(key for key in db._records if key in inputs)
    while left:
        for key in left:
            if not any(each in left for each in inputs[key]):
                break
        else:
            key = left[0]
        left.remove(key)
        keys.append(key)
    return keys
