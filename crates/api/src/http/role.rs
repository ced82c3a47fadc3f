//! Which roles may call the operations of a path. Signing a caller in asks here, so that no handler can forget it.

use actix_web::{HttpRequest, http::Method};
use mainstay_domain::account::{Role, Roles};

use crate::http::problem::{HandlerResult, Problem, ProblemKind};

/// The roles that may call each operation of one path. The route of the path holds it.
#[derive(Debug, Clone, Default)]
pub struct RouteRoles(Vec<(Method, Roles)>);

impl RouteRoles {
    /// Adds an operation.
    pub fn insert(&mut self, method: &Method, roles: Roles) {
        self.0.push((method.clone(), roles));
    }

    /// Whether a role may call the operation of a method. `HEAD` is `GET` without the body.
    fn allow(&self, method: &Method, role: Role) -> bool {
        let method = if *method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let found = self.0.iter().find(|(own, _)| own == method);
        found.is_some_and(|(_, roles)| roles.contains(role))
    }
}

/// Refuses a caller whose role may not call the operation of a request. A route without roles is for nobody.
///
/// # Errors
/// 403, which depends on nothing but the operation and the caller's own role.
pub fn check_role(request: &HttpRequest, role: Role) -> HandlerResult<()> {
    let roles = request.app_data::<RouteRoles>();
    if roles.is_some_and(|roles| roles.allow(request.method(), role)) {
        Ok(())
    } else {
        Err(Problem::new(ProblemKind::RoleNotAllowed))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_role_may_call_what_lists_it_and_nothing_else() {
        let mut roles = RouteRoles::default();
        roles.insert(&Method::GET, Roles::OWN_RECORD);
        roles.insert(&Method::POST, Roles::CLINICIANS);
        for (method, role, is_allowed) in [
            (Method::GET, Role::Person, true),
            (Method::HEAD, Role::Person, true),
            (Method::HEAD, Role::Operator, false),
            (Method::POST, Role::Clinician, true),
            (Method::POST, Role::Supporter, false),
            (Method::DELETE, Role::Clinician, false),
        ] {
            assert_eq!(roles.allow(&method, role), is_allowed, "{method} {role:?}");
        }
        let request = TestRequest::default().to_http_request();
        let refused = check_role(&request, Role::Clinician).unwrap_err();
        assert_eq!(refused.kind, ProblemKind::RoleNotAllowed, "a route without roles");
    }
}
