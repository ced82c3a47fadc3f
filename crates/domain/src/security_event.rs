//! Security events: what happened to an account, for the person whose account it is.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{account::Role, value::text::Label};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, ToSchema)]
#[cfg_attr(test, derive(strum::VariantArray))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SecurityEventCode {
    /// The account was registered, and its first session began.
    Registered,
    /// The people who run the service made the account.
    CreatedByService,
    /// A device that had signed in before signed in.
    SignedIn,
    /// A device signed in that did not show that it had signed in before.
    SignedInOnNewDevice,
    /// Somebody tried to sign in with a wrong password.
    SignInFailed,
    /// Somebody who was signed in gave a wrong password where one was asked for.
    ConfirmationFailed,
    /// The password was changed, which ended every other session.
    PasswordChanged,
    /// A session was ended on its own device.
    SignedOut,
    /// A session was ended from another one.
    SessionEnded,
    /// All other sessions were ended from one.
    OtherSessionsEnded,
    /// Sessions that were not used for the longest time were ended, because there were too many.
    UnusedSessionsEnded,
    /// A refresh token was used a second time, which ended its session.
    RefreshTokenReused,
}

/// How many events of a kind are kept, so that many of one kind do not push out those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecurityEventClass {
    /// Changes, and signs that somebody else may have got in.
    Change,
    /// Sessions that begin and end.
    Session,
    /// Wrong passwords, which anybody can cause.
    Failure,
}

impl SecurityEventCode {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The class, by which events are kept.
    pub const fn class(self) -> SecurityEventClass {
        match self {
            Self::Registered
            | Self::CreatedByService
            | Self::PasswordChanged
            | Self::OtherSessionsEnded
            | Self::RefreshTokenReused => SecurityEventClass::Change,
            Self::SignedIn
            | Self::SignedInOnNewDevice
            | Self::SignedOut
            | Self::SessionEnded
            | Self::UnusedSessionsEnded => SecurityEventClass::Session,
            Self::SignInFailed | Self::ConfirmationFailed => SecurityEventClass::Failure,
        }
    }
}

impl SecurityEventClass {
    /// The number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Change => 1,
            Self::Session => 2,
            Self::Failure => 3,
        }
    }

    /// How many events of the class an account keeps, the newest.
    pub const fn kept(self) -> i64 {
        match self {
            Self::Change | Self::Session => 500,
            Self::Failure => 200,
        }
    }
}

/// An event, as it is stored. Members may be added; the codes never change their meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityEvent {
    /// What happened.
    pub code: SecurityEventCode,
    /// The session in which it happened, or which began or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Uuid>,
    /// The network that it came from, named coarsely. None if there were several, or if none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The name of the device that the session began on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_name: Option<Label>,
    /// How often it happened, if it is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// When it happened first, in microseconds, if it is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_at: Option<i64>,
    /// The role that the account got, if the service made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

impl SecurityEvent {
    /// An event of which nothing else is known.
    pub const fn new(code: SecurityEventCode) -> Self {
        Self {
            code,
            session: None,
            network: None,
            device_name: None,
            count: None,
            first_at: None,
            role: None,
        }
    }

    /// The event in plain words.
    pub fn sentence(&self) -> String {
        let count = self.count.unwrap_or(1);
        let times = |one: &str, more: &str| {
            if count == 1 {
                one.to_owned()
            } else {
                more.replace('#', &count.to_string())
            }
        };
        match self.code {
            SecurityEventCode::Registered => "You registered, and this device was signed in.".to_owned(),
            SecurityEventCode::CreatedByService => match self.role {
                Some(role) => format!("The people who run this service made this account, with the role {}.", role.as_str()),
                None => "The people who run this service made this account.".to_owned(),
            },
            SecurityEventCode::SignedIn => "A device that had signed in before signed in.".to_owned(),
            SecurityEventCode::SignedInOnNewDevice => "A new device signed in.".to_owned(),
            SecurityEventCode::SignInFailed => times(
                "Somebody tried to sign in with a wrong password, and did not get in.",
                "Somebody tried # times to sign in with a wrong password, and did not get in.",
            ),
            SecurityEventCode::ConfirmationFailed => times(
                "A wrong password was given on a device that was signed in.",
                "A wrong password was given # times on a device that was signed in.",
            ),
            SecurityEventCode::PasswordChanged => {
                "The password was changed, and every other device was signed out.".to_owned()
            }
            SecurityEventCode::SignedOut => "A device signed out.".to_owned(),
            SecurityEventCode::SessionEnded => "A device was signed out from another one.".to_owned(),
            SecurityEventCode::OtherSessionsEnded => times(
                "One other device was signed out.",
                "All other devices were signed out (#).",
            ),
            SecurityEventCode::UnusedSessionsEnded => times(
                "The device that was not used for the longest time was signed out, because very many were signed in.",
                "# devices that were not used for the longest time were signed out, because very many were signed in.",
            ),
            SecurityEventCode::RefreshTokenReused => {
                "A token that had been used already was used again, so its device was signed out. Somebody may have a copy \
                 of it: if you do not know why, change your password."
                    .to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray;

    use super::*;
    use crate::value::kindness::unkind_words;

    #[test]
    fn every_event_has_a_sentence_in_kind_words_and_a_stable_code() {
        for code in SecurityEventCode::VARIANTS {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            for count in [None, Some(1), Some(12)] {
                let sentence = SecurityEvent {
                    count,
                    ..SecurityEvent::new(*code)
                }
                .sentence();
                assert!(sentence.ends_with('.') && !sentence.contains('#'), "{sentence}");
                assert_eq!(unkind_words(&sentence), [""; 0], "{sentence}");
            }
        }
    }

    #[test]
    fn what_anybody_can_cause_has_a_class_of_its_own() {
        let failures: Vec<_> = SecurityEventCode::VARIANTS
            .iter()
            .filter(|code| code.class() == SecurityEventClass::Failure)
            .collect();
        assert_eq!(
            failures,
            [
                &SecurityEventCode::SignInFailed,
                &SecurityEventCode::ConfirmationFailed
            ]
        );
    }
}
