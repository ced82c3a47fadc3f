#!/usr/bin/env python3
"""Checks which source files of a crate import which others. scripts/check-layers runs it.

    import_circles.py            checks every crate of the workspace
    import_circles.py FOLDER…    checks these source folders only

The files of a crate and their imports form a graph. A file imports another if a `use` tree or a path in its code
(`crate::…`, `super::…`, `self::…`) names the module of the other file or an item in it. Not part of the graph are:

- test modules: those under `#[cfg(test)]`, files named tests.rs and folders named tests;
- the root of the crate (lib.rs, main.rs), which lists the modules. If the root re-exports a name, importing that name
  counts as importing the file it comes from.

There are three rules:

1. No circles. A module file may import its children, and a child its direct parent (the mod.rs of its folder, or the
   file that has the folder's name): they are read together. Any other circle is reported as a path through files.
2. No forbidden arrows between folders. FORBIDDEN below lists them with their reasons.
3. No glob imports of a module of the crate itself, so that a reader can find where a name comes from. Only a test
   module may say `use super::*`.

It reads the text of the files: it expands no macros, and sees no method call, which needs no import.
"""

import re
import sys
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The top-level modules that are machinery; every other one is a noun or a table of its own.
MACHINERY = {
    "crates/domain/src": {"insight", "record", "reference", "safety", "sharing", "support", "value"},
    "crates/store/src": {"cache", "engine", "error", "key", "record"},
    "crates/api/src": {
        "auth", "cli", "http", "insight", "openapi", "record", "report", "routes", "server", "shared",
        "support", "sync",
    },
}
NOUNS = "nouns"

# `importer` is the path of a module and covers all that is in it; NOUNS stands for all top-level modules that are not
# machinery. `imported` is likewise. Files in `unless` are exempt.
Arrow = namedtuple("Arrow", "source importer imported why unless", defaults=((),))

FORBIDDEN = [
    Arrow(
        "crates/domain/src", "value", (NOUNS, "insight", "record", "reference", "safety", "support"),
        "values such as timestamps and amounts are what everything else is built from",
    ),
    Arrow(
        "crates/domain/src", "record", (NOUNS,),
        "the record treats every noun alike; only its registry names them",
        unless=("record/registry.rs",),
    ),
    Arrow(
        "crates/domain/src", "record", ("insight", "safety", "support"),
        "insights and help are computed from a record, which does not know them",
    ),
    Arrow(
        "crates/domain/src", "reference", ("insight", "record", "safety", "support"),
        "reference data is the same for everybody and knows no person's record",
    ),
    Arrow(
        "crates/domain/src", NOUNS, ("insight", "safety", "support"),
        "insights and help are computed from nouns, which do not know them",
        # Feedback names the rule that it is about.
        unless=("warning_feedback.rs",),
    ),
    *(
        Arrow(
            "crates/domain/src", importer, ("sharing",),
            "what is shared is selected from records and insights, which do not know who sees them",
        )
        for importer in ("insight", "record", "reference", "safety", "support", "value")
    ),
    Arrow(
        "crates/store/src", "engine", (NOUNS, "cache", "key", "record"),
        "the transaction engine knows neither tables nor caches",
    ),
    Arrow(
        "crates/store/src", "key", (NOUNS, "cache", "record"),
        "keys are there before anything is stored with them",
    ),
    Arrow(
        "crates/store/src", "record", ("cache",),
        "a cache is derived from the record, and the record is right without it",
    ),
    Arrow(
        "crates/store/src", "error", (NOUNS, "cache", "record"),
        "every module uses the error",
    ),
    Arrow(
        "crates/api/src", "server::state", (NOUNS, "insight", "record", "report", "routes", "support", "sync"),
        "the shared state knows no noun and no handler",
    ),
    Arrow(
        "crates/api/src", "http", (NOUNS, "cli", "insight", "record", "report", "routes", "support", "sync"),
        "what all handlers share knows none of them",
    ),
    Arrow(
        "crates/api/src", "openapi",
        (NOUNS, "auth", "cli", "insight", "record", "report", "routes", "server", "support", "sync"),
        "endpoints hand their descriptions in; the document knows no handler",
    ),
    Arrow(
        "crates/api/src", "record", (NOUNS, "auth", "cli", "insight", "report", "routes", "support", "sync"),
        "the handlers of every collection know no single one",
    ),
    Arrow(
        "crates/api/src", "auth", (NOUNS, "cli", "insight", "report", "routes", "support", "sync"),
        "signing in is independent of what is recorded",
    ),
    Arrow(
        "crates/api/src", "sync", (NOUNS, "auth", "cli", "insight", "report", "routes", "support"),
        "sync treats every noun alike",
    ),
    Arrow(
        "crates/api/src", "insight", (NOUNS, "auth", "cli", "report", "routes", "sync"),
        "insights are read by the report, not the other way round",
    ),
    Arrow(
        "crates/api/src", NOUNS, ("auth", "cli", "insight", "report", "routes", "sync"),
        "a noun adds what is special to it and knows no other feature",
    ),
]

