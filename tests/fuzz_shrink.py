"""Makes a failing program small: drops what it fails without.

Works on the syntax tree, from large pieces to small ones: definitions and statements, bodies in place of the statements
around them, parts of expressions in place of the whole. What is left fails in the same way as the program it came from;
whoever calls says what that means.
"""

from __future__ import annotations

import ast
import copy
import time
from collections.abc import Callable, Iterator
from functools import partial

# Gives the index of the first program that still fails.
Fails = Callable[[list[str]], int | None]

# Makes a smaller program, or none.
Candidate = Callable[[], str | None]

BODIES = ("body", "orelse", "finalbody", "handlers")


def valid(tree: ast.Module) -> str | None:
    """Its text, if it is a program."""
    try:
        text = ast.unparse(ast.fix_missing_locations(tree))
        compile(text, "random_program.py", "exec")
    except (SyntaxError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    return text


def bodies(tree: ast.AST) -> list[tuple[ast.AST, str]]:
    """All lists of statements, outer ones first."""
    found = []
    for node in ast.walk(tree):
        for name in BODIES:
            if isinstance(getattr(node, name, None), list) and getattr(node, name):
                found.append((node, name))
    return found


def without(tree: ast.Module, which: int, start: int, count: int) -> str | None:
    """Without these statements of a body."""
    made = copy.deepcopy(tree)
    node, name = bodies(made)[which]
    rest = getattr(node, name)
    del rest[start : start + count]
    if not rest and name == "body" and not isinstance(node, ast.Module):
        rest.append(ast.Pass())
    return valid(made)


def lifted(tree: ast.Module, which: int, at: int, inner: str) -> str | None:
    """A compound statement's body in its place."""
    made = copy.deepcopy(tree)
    node, name = bodies(made)[which]
    getattr(node, name)[at : at + 1] = getattr(getattr(node, name)[at], inner)
    return valid(made)


def statements(tree: ast.Module) -> Iterator[Candidate]:
    """Programs with fewer statements, the largest cuts first."""
    for which, (node, name) in enumerate(bodies(tree)):
        length = len(getattr(node, name))
        size = length
        while size >= 1:
            for start in range(0, length, size):
                if size < length or length == 1:
                    if length == 1 and isinstance(getattr(node, name)[0], ast.Pass):
                        continue
                    yield partial(without, tree, which, start, min(size, length - start))
            size //= 2
    for which, (node, name) in enumerate(bodies(tree)):
        for at, statement in enumerate(getattr(node, name)):
            if not isinstance(statement, (ast.FunctionDef, ast.ClassDef, ast.ExceptHandler)):
                for inner in ("body", "orelse", "finalbody"):
                    if getattr(statement, inner, None):
                        yield partial(lifted, tree, which, at, inner)


def replaced(tree: ast.Module, place: tuple[int, str, int | None], by: ast.expr | None) -> str | None:
    """With another expression in this place, or none."""
    made = copy.deepcopy(tree)
    position, name, index = place
    twin = list(ast.walk(made))[position]
    if index is None:
        setattr(twin, name, copy.deepcopy(by))
    elif by is None:
        del getattr(twin, name)[index]
    else:
        getattr(twin, name)[index] = copy.deepcopy(by)
    return valid(made)


def expressions(tree: ast.Module) -> Iterator[Candidate]:
    """Programs with smaller expressions."""
    places = []
    for node in ast.walk(tree):
        for name, value in ast.iter_fields(node):
            values = value if isinstance(value, list) else [value]
            for index, part in enumerate(values):
                if isinstance(part, ast.expr) and not isinstance(
                    getattr(part, "ctx", ast.Load()), (ast.Store, ast.Del)
                ):
                    places.append((node, name, index if isinstance(value, list) else None))
    position = {id(node): index for index, node in enumerate(ast.walk(tree))}
    for node, name, index in places:
        value = getattr(node, name)
        part = value if index is None else value[index]
        replacements: list[ast.expr | None] = []
        if isinstance(value, list) and len(value) > 1 and not isinstance(node, (ast.Compare, ast.Dict)):
            replacements.append(None)
        replacements += [sub for sub in ast.iter_child_nodes(part) if isinstance(sub, ast.expr)]
        if not isinstance(part, (ast.Constant, ast.Name)):
            replacements.append(ast.Constant(1))
        for replacement in replacements:
            yield partial(replaced, tree, (position[id(node)], name, index), replacement)


def shrink(source: str, fails: Fails, seconds: float, at_once: int = 12) -> str:
    """The smallest program found in this time."""
    end = time.monotonic() + seconds
    text = valid(ast.parse(source))
    # The text made from the tree has other line numbers; if they matter, the program stays as it is.
    if text is None or seconds <= 0 or fails([text]) is None:
        return source
    for kind in (statements, expressions, statements):
        skip, progress = 0, True
        while time.monotonic() < end:
            # Goes on where it was, and once more from the start if anything came of it.
            at, found, candidates = 0, None, []
            for candidate in kind(ast.parse(text)):
                at += 1
                made = candidate() if at > skip else None
                if made is None or made == text:
                    continue
                candidates.append((at, made))
                if len(candidates) >= at_once:
                    found = fails([made for _, made in candidates])
                    if found is not None or time.monotonic() > end:
                        break
                    candidates = []
            else:
                found = fails([made for _, made in candidates]) if candidates else None
            if found is not None:
                (place, text), progress = candidates[found], True
                skip = place - 1
            elif skip == 0 or not progress:
                break
            else:
                skip, progress = 0, False
    return text
