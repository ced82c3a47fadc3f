//! Canaries: texts that occur nowhere else, and the responses to requests that contain them.

use mainstay_tests::{Response, ninety_days::random::Random};
use serde_json::Value;

/// The canaries of a test, by the way they are used.
pub struct Canaries {
    random: Random,
    /// Texts of the record and the account.
    pub written: Vec<String>,
    /// Passwords and tokens, which the server must never send back.
    pub secret: Vec<String>,
    /// Values that were refused.
    pub refused: Vec<String>,
    /// Names of unknown fields and parameters, and parts of paths. Only an error may contain them.
    pub named: Vec<String>,
    /// Dates and times of the record.
    pub dates: Vec<String>,
}

impl Canaries {
    /// Creates an empty set.
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

    /// A name of something that does not exist.
    pub fn name(&mut self) -> String {
        self.next(|all| &mut all.named)
    }

    /// A date of the record that is in no clear column.
    pub fn date(&mut self) -> String {
        let date = format!("2025-{:02}-{:02}", 1 + self.dates.len() / 9, 1 + 3 * (self.dates.len() % 9));
        self.dates.push(date.clone());
        date
    }

    /// A time late in the evening. The instant is stored in clear by design, because it orders lists. In UTC it is already
    /// the next date, so the date and offset of the person must not be found.
    pub fn moment(&mut self) -> String {
        format!("{}T22:41:07.123-05:00", self.date())
    }
}

/// The responses of the server.
#[derive(Default)]
pub struct Responses {
    /// The bodies of successful responses.
    pub successful: String,
    /// The refused requests with their responses.
    pub problems: Vec<(String, String)>,
}

impl Responses {
    /// Adds a successful response and returns its body.
    pub fn add_success(&mut self, response: Response) -> Value {
        assert!((200..300).contains(&response.status), "{}", response.text);
        self.successful.push_str(&response.text);
        response.body
    }

    /// Adds a response with a problem.
    pub fn add_problem(&mut self, request: &str, response: &Response) {
        assert!((400..500).contains(&response.status), "{request}: {} {}", response.status, response.text);
        self.problems.push((request.to_owned(), format!("{:?} {}", response.headers, response.text)));
    }
}
