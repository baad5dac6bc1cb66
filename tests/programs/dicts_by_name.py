"""Names in dicts: attributes of instances that have a dict of their own, globals that change, constant keys."""

import gc
import sys

from common import show


class Late:
    """Its instances are made before most of its attributes: these go into dicts."""

    kind = "late"

    def __init__(self, pos):
        self.pos = pos

    def find(self):
        found = self.link
        if found.pos != self.pos:
            found = found.find()
        return found

    def bump(self, by):
        self.count += by
        return self.count


def late(n):
    made = [Late(i) for i in range(n)]
    for each in made:
        each.count = each.pos
        each.link = each
        each.part = 0.5
    return made


class Ends:
    def __init__(self, log, mark):
        self.log = log
        self.mark = mark

    def __del__(self):
        caller = sys._getframe(1)
        self.log.append((self.mark, caller.f_lineno - caller.f_code.co_firstlineno))


LATE = late(60)


def loads_and_stores(n):
    total = 0
    for i in range(n):
        each = LATE[i % 60]
        each.count += 1
        each.part += 0.25
        total += each.count + each.bump(2) + int(each.part)
    return total


def methods(n):
    LATE[3].link = LATE[4]
    LATE[7].link = LATE[3]
    total = 0
    for i in range(n):
        total += LATE[i % 60].find().pos
    LATE[3].link = LATE[3]
    LATE[7].link = LATE[7]
    return total


def shadowed(n):
    made = late(60)
    log = []
    for i in range(n):
        if i == n // 2:
            made[5].find = lambda: "own"
            made[6].kind = "mine"
        if i == n // 2 + 100:
            del made[5].find
        found = made[i % 60].find()
        log.append(found if found == "own" else found.pos)
        log.append(made[i % 60].kind)
    return sum(one for one in log if isinstance(one, int)), log.count("own"), log.count("mine")


def other_orders(n):
    """The same names at other places of the dicts, in larger dicts, and missing ones."""
    made = late(60)
    for each in made[::3]:
        count, part = each.count, each.part
        del each.count, each.part
        each.part, each.count = part, count
    for each in made[::7]:
        for k in range(20):
            setattr(each, f"extra{k}", k)
    total = 0
    missing = 0
    for i in range(n):
        each = made[i % 60]
        if i % 50 == 49:
            del each.part
        try:
            total += each.part
        except AttributeError as error:
            missing += len(str(error))
            each.part = 1.5
        each.count = total
    return total, missing, [vars(each)["count"] for each in made[:5]]


class Table(dict):
    pass


def dicts_replaced(n):
    """`__dict__` may be another dict, of a class of its own, or one with keys that are no names."""
    made = late(20)
    total = 0
    for i in range(n):
        each = made[i % 20]
        if i % 97 == 0:
            each.__dict__ = {"part": 2.0, "count": i, "pos": i, "link": each}
        if i % 101 == 0:
            each.__dict__ = Table(vars(each))
        if i % 103 == 0:
            vars(each)[i] = i
        if i % 107 == 0:
            vars(each)["".join(["pa", "rt"])] = 3.5
        each.count += 1
        total += each.part + each.count
    return total


def dying(n):
    made = late(20)
    log = []
    for i in range(n):
        made[i % 20].part = Ends(log, i)
        made[i % 20].link = None
        made[i % 20].count = [made[i % 20]]
    for each in made:
        each.__dict__.clear()
    return len(log), log[:5], log[-5:]


def identity(n):
    made = late(20)
    log = []
    for i in range(n):
        each = made[i % 20]
        before = each.part
        each.part += 1.0
        log.append(before is each.part)
        big = each.count
        each.count += 1000
        log.append((big, each.count - big))
    return log[:4], log[-4:], sum(one is True for one in log)


def collected(n):
    """What is put into a dict that the collector does not know yet."""
    found = 0
    for i in range(n):
        record = {"a": 1, "b": "x"}
        record["a"] = record
        record["b"] = [record]
        if i % 100 == 0:
            found += gc.collect() > 0
    return found > 0


TURNS = 0
BIG = 10**12
PART = 0.5
LAST = None


def counted(n):
    global TURNS, BIG, PART, LAST
    for i in range(n):
        TURNS += 1
        BIG += 1
        PART += 0.5
        LAST = (i, TURNS)
    return TURNS, BIG, PART, LAST


def turns():
    return TURNS


def read_by_others(n):
    global TURNS
    total = 0
    for i in range(n):
        TURNS += 1
        total += turns()
        if i % 500 == 499:
            globals()["TURNS"] = 7
    return total


def deleted(n):
    global TURNS
    log = []
    for i in range(n):
        try:
            TURNS += 1
        except NameError as error:
            log.append(str(error))
            TURNS = 0
        if i % 300 == 299:
            del TURNS
    TURNS = 0
    return log


def records(n):
    rows = [{"name": f"n{i}", "size": i, "rate": i * 0.5, "tags": [i]} for i in range(30)]
    total = 0.0
    for i in range(n):
        row = rows[i % 30]
        row["size"] += 1
        row["rate"] = row["rate"] + 0.5
        total += row["size"] * row["rate"] + len(row["tags"])
        if i % 401 == 400:
            del row["rate"]
            row["rate"] = 1.0
        if i % 403 == 402:
            rows[i % 30] = {"rate": 2.0, "tags": [], "size": 3}
    return total, rows[0], rows[1]


def records_that_lack(n):
    rows = [{"a": i, "b": i} for i in range(30)]
    missing = 0
    total = 0
    for i in range(n):
        row = rows[i % 30]
        try:
            total += row["a"] + row["b"]
        except KeyError as error:
            missing += 1
            row[error.args[0]] = 1
        if i % 61 == 60:
            row.pop("b")
        if i % 71 == 70:
            row[i] = i
    return total, missing


def borrowed_from_records(n):
    log = []
    for i in range(n):
        row = {"end": Ends(log, i), "next": [i]}
        end = row["end"]
        item = row["next"]
        row["end"] = None
        row["next"] = item[0]
        log.append(end.mark + row["next"])
        row.clear()
        item.append(end)
    del end, item
    return len(log), log[:6], log[-6:]


for program in (loads_and_stores, methods, shadowed, other_orders, dicts_replaced, dying, identity, collected):
    show(program, 3000)
for program in (counted, read_by_others, deleted, records, records_that_lack, borrowed_from_records):
    show(program, 3000)
