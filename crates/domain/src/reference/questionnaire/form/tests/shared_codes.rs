//! Property test: an answer by its code alone is taken only if the code is that of one option.

use proptest::prelude::*;
use serde_json::json;

use super::{faults, questionnaire};

proptest! {
    #[test]
    fn a_code_that_systems_share_is_never_guessed(
        offered in prop::collection::btree_set((0_u8..3, 0_u8..3), 1..9),
        chosen in (0_u8..3, prop::option::of(0_u8..3)),
        is_open in any::<bool>(),
    ) {
        let coding = |code: u8, system: u8| json!({ "code": code.to_string(), "system": format!("s{system}") });
        let options: Vec<_> = offered.iter().map(|(code, system)| json!({ "value_coding": coding(*code, *system) })).collect();
        let kind = if is_open { "open_choice" } else { "choice" };
        let whole = questionnaire(&json!([{ "link_id": "q", "type": kind, "options": options }]));
        let answer = match chosen {
            (code, Some(system)) => coding(code, system),
            (code, None) => json!({ "code": code.to_string() }),
        };
        let candidates = offered.iter().filter(|(code, system)| *code == chosen.0 && chosen.1.is_none_or(|own| own == *system)).count();
        let expected = match candidates {
            0 => vec![("/answers/0/value_coding".to_owned(), "option".to_owned())],
            1 => Vec::new(),
            _ => vec![("/answers/0/value_coding".to_owned(), "ambiguous".to_owned())],
        };
        prop_assert_eq!(faults(&whole, json!([{ "link_id": "q", "value_coding": answer }]), true), expected);
    }
}
