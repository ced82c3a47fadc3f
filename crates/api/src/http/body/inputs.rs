//! The inputs that are read from JSON bodies.

use mainstay_domain::{
    account::{AccountUpdate, Erasure, Login, PasswordChange, Refresh, Registration},
    break_glass::BreakGlassRequest,
    consent::{Revocation, Signing},
    encouragement::{NewEncouragement, NewThanks},
    invitation::{InvitationAcceptance, NewInvitation},
    peer_profile::PeerProfile,
    proposal::{Acceptance, NewProposal, Refusal},
    record::{Incoming, Record},
    shared_commitment::{NewSharedCommitment, SharedCommitmentOutcome},
    sharing::{IncomingResource, Resource},
    sign_off::NewSignOff,
    value::validation::Findings,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    auth::registration_policy::RegistrationMode,
    http::{
        body::{Input, parse_value},
        problem::{Problem, ProblemKind},
        rate_limit::DeviceProof,
    },
    openapi::schema::{Components, add_input, add_resource_input},
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

impl<T: Resource> Input for IncomingResource<T> {
    type Shape = T;
    const READ_ONLY: &'static [&'static str] = T::READ_ONLY;

    fn schema(components: &mut Components) -> Value {
        add_resource_input::<T>(components)
    }

    fn stand_in(member: &str) -> Option<Value> {
        serde_json::to_value(T::example()).ok()?.get(member).cloned()
    }

    fn check(&self, now: chrono::DateTime<chrono::Utc>, findings: &mut Findings) {
        self.value.check(now, findings);
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

    fn refusal(state: &State, bytes: &[u8]) -> Option<Problem> {
        match state.registration.mode {
            RegistrationMode::Open => None,
            RegistrationMode::Closed => Some(Problem::new(ProblemKind::RegistrationClosed)),
            RegistrationMode::Invite => has_no_code(bytes).then(|| Problem::new(ProblemKind::InviteInvalid)),
        }
    }

    fn check(&self, _now: chrono::DateTime<chrono::Utc>, findings: &mut Findings) {
        Self::check(self, findings);
    }
}

impl Input for BreakGlassRequest {
    type Shape = Self;

    fn stand_in(member: &str) -> Option<Value> {
        match member {
            "person" => Some(json!("sam@example.org")),
            "affiliation" | "emergency" => Some(json!("-")),
            "justification" => Some(json!("-".repeat(20))),
            "password" => Some(json!("rivers bend slowly")),
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

    fn device(&self, state: &State) -> Option<(DeviceProof, Uuid)> {
        let device = state.devices.issued_to(self.device_token.as_deref()?)?;
        Some((DeviceProof::DeviceToken, device))
    }

    fn check(&self, _now: chrono::DateTime<chrono::Utc>, _findings: &mut Findings) {}
}

impl Input for Refresh {
    type Shape = Self;
    const MAY_NAME_DEVICE: bool = true;

    fn device(&self, state: &State) -> Option<(DeviceProof, Uuid)> {
        let claims = state.refresh.read(&self.refresh_token)?;
        Some((DeviceProof::Session, claims.session))
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
    NewInvitation: |_, _| ();
    InvitationAcceptance: |_, _| ();
    Acceptance: Self::check;
    Refusal: |_, _| ();
    NewSignOff: |_, _| ();
    NewThanks: |_, _| ();
    NewProposal: Self::check;
    NewEncouragement: |_, _| ();
    NewSharedCommitment: Self::check;
    SharedCommitmentOutcome: |_, _| ();
    PeerProfile: |_, _| ();
    Signing: |_, _| ();
    Revocation: |_, _| ();
}

/// Whether a text is the JSON of a registration without the code of an invite.
fn has_no_code(bytes: &[u8]) -> bool {
    let read = parse_value(bytes).map(|read| read.value);
    let Ok(Value::Object(members)) = read else {
        return false;
    };
    members.get("invite_code").is_none_or(Value::is_null)
}
