//! Accounts: sign-in, profile, and the requests that create, change and erase an account.

pub mod invite_code;
pub mod password;
pub mod quota;
mod roles;
mod session_life;

use serde::{Deserialize, Serialize, de::IgnoredAny};
use strum::{EnumString, IntoStaticStr};
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::{
    invite_code::{InvitationCode, InviteCode},
    password::{CurrentPassword, Password},
    roles::Roles,
    session_life::{IDLE_S, SessionTimes},
};
use crate::{
    reference::zone_country::country_of,
    value::{
        email, if_still_valid, nullable,
        number::Int,
        place::{Country, Email, Locale, ZoneName},
        secret_text::SecretText,
        text::Label,
        timestamp::Timestamp,
        validation::Findings,
    },
};

/// The role of an account. Accounts of clinicians and operators can only be created from the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr, ToSchema)]
#[cfg_attr(test, derive(strum::VariantArray))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(as = AccountRole)]
pub enum Role {
    /// A person in recovery, who owns a record.
    Person,
    /// Someone who supports a person.
    Supporter,
    /// A clinician or navigator.
    Clinician,
    /// Runs the service.
    Operator,
}

impl Role {
    /// The name on the wire, in tokens and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How much notifications reveal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Discretion {
    /// Notifications do not reveal the purpose of the app.
    #[default]
    Discreet,
    /// Notifications use plain words.
    Plain,
}

/// The part of an account that its owner may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The name by which the app addresses the person.
    #[serde(
        default,
        deserialize_with = "if_still_valid",
        skip_serializing_if = "Option::is_none"
    )]
    pub display_name: Option<Label>,
    /// The person's time zone. Days are calendar days in this zone.
    pub time_zone: ZoneName,
    /// Language and region.
    #[serde(
        default,
        deserialize_with = "if_still_valid",
        skip_serializing_if = "Option::is_none"
    )]
    pub locale: Option<Locale>,
    /// Country, for helplines. Without it, the region of the locale counts, and then the time zone.
    #[serde(
        default,
        deserialize_with = "if_still_valid",
        skip_serializing_if = "Option::is_none"
    )]
    pub country: Option<Country>,
    /// First day of the week; Monday is 1.
    #[serde(default = "monday")]
    pub week_start: Int<1, 7>,
    /// How much notifications reveal.
    #[serde(default, deserialize_with = "nullable")]
    pub discretion: Discretion,
}

const fn monday() -> Int<1, 7> {
    Int::clamped(1)
}

impl Profile {
    /// Creates a profile that has only a time zone.
    pub fn new(time_zone: ZoneName) -> Self {
        Self {
            display_name: None,
            time_zone,
            locale: None,
            country: None,
            week_start: monday(),
            discretion: Discretion::Discreet,
        }
    }

    /// The country that the person named: the country of the account, otherwise the region of its locale.
    pub fn stated_country(&self) -> Option<String> {
        let country = self.country.clone();
        country
            .or_else(|| self.locale.as_ref()?.country())
            .map(|country| country.to_string())
    }

    /// The country for helplines: the one that the person named, otherwise that of their time zone.
    pub fn helpline_country(&self) -> Option<String> {
        self.stated_country()
            .or_else(|| country_of(self.time_zone.0).map(str::to_owned))
    }

    /// The language for helplines, from the locale.
    pub fn language(&self) -> Option<String> {
        self.locale.as_ref()?.language()
    }
}

/// The part of an account that is stored encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedAccount {
    /// The address to sign in with.
    #[serde(deserialize_with = "email::stored")]
    pub email: Email,
    /// The profile.
    pub profile: Profile,
}

