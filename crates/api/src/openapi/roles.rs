//! The table of operations and roles, which `docs/roles.md` holds. It comes from the same endpoints as the routes.

use std::fmt::Write;

use mainstay_domain::account::Roles;

use crate::openapi::endpoint::{Endpoint, Tag};

const INTRODUCTION: &str = "# Roles

Which roles of accounts may call which operation. This page is generated from the endpoints, as the OpenAPI document is, where \
the extension `x-roles` says the same: `cargo run -- openapi --roles > docs/roles.md`.

- A **person** is in recovery and owns a record.
- A **supporter** and a **clinician** help others, as far as those consent. They own a record of their own too.
- An **operator** runs the service and reaches no record.

A caller whose role may not call an operation gets a 403 `role-not-allowed`, whatever the path names. The response depends on \
the caller's own role alone. What a role may call, and what is not the caller's, is a 404.
";

/// Renders the table.
pub fn roles_table(endpoints: &[Endpoint]) -> String {
    let mut out = INTRODUCTION.to_owned();
    for (tag, name, description) in Tag::ALL {
        let shown = |e: &&Endpoint| e.tag == tag && !e.hidden && !e.public;
        if !endpoints.iter().any(|e| shown(&e)) {
            continue;
        }
        // Writing to a string does not fail.
        let _ = write!(out, "\n## {name}\n\n{description}\n\n| Operation | |");
        for role in Roles::ALL.iter() {
            let _ = write!(out, " {} |", role.as_str());
        }
        out.push_str("\n|---|---|");
        out.extend(Roles::ALL.iter().map(|_| "---|"));
        for endpoint in endpoints.iter().filter(shown) {
            let _ = write!(
                out,
                "\n| `{} {}` | {} |",
                endpoint.method, endpoint.path, endpoint.summary
            );
            for role in Roles::ALL.iter() {
                out.push_str(if endpoint.roles.contains(role) {
                    " yes |"
                } else {
                    " |"
                });
            }
        }
        out.push('\n');
    }
    out.push_str("\n## Without sign-in\n\n");
    for endpoint in endpoints.iter().filter(|e| e.public && !e.hidden) {
        let _ = writeln!(out, "- `{} {}`", endpoint.method, endpoint.path);
    }
    out
}
