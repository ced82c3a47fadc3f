#!/usr/bin/env python3
"""Tests of import_circles.py on small crates that are written for the purpose. Takes a fraction of a second."""

import tempfile
import unittest
from pathlib import Path

from import_circles import NOUNS, Arrow, check


def faults(files, arrows=(), machinery=frozenset()):
    """The faults of a crate with these files."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return check(Path(folder), arrows, machinery)


class Circles(unittest.TestCase):
    def test_two_files_that_import_each_other_are_reported_as_a_path(self):
        found = faults({"lib.rs": "mod a; mod b;", "a.rs": "use crate::b::B;", "b.rs": "\nuse super::a::A;"})
        self.assertEqual(found, ["a circle: a.rs (line 1) -> b.rs (line 2) -> a.rs"])

    def test_a_circle_through_three_folders_is_reported(self):
        found = faults({
            "a/mod.rs": "pub mod one;", "a/one.rs": "fn f() { crate::b::g() }",
            "b/mod.rs": "use crate::{d::{self, D}, std};", "c.rs": "use crate::a::one;", "d.rs": "use super::c::C as D;",
        })
        self.assertEqual(
            found, ["a circle: a/one.rs (line 1) -> b/mod.rs (line 1) -> d.rs (line 1) -> c.rs (line 1) -> a/one.rs"]
        )

    def test_a_parent_and_its_children_may_import_each_other(self):
        self.assertEqual(faults({
            "a/mod.rs": "mod b; mod c; use b::B; use self::c::C;", "a/b.rs": "use super::A; use super::c::C;",
            "a/c.rs": "use crate::a::A;",
        }), [])

    def test_siblings_may_not_import_each_other(self):
        found = faults({"a/mod.rs": "mod b; mod c;", "a/b.rs": "use super::c::C;", "a/c.rs": "use super::b::B;"})
        self.assertEqual(found, ["a circle: a/b.rs (line 1) -> a/c.rs (line 1) -> a/b.rs"])

    def test_a_circle_that_goes_through_a_parent_to_another_folder_is_reported(self):
        found = faults({
            "a/mod.rs": "mod child; use crate::x::X;", "a/child.rs": "use super::A;", "x.rs": "use crate::a::child::C;",
        })
        self.assertEqual(len(found), 1)
        self.assertTrue(all(name in found[0] for name in ("a/mod.rs", "a/child.rs", "x.rs")), found)

    def test_a_name_that_the_root_reexports_counts_as_its_file(self):
        found = faults({"lib.rs": "mod a; mod b; pub use a::A;", "a.rs": "use crate::b::B;", "b.rs": "use crate::A;"})
        self.assertEqual(found, ["a circle: a.rs (line 1) -> b.rs (line 1) -> a.rs"])

    def test_tests_comments_and_texts_do_not_count(self):
        self.assertEqual(faults({
            "a.rs": "use crate::b::B;",
            "b.rs": """
                // use crate::a::A;
                /* use crate::a::A; */
                const TEXT: &str = "use crate::a::A; \\" crate::a::A"; const RAW: &str = r#"crate::a::A" "#;
                fn quote<'a>(c: char) -> bool { c == '"' || c == '\\'' }
                #[cfg(test)]
                mod tests { use super::*; use crate::a::A; fn f() { if true {} } }
            """,
            "c/mod.rs": "#[cfg(test)] mod tests;", "c/tests.rs": "use super::*; use crate::d::D;", "d.rs": "use crate::c::C;",
        }), [])


class Arrows(unittest.TestCase):
    ARROW = Arrow("x", "engine", ("cache", NOUNS), "the engine is alone", unless=("engine/registry.rs",))
    MACHINERY = {"engine", "cache", "error"}

    def test_a_forbidden_arrow_is_reported_with_its_reason(self):
        files = {
            "engine/mod.rs": "use crate::error::E;\nuse crate::cache::C;", "engine/registry.rs": "use crate::goal::Goal;",
            "engine/run.rs": "use crate::goal::Goal;", "cache.rs": "", "error.rs": "", "goal.rs": "use crate::error::E;",
        }
        self.assertEqual(faults(files, [self.ARROW], self.MACHINERY), [
            "engine/mod.rs:2 imports cache.rs, but the engine is alone",
            "engine/run.rs:1 imports goal.rs, but the engine is alone",
        ])

    def test_the_other_direction_is_allowed(self):
        files = {"engine.rs": "", "cache.rs": "use crate::engine::E;", "goal.rs": "use crate::engine::E;"}
        self.assertEqual(faults(files, [self.ARROW], self.MACHINERY), [])


class Globs(unittest.TestCase):
    def test_a_glob_import_of_the_crate_is_reported(self):
        found = faults({"a/mod.rs": "mod b; mod c;\npub use self::{b::*, c::C};", "a/b.rs": "", "a/c.rs": ""})
        self.assertEqual(found, ["a/mod.rs:2 imports all of crate::a::b: name each item"])

    def test_a_glob_import_of_another_crate_is_not(self):
        self.assertEqual(faults({"a.rs": "use diesel::prelude::*;"}), [])


if __name__ == "__main__":
    unittest.main()
