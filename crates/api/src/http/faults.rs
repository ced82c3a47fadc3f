//! Bounds what a problem says about wrong fields. A response must not be as large as the request that it refuses.

use mainstay_domain::value::validation::Finding;

/// The largest number of wrong fields in a problem. Nobody corrects more at a time.
pub const MAX_FAULTS: usize = 100;
/// The longest pointer, in bytes. The names of members in it are those of the client.
const MAX_POINTER: usize = 500;

/// The wrong fields that a problem names.
pub struct Faults {
    /// The first wrong fields, at most 100.
    pub named: Vec<Finding>,
    /// Whether there are more.
    pub has_more: bool,
}

/// Returns the first wrong fields. The pointer to one with a very long name leads to the value around it.
pub fn bounded(mut findings: Vec<Finding>) -> Faults {
    let has_more = findings.len() > MAX_FAULTS;
    findings.truncate(MAX_FAULTS);
    Faults {
        named: findings.into_iter().map(with_short_pointer).collect(),
        has_more,
    }
}

fn with_short_pointer(mut finding: Finding) -> Finding {
    if finding.pointer.len() <= MAX_POINTER {
        return finding;
    }
    while finding.pointer.len() > MAX_POINTER {
        let around = finding.pointer.rfind('/').unwrap_or(0);
        finding.pointer.truncate(around);
    }
    finding.message = format!(
        "has a value with a long name or deep inside that {}",
        finding.message
    );
    finding
}

#[cfg(test)]
mod tests {
    use mainstay_domain::value::validation::FindingCode;

    use super::*;

    fn finding(pointer: String) -> Finding {
        Finding {
            pointer,
            code: FindingCode::UnknownField,
            message: "is not a field of this object".to_owned(),
        }
    }

    #[test]
    fn the_first_hundred_faults_are_named() {
        let of = |n: usize| bounded((0..n).map(|n| finding(format!("/items/{n}"))).collect());
        assert_eq!((of(100).named.len(), of(100).has_more), (100, false));
        assert_eq!((of(101).named.len(), of(101).has_more), (100, true));
        assert_eq!(
            of(101).named.first().map(|f| f.pointer.clone()),
            Some("/items/0".to_owned())
        );
    }

    #[test]
    fn a_long_pointer_leads_to_the_value_around() {
        let long = "é".repeat(400);
        let pointers = |pointer: String| bounded(vec![finding(pointer)]).named.remove(0);
        let around = pointers(format!("/answers/{long}/b"));
        assert_eq!(around.pointer, "/answers");
        assert!(
            around.message.ends_with("is not a field of this object"),
            "{}",
            around.message
        );
        assert_eq!(pointers(format!("/{long}")).pointer, "");
        assert_eq!(
            pointers("/answers/b".to_owned()),
            finding("/answers/b".to_owned())
        );
    }
}
