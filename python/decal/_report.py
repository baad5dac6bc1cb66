"""The report that ``python -m decal --stats`` prints."""

from __future__ import annotations


def _shown(name: str, value: int) -> tuple[str, str]:
    """A name and a value as people read them: nanoseconds become microseconds."""
    if name.endswith("_ns"):
        return name.removesuffix("_ns").replace("_", " "), f"{value / 1000:,.1f} µs"
    if name.endswith("_bytes"):
        return name.removesuffix("_bytes").replace("_", " "), f"{value:,} bytes"
    return name.replace("_", " "), f"{value:,}"


def format_stats(stats: dict[str, int]) -> str:
    """A table: the plain counters as they come, then each group (``abort: …``, ``exit: …``), most frequent first."""
    counters: list[tuple[str, str]] = []
    groups: dict[str, list[tuple[int, str]]] = {}
    for name, value in stats.items():
        group, colon, rest = name.partition(": ")
        if colon:
            groups.setdefault(group, []).append((value, rest))
        else:
            counters.append(_shown(name, value))
    native, python = stats.get("iterations_native", 0), stats.get("iterations_cpython", 0)
    if native + python > 0:
        counters.append(("share of iterations in traces", f"{100 * native / (native + python):.2f} %"))
    width = max((len(name) for name, _ in counters), default=0)
    lines = [f"  {name:<{width}}  {value:>18}" for name, value in counters]
    for group, entries in groups.items():
        lines.append(f"{group}:")
        lines += [f"  {value:>12,}  {rest}" for value, rest in sorted(entries, key=lambda entry: (-entry[0], entry[1]))]
    return "\n".join(["decal's statistics:", *lines])
