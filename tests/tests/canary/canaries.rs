//! Texts that occur nowhere else, and the answers to what holds them.

use mainstay_tests::{Answer, ninety_days::random::Random};
use serde_json::Value;

/// Texts that occur nowhere else.
pub struct Canaries {
    random: Random,
    /// What the record and the account hold.
    pub written: Vec<String>,
    /// What the server must take in, and never give back: passwords, tokens.
    pub secret: Vec<String>,
    /// Values that were refused.
    pub refused: Vec<String>,
    /// Names of unknown fields and parameters, and parts of paths: an error may name them, nothing else may.
    pub named: Vec<String>,
    /// Dates and times of the record.
    pub dates: Vec<String>,
}

impl Canaries {
    /// None yet.
    pub const fn new() -> Self {
        let random = Random::new(0x00ca_4a41);
        Self { random, written: vec![], secret: vec![], refused: vec![], named: vec![], dates: vec![] }
    }

    fn next(&mut self, list: fn(&mut Self) -> &mut Vec<String>) -> String {
        let number = self.random.number();
        let canary = format!("kanarie-{}-{number:016x}", list(self).len());
        list(self).push(canary.clone());
        canary
    }

    /// Text for a field of the record or the account.
    pub fn text(&mut self) -> String {
        self.next(|all| &mut all.written)
    }

    /// An address whose local part is a canary.
    pub fn email(&mut self) -> String {
        format!("{}@example.org", self.text())
    }

    /// A phone number.
    pub fn phone(&mut self) -> String {
        let digits = self.random.between(100_000_000_000_000, 999_999_999_999_999).to_string();
        self.written.push(digits.clone());
        format!("+{digits}")
    }

    /// A password.
    pub fn secret(&mut self) -> String {
        self.next(|all| &mut all.secret)
    }

    /// A value that is refused.
    pub fn bad(&mut self) -> String {
        self.next(|all| &mut all.refused)
    }

    /// A name of something that is not there.
    pub fn name(&mut self) -> String {
        self.next(|all| &mut all.named)
    }

    /// A date of the record that stands in no clear column.
    pub fn date(&mut self) -> String {
        let date = format!("2025-{:02}-{:02}", 1 + self.dates.len() / 9, 1 + 3 * (self.dates.len() % 9));
        self.dates.push(date.clone());
        date
    }

    /// A moment late in the evening. The instant orders its list and stands in clear by design, in UTC, where it is
    /// already the next date; the person's own date and offset must not be there.
    pub fn moment(&mut self) -> String {
        format!("{}T22:41:07.123-05:00", self.date())
    }
}

/// What the server answered.
#[derive(Default)]
pub struct Seen {
    /// What was stored, and read back.
    pub good: String,
    /// Requests that were refused, with the answers.
    pub problems: Vec<(String, String)>,
}

impl Seen {
    /// Keeps an answer that gives what was asked for.
    pub fn good(&mut self, answer: Answer) -> Value {
        assert!((200..300).contains(&answer.status), "{}", answer.text);
        self.good.push_str(&answer.text);
        answer.body
    }

    /// Keeps an answer that refuses.
    pub fn problem(&mut self, request: &str, answer: &Answer) {
        assert!((400..500).contains(&answer.status), "{request}: {} {}", answer.status, answer.text);
        self.problems.push((request.to_owned(), format!("{:?} {}", answer.headers, answer.text)));
    }
}