TOKEN = re.compile(
    r"""
      //[^\n]*                                        # a comment
    | /\*.*?\*/
    | \bb?r(?P<hashes>\#*)".*?"(?P=hashes)            # a raw string
    | \bb?"(?:[^"\\]|\\.)*" | "(?:[^"\\]|\\.)*"       # a string
    | b?'(?:[^'\\\n]|\\[^\n]+?)'                      # a character; a lifetime has no closing quote
    """,
    re.VERBOSE | re.DOTALL,
)
MODULE = re.compile(
    r"(?P<test>#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*)?(?:pub(?:\([^)]*\))?\s+)?\bmod\s+(?P<name>\w+)\s*(?P<end>[{;])"
)
USE = re.compile(r"\b(?P<public>pub(?:\([^)]*\))?\s+)?use\s+(?P<tree>[^;]+);")
PATH = re.compile(r"(?<![\w:$])(?:crate|self|super)(?:\s*::\s*\w+)+")

Import = namedtuple("Import", "path line alias public in_test", defaults=(None, False, False))


def blank(text):
    """Spaces in place of a text, so that positions and line numbers stay as they are."""
    return re.sub(r"[^\n]", " ", text)


def block_end(text, start):
    """The position after the brace that closes the one at `start`."""
    depth = 0
    for position in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return position + 1
    return len(text)


def split_top_level(text):
    """The parts of a `use` group, which commas separate outside of inner braces."""
    parts, depth = [""], 0
    for character in text:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def flatten(tree, prefix=()):
    """The paths of a `use` tree, each with its alias."""
    head, brace, group = tree.strip().partition("{")
    head, _, alias = head.partition(" as ")
    path = prefix + tuple(name.strip() for name in head.split("::") if name.strip())
    if not brace:
        yield (path[:-1] if path[-1] == "self" and len(path) > 1 else path), alias.strip() or path[-1]
        return
    for part in split_top_level(group[: group.rindex("}")]):
        yield from flatten(part, path)


class SourceFile:
    """The module that a file holds, and its imports as absolute paths within the crate."""

    def __init__(self, folder, path):
        self.name = path.relative_to(folder).as_posix()
        parts = self.name.removesuffix(".rs").split("/")
        self.is_root = self.name in ("lib.rs", "main.rs") or parts[0] == "bin"
        self.module = tuple(parts[:-1] if parts[-1] in ("lib", "main", "mod") else parts)
        self.is_test = "tests" in parts
        text = TOKEN.sub(lambda token: blank(token.group()), path.read_text(encoding="utf-8"))
        self.blocks, self.children = self.inner_modules(text)
        self.imports = list(self.find_imports(text))

    def inner_modules(self, text):
        """The modules inside the file as (start, end, name, is_test), and the names of all modules it declares."""
        blocks, children = [], set()
        for module in MODULE.finditer(text):
            children.add(module["name"])
            if module["end"] == "{":
                end = block_end(text, module.end() - 1)
                blocks.append((module.end(), end, module["name"], bool(module["test"])))
        return blocks, children

    def find_imports(self, text):
        for use in USE.finditer(text):
            for path, alias in flatten(use["tree"]):
                yield self.resolve(path, use.start(), text, alias, bool(use["public"]), is_use=True)
        for path in PATH.finditer(USE.sub(lambda use: blank(use.group()), text)):
            names = tuple(name.strip() for name in path.group().split("::"))
            yield self.resolve(names, path.start(), text)

    def resolve(self, path, position, text, alias=None, public=False, is_use=False):
        """The import with a path from the root of the crate; None in its place if it leaves the crate."""
        around = [block for block in self.blocks if block[0] <= position < block[1]]
        here = self.module + tuple(block[2] for block in around)
        in_test = self.is_test or any(block[3] for block in around)
        absolute = None
        if path[0] == "crate":
            absolute = path[1:]
        elif path[0] == "self":
            absolute = here + path[1:]
        elif path[0] == "super":
            up = next((n for n, name in enumerate(path) if name != "super"), len(path))
            absolute = here[: len(here) - up] + path[up:]
        elif is_use and path[0] in self.children:
            absolute = here + path
        return Import(absolute, text.count("\n", 0, position) + 1, alias, public, in_test)


