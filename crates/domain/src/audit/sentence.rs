//! Entries of the access log in plain words, with a code and values for apps that have words of their own.

use serde::Serialize;

use super::{
    access::{Access, AccessAction, AccessDecision},
    subject::Subject,
};
use crate::account::Role;

/// How many things a sentence names. The others are "and more".
const MAX_NAMED: usize = 6;

/// Who did something, as far as it is known when the log is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The person whose record it is.
    You,
    /// Someone with a name.
    Named(String),
    /// Someone of whom only the role is known.
    OfRole(Role),
    /// A command of the people who run the service.
    Service,
}

impl Who {
    /// What they are called at the beginning of a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::You => "You".to_owned(),
            Self::Named(name) => shown(name),
            Self::OfRole(Role::Person) => "Another person".to_owned(),
            Self::OfRole(Role::Supporter) => "A supporter".to_owned(),
            Self::OfRole(Role::Clinician) => "A clinician".to_owned(),
            Self::OfRole(Role::Operator) | Self::Service => "The people who run this service".to_owned(),
        }
    }
}

/// Words that begin what a sentence says of itself, so that a name with them stands in quotes.
const OWN_WORDS: [&str; 7] = ["you", "your", "the", "a", "an", "another", "nobody"];

/// A name in a sentence. What could be read as a part of the sentence stands in quotes, and what is not visible is left out.
fn shown(name: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let visible: String = name
        .chars()
        .filter(|c| !is_hidden(*c))
        .map(|c| {
            if matches!(c, '\u{201c}' | '\u{201d}') {
                '"'
            } else {
                c
            }
        })
        .collect();
    let words: Vec<String> = visible.split_whitespace().map(str::to_lowercase).collect();
    let is_plain = visible
        .chars()
        .all(|c| c.is_alphanumeric() || " '\u{2019}-".contains(c))
        && (1..=3).contains(&words.len())
        && words
            .first()
            .is_some_and(|first| !OWN_WORDS.contains(&first.as_str()));
    if is_plain {
        visible
    } else {
        format!("\u{201c}{visible}\u{201d}")
    }
}

/// A sentence about an access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sentence {
    /// A stable code: the decision and the action, such as `permitted.read`.
    pub code: String,
    /// The values of the sentence.
    pub params: Params,
    /// The sentence in plain English.
    pub text: String,
}

/// The values of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Params {
    /// Who did it.
    pub who: String,
    /// What it was about, in words.
    pub what: String,
}

/// Puts an access into words.
pub fn sentence(access: &Access, who: &Who) -> Sentence {
    let name = who.words();
    let things = things(access);
    let text = match access.decision {
        AccessDecision::Own => own(access.action, &things),
        AccessDecision::Permitted => permitted(access.action, &name, &things),
        AccessDecision::Denied => {
            format!("{name} asked for {things}. Nothing was shown.")
        }
    };
    Sentence {
        code: format!("{}.{}", access.decision.as_str(), access.action.as_str()),
        params: Params {
            who: name,
            what: things,
        },
        text,
    }
}

fn own(action: AccessAction, things: &str) -> String {
    match action {
        AccessAction::Read | AccessAction::Insight => format!("You looked at {things}."),
        AccessAction::Report | AccessAction::Encouragement | AccessAction::Commitment => {
            format!("You opened {things}.")
        }
        AccessAction::Write => format!("You wrote to {things}."),
        AccessAction::Consent => format!("You decided about {things}."),
        AccessAction::Proposal => format!("You worked on {things}."),
        AccessAction::SignOff => format!("You signed off {things}."),
        AccessAction::BreakGlass => format!("You looked into {things}."),
        AccessAction::Command => format!("You changed {things}."),
    }
}

fn permitted(action: AccessAction, name: &str, things: &str) -> String {
    match action {
        AccessAction::Read | AccessAction::Insight => format!("{name} looked at {things}."),
        AccessAction::Report => format!("{name} opened {things}."),
        AccessAction::Write => format!("{name} wrote to {things}."),
        AccessAction::Consent => format!("{name} did something about {things}."),
        AccessAction::Proposal => format!("{name} made a proposal about {things}."),
        AccessAction::Encouragement => format!("{name} sent you words of encouragement."),
        AccessAction::SignOff => format!("{name} signed off {things}."),
        AccessAction::Commitment => format!("{name} told you of a commitment of their own."),
        AccessAction::BreakGlass => {
            format!("{name} opened your record in a medical emergency, without asking you first.")
        }
        AccessAction::Command => format!("{name} ran a command on {things}."),
    }
}

/// What an access was about, in words. Someone else's records are counted; one's own are not, since their number is how
/// often.
fn things(access: &Access) -> String {
    let is_own = access.decision == AccessDecision::Own;
    let mut words: Vec<String> = Vec::new();
    for subject in &access.subject {
        let word = thing(subject, is_own || access.decision == AccessDecision::Denied);
        if !words.contains(&word) {
            words.push(word);
        }
    }
    if words.len() > MAX_NAMED {
        words.truncate(MAX_NAMED);
        words.push("more".to_owned());
    }
    let Some(last) = words.pop() else {
        return "your record".to_owned();
    };
    let listed = if words.is_empty() {
        format!("your {last}")
    } else {
        format!("your {} and {last}", words.join(", "))
    };
    let times: u32 = access
        .subject
        .iter()
        .map(|subject| subject.count)
        .fold(0, u32::saturating_add);
    if is_own && times > 1 {
        format!("{listed}, {times} times")
    } else {
        listed
    }
}

