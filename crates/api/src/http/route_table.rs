//! The routes by their paths, for requests that are answered before they are routed.

use actix_web::http::Method;

/// The name of all paths that no route has, in metrics and log lines.
pub const UNMATCHED: &str = "unmatched";

/// Finds the route of a path. It looks at one route after the other, so it is for what is rare.
#[derive(Debug, Default)]
pub struct RouteTable(Vec<Route>);

/// The operations of one path.
#[derive(Debug)]
struct Route {
    template: Box<str>,
    /// The methods that need no sign-in.
    public: Vec<Method>,
}

impl RouteTable {
    /// Adds an operation.
    pub fn insert(&mut self, method: &Method, template: &str, is_public: bool) {
        let found = self.0.iter().position(|route| &*route.template == template);
        let at = found.unwrap_or_else(|| {
            // Those without parameters come first, as in the router.
            let at = if template.contains('{') { self.0.len() } else { 0 };
            let template = template.into();
            self.0.insert(
                at,
                Route {
                    template,
                    public: Vec::new(),
                },
            );
            at
        });
        if let Some(route) = self.0.get_mut(at).filter(|_| is_public) {
            route.public.push(method.clone());
        }
    }

    /// Returns the path template of a path, or `unmatched`.
    pub fn template(&self, path: &str) -> &str {
        self.find(path).map_or(UNMATCHED, |route| &route.template)
    }

    /// Whether a request needs no sign-in.
    pub fn is_public(&self, method: &Method, path: &str) -> bool {
        self.find(path).is_some_and(|route| route.public.contains(method))
    }

    fn find(&self, path: &str) -> Option<&Route> {
        self.0.iter().find(|route| fits(&route.template, path))
    }
}

/// Whether a path fits a template, in which a segment with a `{name}` stands for any.
fn fits(template: &str, path: &str) -> bool {
    let mut names = path.split('/');
    let fit = template
        .split('/')
        .all(|own| names.next().is_some_and(|name| own == name || own.contains('{')));
    fit && names.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_template_of_the_operation_that_serves_it() {
        let mut table = RouteTable::default();
        for (method, template, is_public) in [
            (Method::GET, "/v1/plans/{id}", false),
            (Method::PUT, "/v1/plans/{id}", false),
            (Method::GET, "/v1/plans/active", false),
            (Method::GET, "/v1/reports/charts/{name}.svg", false),
            (Method::POST, "/v1/auth/login", true),
            (Method::GET, "/v1/meetings/{id}", true),
        ] {
            table.insert(&method, template, is_public);
        }
        for (path, template) in [
            ("/v1/plans/active", "/v1/plans/active"),
            ("/v1/plans/0195", "/v1/plans/{id}"),
            ("/v1/reports/charts/a.svg", "/v1/reports/charts/{name}.svg"),
            ("/v1/plans/0195/", UNMATCHED),
            ("/v1/plans", UNMATCHED),
            ("*", UNMATCHED),
            ("", UNMATCHED),
        ] {
            assert_eq!(table.template(path), template, "{path}");
        }
        assert!(table.is_public(&Method::POST, "/v1/auth/login"));
        assert!(table.is_public(&Method::GET, "/v1/meetings/0195"));
        assert!(!table.is_public(&Method::GET, "/v1/auth/login"));
        assert!(!table.is_public(&Method::PUT, "/v1/plans/0195") && !table.is_public(&Method::GET, "/"));
    }
}
