//! The inputs that are read from JSON bodies.

use mainstay_domain::{
    account::{AccountUpdate, Erasure, Login, PasswordChange, Refresh, Registration},
    record::{Incoming, Record},
    value::validation::Findings,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    http::body::Input,
    openapi::schema::{Components, add_input},
    server::state::State,
};

impl<T: Record> Input for Incoming<T> {
    type Shape = T;
    const READ_ONLY: &'static [&'static str] = T::READ_ONLY;

    fn schema(components: &mut Components) -> Value {
        add_input::<T>(components)
    }

    fn stand_in(member: &str) -> Option<Value> {
        serde_json::to_value(T::example()).ok()?.get(member).cloned()
    }

    fn check(&self, now: chrono::DateTime<chrono::Utc>, findings: &mut Findings) {
        self.body.check(now, findings);
    }
}

impl Input for Registration {
    type Shape = Self;

    fn stand_in(member: &str) -> Option<Value> {
        match member {
            "email" => Some(json!("sam@example.org")),
            "password" => Some(json!("rivers bend slowly")),
            "time_zone" => Some(json!("UTC")),
            _ => None,
        }
    }

    fn check(&self, _now: chrono::DateTime<chrono::Utc>, findings: &mut Findings) {
        Self::check(self, findings);
    }
}

impl Input for Login {
    type Shape = Self;
    const MAY_NAME_DEVICE: bool = true;

    fn device(&self, state: &State) -> Option<Uuid> {
        state.devices.issued_to(self.device_token.as_deref()?)
    }

    fn check(&self, _now: chrono::DateTime<chrono::Utc>, _findings: &mut Findings) {}
}

impl Input for Refresh {
    type Shape = Self;
    const MAY_NAME_DEVICE: bool = true;

    fn device(&self, state: &State) -> Option<Uuid> {
        Some(state.refresh.read(&self.refresh_token)?.session)
    }

    fn check(&self, _now: chrono::DateTime<chrono::Utc>, _findings: &mut Findings) {}
}

/// Implements [`Input`] for types that document themselves.
macro_rules! plain_inputs {
    ($($input:ty: $check:expr;)*) => {
        $(impl Input for $input {
            type Shape = Self;
            fn check(&self, _now: chrono::DateTime<chrono::Utc>, findings: &mut Findings) {
                let check: fn(&Self, &mut Findings) = $check;
                check(self, findings);
            }
        })*
    };
}

plain_inputs! {
    PasswordChange: Self::check;
    Erasure: |_, _| ();
    AccountUpdate: |_, _| ();
}