fn thing(subject: &Subject, is_uncounted: bool) -> String {
    if is_uncounted {
        return subject.what.words();
    }
    // "your check-ins (3)" reads as well with one as with many.
    match subject.what {
        super::What::Records(_) => format!("{} ({})", subject.what.words(), subject.count),
        super::What::View(view) => view.words().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        audit::{View, What},
        record::Kind,
        sharing::DataClass,
    };

    fn access(action: AccessAction, decision: AccessDecision, subject: Vec<Subject>) -> Access {
        Access {
            at: 0,
            by: Uuid::from_u128(1),
            role: Role::Supporter,
            session: None,
            action,
            subject,
            decision,
            consent: None,
            request_id: None,
        }
    }

    fn text(action: AccessAction, decision: AccessDecision, who: &Who) -> String {
        let subject = vec![
            Subject::records(Kind::CheckIn, Some(DataClass::CheckIns), 3),
            Subject::view(View::Abstinence, Some(DataClass::Abstinence)),
        ];
        sentence(&access(action, decision, subject), who).text
    }

    #[test]
    fn every_action_has_its_sentence() {
        use AccessAction as A;
        use AccessDecision as D;
        let ana = Who::Named("Ana".to_owned());
        let both = "your check-ins (3) and days without use";
        for (action, expected) in [
            (A::Read, format!("Ana looked at {both}.")),
            (A::Insight, format!("Ana looked at {both}.")),
            (A::Report, format!("Ana opened {both}.")),
            (A::Write, format!("Ana wrote to {both}.")),
            (A::Consent, format!("Ana did something about {both}.")),
            (A::Proposal, format!("Ana made a proposal about {both}.")),
            (
                A::Encouragement,
                "Ana sent you words of encouragement.".to_owned(),
            ),
            (A::SignOff, format!("Ana signed off {both}.")),
            (
                A::Commitment,
                "Ana told you of a commitment of their own.".to_owned(),
            ),
            (
                A::BreakGlass,
                "Ana opened your record in a medical emergency, without asking you first.".to_owned(),
            ),
            (A::Command, format!("Ana ran a command on {both}.")),
        ] {
            assert_eq!(text(action, D::Permitted, &ana), expected);
        }
        let both = "your check-ins and days without use, 4 times";
        for (action, expected) in [
            (A::Read, format!("You looked at {both}.")),
            (A::Insight, format!("You looked at {both}.")),
            (A::Report, format!("You opened {both}.")),
            (A::Write, format!("You wrote to {both}.")),
            (A::Consent, format!("You decided about {both}.")),
            (A::Proposal, format!("You worked on {both}.")),
            (A::Encouragement, format!("You opened {both}.")),
            (A::Commitment, format!("You opened {both}.")),
            (A::SignOff, format!("You signed off {both}.")),
            (A::BreakGlass, format!("You looked into {both}.")),
            (A::Command, format!("You changed {both}.")),
        ] {
            assert_eq!(text(action, D::Own, &Who::You), expected);
        }
        for action in A::ALL {
            assert_eq!(
                text(*action, D::Denied, &Who::OfRole(Role::Clinician)),
                "A clinician asked for your check-ins and days without use. Nothing was shown."
            );
        }
    }

    #[test]
    fn a_sentence_has_a_code_and_its_values() {
        let access = access(
            AccessAction::Read,
            AccessDecision::Permitted,
            vec![Subject::records(Kind::Goal, Some(DataClass::Goals), 1)],
        );
        let sentence = sentence(&access, &Who::OfRole(Role::Supporter));
        assert_eq!(sentence.code, "permitted.read");
        assert_eq!(sentence.params.who, "A supporter");
        assert_eq!(sentence.params.what, "your goals (1)");
    }

    #[test]
    fn a_sentence_stays_short_and_never_ends_in_nothing() {
        let all = What::all().map(|what| Subject {
            what,
            class: None,
            count: 1,
        });
        let long = access(AccessAction::Read, AccessDecision::Permitted, all.collect());
        let text = sentence(&long, &Who::Service).text;
        assert!(text.len() < 300 && text.ends_with("and more."), "{text}");
        let none = access(AccessAction::Command, AccessDecision::Permitted, Vec::new());
        assert_eq!(
            sentence(&none, &Who::Service).text,
            "The people who run this service ran a command on your record."
        );
    }

    #[test]
    fn a_name_cannot_be_read_as_a_part_of_the_sentence() {
        for (name, expected) in [
            ("Ana", "Ana"),
            ("Mary-Ann O'Neil", "Mary-Ann O'Neil"),
            ("You", "\u{201c}You\u{201d}"),
            (
                "the people who run this service",
                "\u{201c}the people who run this service\u{201d}",
            ),
            (
                "Dr. X looked at nothing. You",
                "\u{201c}Dr. X looked at nothing. You\u{201d}",
            ),
            ("A\u{202e}na\n", "Ana"),
            ("X\u{201d} left. \u{201c}Y", "\u{201c}X\" left. \"Y\u{201d}"),
        ] {
            assert_eq!(Who::Named(name.to_owned()).words(), expected);
        }
    }
}