impl SealedAccount {
    /// Combines the encrypted part with the members that are stored in plain form.
    pub fn open(
        self,
        id: Uuid,
        role: Role,
        created_at: Timestamp,
        updated_at: Timestamp,
        version: i64,
    ) -> Account {
        let Self { email, profile } = self;
        Account {
            id,
            email,
            role,
            display_name: profile.display_name,
            time_zone: profile.time_zone,
            locale: profile.locale,
            country: profile.country,
            week_start: profile.week_start,
            discretion: profile.discretion,
            created_at,
            updated_at,
            version,
        }
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Account {
    /// The id.
    #[schema(read_only)]
    pub id: Uuid,
    /// The address to sign in with.
    #[schema(read_only)]
    pub email: Email,
    /// The role.
    #[schema(read_only)]
    pub role: Role,
    /// The name by which the app addresses the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Label>,
    /// The person's time zone. Days are calendar days in this zone.
    pub time_zone: ZoneName,
    /// Language and region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    /// Country, for helplines. Without it, the region of the locale counts, and then the time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// First day of the week; Monday is 1.
    pub week_start: Int<1, 7>,
    /// How much notifications reveal.
    pub discretion: Discretion,
    /// The time of creation.
    #[schema(read_only)]
    pub created_at: Timestamp,
    /// The time of the last change.
    #[schema(read_only)]
    pub updated_at: Timestamp,
    /// The version, from 1.
    #[schema(read_only, minimum = 1)]
    pub version: i64,
}

impl From<&Account> for Profile {
    fn from(account: &Account) -> Self {
        Self {
            display_name: account.display_name.clone(),
            time_zone: account.time_zone,
            locale: account.locale.clone(),
            country: account.country.clone(),
            week_start: account.week_start,
            discretion: account.discretion,
        }
    }
}

/// A replacement of the account's profile. An absent optional member is unset.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountUpdate {
    /// The name by which the app addresses the person.
    pub display_name: Option<Label>,
    /// The person's time zone. Days are calendar days in this zone.
    pub time_zone: ZoneName,
    /// Language and region.
    pub locale: Option<Locale>,
    /// Country, for helplines. Without it, the region of the locale counts, and then the time zone.
    pub country: Option<Country>,
    /// First day of the week; Monday is 1.
    pub week_start: Option<Int<1, 7>>,
    /// How much notifications reveal.
    pub discretion: Option<Discretion>,
    /// Ignored; may be sent back as received.
    #[schema(value_type = Option<String>, read_only, max_length = 64)]
    pub id: Option<IgnoredAny>,
    /// Ignored; may be sent back as received.
    #[schema(value_type = Option<String>, read_only, max_length = 254)]
    pub email: Option<IgnoredAny>,
    /// Ignored; may be sent back as received.
    #[schema(value_type = Option<String>, read_only, max_length = 20)]
    pub role: Option<IgnoredAny>,
    /// Ignored; may be sent back as received.
    #[schema(value_type = Option<String>, read_only, max_length = 64)]
    pub created_at: Option<IgnoredAny>,
    /// Ignored; may be sent back as received.
    #[schema(value_type = Option<String>, read_only, max_length = 64)]
    pub updated_at: Option<IgnoredAny>,
    /// Ignored; may be sent back as received.
    #[schema(value_type = Option<i64>, read_only)]
    pub version: Option<IgnoredAny>,
}

impl From<AccountUpdate> for Profile {
    fn from(update: AccountUpdate) -> Self {
        Self {
            display_name: update.display_name,
            time_zone: update.time_zone,
            locale: update.locale,
            country: update.country,
            week_start: update.week_start.unwrap_or(monday()),
            discretion: update.discretion.unwrap_or_default(),
        }
    }
}

/// A new account.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The address to sign in with.
    pub email: Email,
    /// The password: 12 to 128 characters, and none that is easily guessed or known from leaks.
    #[schema(write_only)]
    pub password: Password,
    /// The name by which the app addresses the person.
    pub display_name: Option<Label>,
    /// The person's time zone. Days are calendar days in this zone.
    pub time_zone: ZoneName,
    /// Language and region.
    pub locale: Option<Locale>,
    /// Country, for helplines. Without it, the region of the locale counts, and then the time zone.
    pub country: Option<Country>,
    /// The name of the device in the list of sessions.
    pub device_name: Option<Label>,
    /// The code of an invite, where the service needs one. Capitals, spaces and dashes make no difference. Where it needs
    /// none, the code is ignored.
    #[schema(write_only)]
    pub invite_code: Option<SecretText<0, 100>>,
}

impl Registration {
    /// Adds a finding if the password is easily guessed.
    pub fn check(&self, findings: &mut Findings) {
        let about: Vec<&str> = [Some(&*self.email), self.display_name.as_deref()]
            .into_iter()
            .flatten()
            .collect();
        password::check(self.password.composed(), &about, "/password", findings);
    }

    /// The profile of the new account.
    pub fn profile(&self) -> Profile {
        Profile {
            display_name: self.display_name.clone(),
            locale: self.locale.clone(),
            country: self.country.clone(),
            ..Profile::new(self.time_zone)
        }
    }
}

/// A sign-in. The rules for new passwords do not apply.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The address of the account.
    pub email: Email,
    /// The password of the account.
    #[schema(write_only)]
    pub password: CurrentPassword,
    /// The name of the device in the list of sessions.
    pub device_name: Option<Label>,
    /// The latest device token that this device got for the account. With it nobody else's wrong passwords delay the
    /// device. One that is not valid is ignored, and one with which somebody else guesses does no harm.
    #[schema(write_only)]
    pub device_token: Option<SecretText<0, 200>>,
    /// The code of a second factor. No account has one yet, so it is ignored.
    #[schema(write_only)]
    pub totp: Option<SecretText<1, 20>>,
}

