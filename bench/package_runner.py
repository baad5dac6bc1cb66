"""Run the own work of a package, on real documents, in this process.

The packages are pure Python as they are installed here. The documents: lock and project files of this repository
and data that pyperformance has with it for tomli; a chapter of the HTML specification, which pyperformance has too;
a page of orders; queries with the shapes of TPC-H's.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import measure
import pyperformance
import rounds

HERE = Path(__file__).parent
DATA = HERE / "data"
OTHERS = Path(pyperformance.__file__).parent / "data-files" / "benchmarks"

# What the packages make of their documents: one text each.
Work = Callable[[], str]


def tomli_loads() -> Work:
    """Parses lock files, project files, and data from the API of a large site."""
    import tomli

    repository = HERE.parent
    texts = [(repository / name).read_text("utf-8") for name in ("Cargo.lock", "Cargo.toml", "pyproject.toml")]
    data = (OTHERS / "bm_tomli_loads" / "data" / "tomli-bench-data.toml").open(encoding="utf-8").read(200_000)
    texts.append(data[: data.rindex("[[data]]")])
    return lambda: "\n".join(repr(tomli.loads(text)) for text in texts)


def html5lib_parse() -> Work:
    """Parses a chapter of a specification, and writes it again."""
    import html5lib

    source = (OTHERS / "bm_html5lib" / "data" / "w3_tr_html5.html").read_bytes()

    def work() -> str:
        tree = html5lib.parse(source)
        return str(html5lib.serialize(tree, omit_optional_tags=False, quote_attr_values="always"))

    return work


@dataclass
class Line:
    """What was ordered."""

    text: str
    count: int
    price: int


@dataclass
class Order:
    """By whom."""

    number: int
    customer: str
    street: str | None
    note: str | None
    shipped: bool
    paid: bool
    due: str
    lines: list[Line]


@dataclass
class User:
    """Who looks at the page."""

    name: str


def some_orders(count: int) -> list[Order]:
    """Orders, the same ones each time."""
    things = ["Nut & bolt", "Gear <small>", "Spring", "Lever", 'Pipe 3/4"', "Valve", "Chain", "Wheel"]
    orders = []
    for number in range(count):
        lines = [
            Line(things[(number * 3 + at * 5) % len(things)], 1 + (number + at) % 7, 995 + 137 * ((number * at) % 11))
            for at in range(1 + number % 9)
        ]
        street = f"{number} Main Street" if number % 3 else None
        note = "Please <b>ring</b> twice" if number % 4 == 0 else None
        orders.append(
            Order(
                4000 + number, f"Smith & Daughter {number}", street, note, number % 2 == 0, number % 5 > 0, "May", lines
            )
        )
    return orders


def mako_render() -> Work:
    """Renders a page of orders: inheritance, functions, blocks, filters."""
    from mako.lookup import TemplateLookup

    template = TemplateLookup([str(DATA)]).get_template("orders.mako")
    menu = [("Start", "/"), ("Orders", "/orders?all=1"), ("Help & more", "/help me")]
    orders = some_orders(60)
    return lambda: str(template.render(orders=orders, user=User("A. Clerk"), menu=menu, here="Orders"))


def mako_compile() -> Work:
    """Makes Python modules of templates, as happens once for each."""
    from mako.template import Template

    texts = [(DATA / name).read_text("utf-8") for name in ("base.mako", "orders.mako")]
    # Their first line names the time at which they were made.
    return lambda: "\n".join(Template(text, uri="page").code.partition("_modified_time")[0] for text in texts)


# The columns that the queries use: numbers unless they are here.
SCHEMA = {
    "lineitem": "l_orderkey l_partkey l_suppkey l_linenumber l_quantity l_extendedprice l_discount l_tax l_returnflag "
    "l_linestatus l_shipdate l_commitdate l_receiptdate l_shipinstruct l_shipmode l_comment",
    "orders": "o_orderkey o_custkey o_orderstatus o_totalprice o_orderdate o_orderpriority o_clerk o_shippriority "
    "o_comment",
    "customer": "c_custkey c_name c_address c_nationkey c_phone c_acctbal c_mktsegment c_comment",
    "part": "p_partkey p_name p_mfgr p_brand p_type p_size p_container p_retailprice p_comment",
    "supplier": "s_suppkey s_name s_address s_nationkey s_phone s_acctbal s_comment",
    "partsupp": "ps_partkey ps_suppkey ps_availqty ps_supplycost ps_comment",
    "nation": "n_nationkey n_name n_regionkey n_comment",
    "region": "r_regionkey r_name r_comment",
}
TEXTS = "name address phone comment mktsegment mfgr brand type container flag status instruct mode priority clerk"


def column_type(name: str) -> str:
    """By the column's name."""
    if name.endswith("date"):
        return "date"
    if name.endswith(tuple(TEXTS.split())) and name != "o_shippriority":
        return "varchar"
    return "bigint" if name.endswith(("key", "size", "number", "qty")) else "double"


def sqlglot_optimize() -> Work:
    """Parses queries, optimizes them, and writes them in two dialects."""
    import sqlglot
    from sqlglot.optimizer import optimize

    schema = {table: {name: column_type(name) for name in names.split()} for table, names in SCHEMA.items()}
    text = (DATA / "orders.sql").read_text("utf-8")

    def work() -> str:
        lines = []
        for query in sqlglot.parse(text):
            better = optimize(query, schema=schema)
            lines += [query.sql("duckdb", pretty=True), better.sql("spark"), better.sql("tsql", pretty=True)]
        return "\n".join(lines)

    return work


WORKLOADS: dict[str, Callable[[], Work]] = {
    function.__name__: function
    for function in (tomli_loads, html5lib_parse, mako_render, mako_compile, sqlglot_optimize)
}


def program(name: str, use: rounds.Use) -> None:
    """Prepare the work and hand it to `use`."""
    work = WORKLOADS[name]()

    def timed(loops: int) -> float:
        turns = range(loops)
        started = measure.clock()
        for _ in turns:
            work()
        return measure.clock() - started

    def answer() -> None:
        text = work()
        print(f"{len(text)} characters, {hashlib.sha256(text.encode()).hexdigest()}")
        print(text[-2000:])

    use(timed, answer)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=WORKLOADS)
    rounds.options(parser)
    args = parser.parse_args()
    rounds.main(lambda use: program(args.name, use), args)


if __name__ == "__main__":
    main()
