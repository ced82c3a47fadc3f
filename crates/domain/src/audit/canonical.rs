//! The bytes of an entry. They are sealed and stored, and the chain of a record covers them.
//!
//! The first byte is the version of the form. Stored bytes never change: a chain is verified over the bytes as they are
//! stored, so that a later form does not have to make the bytes of an earlier one again.

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

/// The present form: the version, and then JSON without spaces, its members in the order of the type.
const FORM: u8 = 1;

/// The canonical bytes of an entry. An entry of this module always has some.
pub fn encode<T: Serialize>(entry: &T) -> Vec<u8> {
    let mut bytes = vec![FORM];
    // Writing to a vector does not fail, and the entries have no maps with other keys than names.
    if serde_json::to_writer(&mut bytes, entry).is_err() {
        bytes.truncate(1);
    }
    bytes
}

/// Reads canonical bytes; `None` if they are of no known form.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (form, rest) = bytes.split_first()?;
    (*form == FORM).then(|| serde_json::from_slice(rest).ok())?
}

/// The hash of the bytes of a disclosure, which the chain covers beside those of its access.
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use uuid::Uuid;

    use super::*;
    use crate::{
        account::Role,
        audit::{
            Access, AccessAction, AccessDecision, ConsentRef, Disclosure, DisclosureBasis, DisclosureMethod,
            Subject, View,
        },
        record::Kind,
        sharing::{DataClass, Purpose},
    };

    fn access() -> Access {
        Access {
            at: 1_700_000_000_000_000,
            by: Uuid::from_u128(1),
            role: Role::Supporter,
            session: Some(Uuid::from_u128(2)),
            action: AccessAction::Read,
            subject: vec![
                Subject::records(Kind::CheckIn, Some(DataClass::CheckIns), 3),
                Subject::view(View::Abstinence, None),
            ],
            decision: AccessDecision::Permitted,
            consent: Some(ConsentRef {
                id: Uuid::from_u128(3),
                version: 4,
            }),
            request_id: Some("r".to_owned()),
        }
    }

    fn disclosure() -> Disclosure {
        Disclosure {
            at: 1,
            recipient: Uuid::from_u128(1),
            recipient_name: None,
            classes: BTreeMap::from([(DataClass::Use, 2), (DataClass::Abstinence, 1)]),
            ids_hash: vec![0, 255],
            description: "Check-ins".to_owned(),
            purposes: vec![Purpose::RecoverySupport],
            basis: DisclosureBasis::Consent,
            consent: None,
            method: DisclosureMethod::Api,
            notice_version: "1".to_owned(),
            request_id: None,
        }
    }

    /// If this test fails, entries that are stored may not be read any more. Add a form, and keep this one.
    #[test]
    fn the_bytes_of_the_first_form_stay_as_they_are() {
        let text = |bytes: &[u8]| {
            assert_eq!(bytes.first(), Some(&1));
            String::from_utf8(bytes[1..].to_vec()).unwrap()
        };
        assert_eq!(
            text(&encode(&access())),
            "{\"at\":1700000000000000,\"by\":\"00000000-0000-0000-0000-000000000001\",\"role\":\"supporter\",\
             \"session\":\"00000000-0000-0000-0000-000000000002\",\"action\":\"read\",\"subject\":[{\"what\":\"check-ins\",\
             \"class\":\"check_ins\",\"count\":3},{\"what\":\"insights/abstinence\",\"count\":1}],\"decision\":\"permitted\",\
             \"consent\":{\"id\":\"00000000-0000-0000-0000-000000000003\",\"version\":4},\"request_id\":\"r\"}"
        );
        assert_eq!(
            text(&encode(&disclosure())),
            "{\"at\":1,\"recipient\":\"00000000-0000-0000-0000-000000000001\",\"classes\":{\"abstinence\":1,\"use\":2},\
             \"ids_hash\":[0,255],\"description\":\"Check-ins\",\"purposes\":[\"recovery_support\"],\"basis\":\"consent\",\
             \"method\":\"api\",\"notice_version\":\"1\"}"
        );
    }

    #[test]
    fn entries_are_read_again_and_other_bytes_are_not() {
        assert_eq!(decode(&encode(&access())), Some(access()));
        assert_eq!(decode(&encode(&disclosure())), Some(disclosure()));
        assert_eq!(decode::<Access>(b""), None);
        let mut later = encode(&access());
        later[0] = 2;
        assert_eq!(decode::<Access>(&later), None);
    }
}