/// A change of the password.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The current password.
    #[schema(write_only)]
    pub current_password: CurrentPassword,
    /// The new password.
    #[schema(write_only)]
    pub new_password: Password,
}

impl PasswordChange {
    /// Adds a finding if the password is easily guessed by somebody who knows nothing of its owner.
    pub fn check(&self, findings: &mut Findings) {
        password::check(self.new_password.composed(), &[], "/new_password", findings);
    }

    /// Adds a finding if the password is easily guessed by somebody who knows the account.
    pub fn check_of(&self, account: &Account, findings: &mut Findings) {
        let about: Vec<&str> = [Some(&*account.email), account.display_name.as_deref()]
            .into_iter()
            .flatten()
            .collect();
        password::check(self.new_password.composed(), &about, "/new_password", findings);
    }
}

/// A request to erase the account.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// The password, as proof that the owner asks.
    #[schema(write_only)]
    pub password: CurrentPassword,
}

/// A refresh of the tokens.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TokenRefresh)]
pub struct Refresh {
    /// The latest refresh token.
    #[schema(write_only)]
    pub refresh_token: SecretText<1, 500>,
}

/// The part of a session that is stored encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSession {
    /// The name of the device.
    #[serde(
        default,
        deserialize_with = "if_still_valid",
        skip_serializing_if = "Option::is_none"
    )]
    pub device_name: Option<Label>,
}

#[cfg(test)]
mod tests {
    use strum::VariantArray;

    use super::*;

    #[test]
    fn no_request_with_a_secret_shows_it() {
        let secret = "rivers bend slowly";
        let shown = |text: &str| match text {
            "login" => {
                let login = serde_json::json!({ "email": "sam@example.org", "password": secret, "device_token": secret, "totp": secret });
                format!("{:?}", serde_json::from_value::<Login>(login).unwrap())
            }
            "refresh" => {
                let refresh = serde_json::json!({ "refresh_token": secret });
                format!("{:?}", serde_json::from_value::<Refresh>(refresh).unwrap())
            }
            "change" => {
                let change = serde_json::json!({ "current_password": secret, "new_password": secret });
                format!("{:?}", serde_json::from_value::<PasswordChange>(change).unwrap())
            }
            _ => {
                let registration = serde_json::json!({ "email": "sam@example.org", "password": secret, "time_zone": "UTC", "invite_code": secret });
                format!(
                    "{:?}",
                    serde_json::from_value::<Registration>(registration).unwrap()
                )
            }
        };
        for request in ["login", "refresh", "change", "registration"] {
            assert!(!shown(request).contains("rivers"), "{request}");
        }
    }

    #[test]
    fn a_role_has_the_same_name_everywhere() {
        for role in Role::VARIANTS {
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
            assert_eq!(role.as_str().parse(), Ok(*role));
        }
    }

    #[test]
    fn the_country_falls_back_to_the_region_of_the_locale() {
        let mut profile = Profile::new(ZoneName(chrono_tz::UTC));
        assert_eq!(profile.helpline_country(), None);
        profile.locale = Locale::new("de-u-hc-h12");
        assert_eq!(profile.helpline_country(), None);
        profile.locale = Locale::new("de-Latn-AT-u-hc-h12");
        assert_eq!(profile.helpline_country().as_deref(), Some("AT"));
        profile.country = Country::new("DE");
        assert_eq!(profile.helpline_country().as_deref(), Some("DE"));
        assert_eq!(profile.language().as_deref(), Some("de"));
    }

    #[test]
    fn without_a_stated_country_helplines_are_those_of_the_time_zone() {
        let mut profile = Profile::new(ZoneName(chrono_tz::Asia::Tokyo));
        assert_eq!(profile.helpline_country().as_deref(), Some("JP"));
        assert_eq!(profile.stated_country(), None);
        profile.locale = Locale::new("en-ZA");
        assert_eq!(profile.helpline_country().as_deref(), Some("ZA"));
    }

    #[test]
    fn what_is_stored_opens_although_the_rules_have_changed() {
        let stored = r#"{"email":"sam@[127.0.0.1]","profile":{"display_name":"\u0000","time_zone":"UTC",
            "locale":"en_US","country":"ZZ","week_start":1,"discretion":"discreet"}}"#;
        let read: SealedAccount = serde_json::from_str(stored).unwrap();
        assert_eq!(&*read.email, "sam@[127.0.0.1]");
        assert_eq!((read.profile.display_name, read.profile.country), (None, None));
        assert_eq!(read.profile.locale, Locale::new("en-US"));
        let session: SealedSession = serde_json::from_str(r#"{"device_name":" "}"#).unwrap();
        assert_eq!(session.device_name, None);
    }
}
