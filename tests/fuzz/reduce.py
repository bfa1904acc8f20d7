"""Makes a failing program small: leaves out statements, then simplifies what is left, as long as it still fails."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from tests.fuzz.runner import Runner, compare

Fails = Callable[[str], bool]
MOST_TRIALS = 1500


class Trials:
    """Asks whether a text fails, each text once and not for ever."""

    def __init__(self, fails: Fails) -> None:
        self.fails = fails
        self.known: dict[str, bool] = {}

    def __call__(self, text: str) -> bool:
        if text not in self.known:
            if len(self.known) > MOST_TRIALS:
                return False
            try:
                compile(text, "<fuzz>", "exec")
            except SyntaxError, ValueError:
                self.known[text] = False
            else:
                self.known[text] = self.fails(text)
        return self.known[text]


def reduce_program(source: str, fails: Fails) -> str:
    trials = Trials(fails)
    text = ast.unparse(ast.parse(source))
    if not trials(text):
        return source
    while True:
        before = text
        text = without_statements(text, trials)
        text = unwrapped(text, trials)
        text = simpler_expressions(text, trials)
        if text == before:
            return text


def blocks_of(tree: ast.AST) -> list[list[ast.stmt]]:
    found = []
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            value = getattr(node, name, None)
            if isinstance(value, list) and value:
                found.append(value)
    return found


def without_statements(text: str, trials: Trials) -> str:
    """Leaves out runs of statements, long ones first."""
    number = 0
    while True:
        tree = ast.parse(text)
        blocks = blocks_of(tree)
        if number >= len(blocks):
            return text
        size = len(blocks[number])
        while size >= 1:
            start = 0
            while True:
                tree = ast.parse(text)
                again = blocks_of(tree)
                if number >= len(again) or start >= len(again[number]):
                    break
                block: list[Any] = again[number]
                removed = block[start : start + size]
                del block[start : start + size]
                if not block and not isinstance(removed[0], ast.excepthandler | ast.match_case):
                    if len(removed) == 1 and isinstance(removed[0], ast.Pass):
                        break
                    block.append(ast.Pass())
                try:
                    candidate = ast.unparse(ast.fix_missing_locations(tree))
                except Exception:
                    candidate = ""
                if candidate and candidate != text and trials(candidate):
                    text = candidate
                else:
                    start += size
            size //= 2
        number += 1


def unwrapped(text: str, trials: Trials) -> str:
    """Puts the body of a compound statement in its place."""
    number = 0
    while True:
        tree = ast.parse(text)
        places = [
            (block, i, statement.body)
            for block in blocks_of(tree)
            for i, statement in enumerate(block)
            if isinstance(statement, ast.If | ast.For | ast.While | ast.Try | ast.With)
        ]
        if number >= len(places):
            return text
        block, i, body = places[number]
        block[i : i + 1] = body
        candidate = ast.unparse(ast.fix_missing_locations(tree))
        if trials(candidate):
            text = candidate
        else:
            number += 1


def simpler_expressions(text: str, trials: Trials) -> str:
    """Replaces expressions by their parts or by constants."""
    number = 0
    while True:
        places = expressions(ast.parse(text))
        if number >= len(places):
            return text
        done = False
        for choice in range(8):
            tree = ast.parse(text)
            parent, name, index = expressions(tree)[number]
            value = getattr(parent, name) if index is None else getattr(parent, name)[index]
            simpler = replacements(value)
            if choice >= len(simpler):
                break
            if simpler[choice] is None:
                if index is None:
                    setattr(parent, name, None)
                else:
                    del getattr(parent, name)[index]
            elif index is None:
                setattr(parent, name, simpler[choice])
            else:
                getattr(parent, name)[index] = simpler[choice]
            try:
                candidate = ast.unparse(ast.fix_missing_locations(tree))
            except Exception:
                continue
            if len(candidate) < len(text) and trials(candidate):
                text = candidate
                done = True
                break
        if not done:
            number += 1


def expressions(tree: ast.AST) -> list[tuple[Any, str, int | None]]:
    found: list[tuple[Any, str, int | None]] = []
    for node in ast.walk(tree):
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr) and not isinstance(
                getattr(value, "ctx", None), ast.Store | ast.Del
            ):
                found.append((node, name, None))
            elif isinstance(value, list):
                found += [
                    (node, name, i) for i, item in enumerate(value) if isinstance(item, ast.expr | ast.arg)
                ]
    return found


def replacements(value: ast.AST) -> list[ast.AST | None]:
    if isinstance(value, ast.Constant) and value.value in (0, 1, None):
        return [None]
    simpler: list[ast.AST | None] = [ast.Constant(0), None]
    simpler += [child for child in ast.iter_child_nodes(value) if isinstance(child, ast.expr)]
    return simpler


def reduce_history(history: list[str], runner: Runner, way: str) -> list[str]:
    """The programs that must run one after the other in a process for the last to differ."""

    def fails(programs: list[str]) -> bool:
        runner.process(way).stop()
        stock = runner.stock(programs[-1])
        for program in programs[:-1]:
            if "crash" in runner.run(program, way):
                return False
        return stock is not None and bool(compare(stock, runner.run(programs[-1], way)))

    if not fails(history):
        return []
    size = len(history) // 2
    while size:
        start = 0
        while start < len(history) - 1:
            candidate = history[:start] + history[min(start + size, len(history) - 1) :]
            if fails(candidate):
                history = candidate
            else:
                start += size
        size //= 2
    return history