class Crate:
    """The files of a source folder and who imports whom, with the line of the first import."""

    def __init__(self, folder):
        files = [SourceFile(folder, path) for path in sorted(folder.rglob("*.rs"))]
        self.glob_imports = [
            (file.name, found)
            for file in files
            for found in file.imports
            if found.path and found.path[-1] == "*" and not found.in_test
        ]
        self.by_module = {file.module: file.name for file in files if not file.is_root}
        self.reexports = {
            found.alias: found.path
            for file in files
            for found in file.imports
            if file.is_root and found.public and found.path
        }
        self.modules = {file.name: file.module for file in files}
        self.edges = {file.name: {} for file in files if not file.is_root and not file.is_test}
        for file in files:
            for found in file.imports:
                target = self.file_of(found.path)
                if file.name in self.edges and not found.in_test and target not in (None, file.name):
                    self.edges[file.name].setdefault(target, found.line)

    def file_of(self, path):
        """The file that holds a path: the one with the longest module path."""
        if path and len(path) == 1 and path not in self.by_module:
            path = self.reexports.get(path[0])
        while path and path not in self.by_module:
            path = path[:-1]
        return self.by_module[path] if path else None

    def parent(self, name):
        return self.by_module.get(self.modules[name][:-1])

    def circles(self):
        """One circle for each group of files that reach one another against the rule, as a list of files."""
        downwards = {
            name: {target for target in targets if target != self.parent(name)} for name, targets in self.edges.items()
        }
        found = [circle_in(downwards, group) for group in components(downwards)]
        reported = {name for circle in found for name in circle}
        everything = {name: set(targets) for name, targets in self.edges.items()}
        for group in components(everything):
            tops = [name for name in group if self.parent(name) not in group]
            if len(tops) > 1 and not reported & group:
                found.append(circle_in(everything, group, through=tops))
        return found


def components(edges):
    """The strongly connected components with more than one file (Tarjan's algorithm)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in edges.get(node, ()):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            group = set(stack[stack.index(node) :])
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(group)

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return found


def shortest(edges, group, start, goal):
    """The shortest path of at least one step from a file to a file, within a group."""
    paths = [[start]]
    seen = set()
    for path in paths:
        for target in sorted(edges[path[-1]] & group):
            if target == goal:
                return path + [goal]
            if target not in seen:
                seen.add(target)
                paths.append(path + [target])
    raise ValueError("the files of a component reach one another")


def circle_in(edges, group, through=()):
    """The shortest circle of a group; if `through` names two files, one that passes both."""
    if len(through) > 1:
        one, other = through[:2]
        return shortest(edges, group, one, other) + shortest(edges, group, other, one)[1:]
    return min((shortest(edges, group, name, name) for name in sorted(group)), key=len)


def covers(pattern, module, machinery):
    if pattern == NOUNS:
        return module[0] not in machinery
    names = tuple(pattern.split("::"))
    return module[: len(names)] == names


def check(folder, arrows, machinery):
    """The faults of one crate, a line for each."""
    crate = Crate(folder)
    faults = []
    for circle in crate.circles():
        steps = [f"{one} (line {crate.edges[one][other]})" for one, other in zip(circle, circle[1:])]
        faults.append(f"a circle: {' -> '.join(steps + circle[-1:])}")
    for arrow in arrows:
        for name, targets in sorted(crate.edges.items()):
            if name in arrow.unless or not covers(arrow.importer, crate.modules[name], machinery):
                continue
            for target, line in sorted(targets.items()):
                module = crate.modules[target]
                if any(covers(pattern, module, machinery) for pattern in arrow.imported):
                    faults.append(f"{name}:{line} imports {target}, but {arrow.why}")
    for name, found in crate.glob_imports:
        faults.append(f"{name}:{found.line} imports all of {'::'.join(('crate',) + found.path[:-1])}: name each item")
    return faults


def source_folders():
    """The source folders of the workspace's members, and those of its tests that have several files."""
    manifest = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    members = re.findall(r'"([^"]+)"', re.search(r"^members = \[(.*?)\]", manifest, re.DOTALL | re.MULTILINE)[1])
    folders = [ROOT / member / "src" for member in members]
    folders += [main.parent for member in members for main in sorted((ROOT / member).glob("tests/*/main.rs"))]
    return [folder for folder in folders if folder.is_dir()]


def main(arguments):
    folders = [Path(argument).resolve() for argument in arguments] or source_folders()
    count = files = 0
    for folder in folders:
        name = folder.relative_to(ROOT).as_posix() if folder.is_relative_to(ROOT) else str(folder)
        arrows = [arrow for arrow in FORBIDDEN if arrow.source == name]
        files += len(list(folder.rglob("*.rs")))
        for fault in check(folder, arrows, MACHINERY.get(name, set())):
            print(f"{name}: {fault}")
            count += 1
    if count:
        return 1
    print(f"The imports of {files} files make no circle.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
