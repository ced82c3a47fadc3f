//! How urgent each operation is, and the table that finds it for a request before the request is routed.

use std::collections::HashMap;

use actix_web::http::Method;

/// How soon an operation is served when there is more to do than the server can do. The first is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Help at this moment and what leads to it: reporting a craving, the saved plan, helplines, health, refreshed tokens.
    Urgent,
    /// Reading and changing the record.
    Ordinary,
    /// What hashes a password: signing in, and confirmation by password.
    SignIn,
    /// What can wait: insights, reports, histories, searches, registration, documentation, and unknown paths.
    Deferrable,
}

impl Priority {
    /// Every priority, the most urgent one first.
    pub const ALL: [Self; 4] = [Self::Urgent, Self::Ordinary, Self::SignIn, Self::Deferrable];

    /// The name in metrics and log lines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Ordinary => "ordinary",
            Self::SignIn => "sign_in",
            Self::Deferrable => "deferrable",
        }
    }
}

/// Finds the priority of a request by its method and path. A lookup allocates nothing.
#[derive(Debug, Default)]
pub struct PriorityTable {
    root: Segment,
}

/// A segment of the paths, with what may follow it.
#[derive(Debug, Default)]
struct Segment {
    literal: HashMap<Box<str>, Segment>,
    /// What follows a segment that is a parameter.
    parameter: Option<Box<Segment>>,
    /// The methods of the path that ends here.
    methods: Vec<(Method, Priority)>,
}

impl PriorityTable {
    /// Adds an operation by its method and path template.
    pub fn insert(&mut self, method: &Method, template: &str, priority: Priority) {
        let mut segment = &mut self.root;
        for name in segments(template) {
            segment = if name.contains('{') {
                segment.parameter.get_or_insert_default()
            } else {
                segment.literal.entry(name.into()).or_default()
            };
        }
        segment.methods.push((method.clone(), priority));
    }

    /// Returns the priority of a request. One that no operation serves can wait.
    pub fn find(&self, method: &Method, path: &str) -> Priority {
        let mut names = segments(path);
        let found = names.try_fold(&self.root, |segment, name| {
            segment.literal.get(name).or(segment.parameter.as_deref())
        });
        let of_method = |segment: &Segment| match *method {
            Method::HEAD => segment.of(&Method::GET),
            // A page asks with OPTIONS before it may send the request itself, so both are as urgent.
            Method::OPTIONS => segment.methods.iter().map(|(_, priority)| *priority).min(),
            _ => segment.of(method),
        };
        found.and_then(of_method).unwrap_or(Priority::Deferrable)
    }
}

impl Segment {
    fn of(&self, method: &Method) -> Option<Priority> {
        let found = self.methods.iter().find(|(own, _)| own == method);
        found.map(|(_, priority)| *priority)
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').skip(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_priority_of_the_operation_that_serves_it() {
        let mut table = PriorityTable::default();
        for (method, template, priority) in [
            (Method::GET, "/v1/plans", Priority::Ordinary),
            (Method::GET, "/v1/plans/active", Priority::Urgent),
            (Method::GET, "/v1/plans/{id}", Priority::Ordinary),
            (Method::POST, "/v1/plans/{id}/activate", Priority::SignIn),
            (Method::GET, "/v1/reports/charts/{name}.svg", Priority::Deferrable),
            (Method::POST, "/v1/craving-events", Priority::Urgent),
            (Method::GET, "/v1/craving-events", Priority::Ordinary),
        ] {
            table.insert(&method, template, priority);
        }
        for (method, path, expected) in [
            (Method::GET, "/v1/plans", Priority::Ordinary),
            (Method::GET, "/v1/plans/active", Priority::Urgent),
            (Method::HEAD, "/v1/plans/active", Priority::Urgent),
            (Method::GET, "/v1/plans/0195", Priority::Ordinary),
            (Method::POST, "/v1/plans/0195/activate", Priority::SignIn),
            (Method::GET, "/v1/plans/0195/activate", Priority::Deferrable),
            (Method::DELETE, "/v1/plans/active", Priority::Deferrable),
            (Method::OPTIONS, "/v1/craving-events", Priority::Urgent),
            (Method::GET, "/v1/craving-events", Priority::Ordinary),
            (Method::GET, "/v1/craving-events/", Priority::Deferrable),
            (Method::GET, "/", Priority::Deferrable),
            (Method::GET, "*", Priority::Deferrable),
            (Method::GET, "", Priority::Deferrable),
        ] {
            assert_eq!(table.find(&method, path), expected, "{method} {path}");
        }
    }
}
