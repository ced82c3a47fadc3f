//! Reads the members of an entry, and names what is wrong with them.

use serde_json::{Map, Value};

use super::Remark;
use crate::{
    reference::plain_text::{self, from_html, from_html_address, in_one_line, is_visible},
    value::validation::{Finding, FindingCode, pointer_segment},
};

/// An entry, and what was found in it.
pub(super) struct EntryReader<'a> {
    n: usize,
    pub members: Option<&'a Map<String, Value>>,
    pub remarks: Vec<Remark>,
    /// The number of texts from which markup, character references or control characters were taken out.
    pub cleaned: usize,
}

impl<'a> EntryReader<'a> {
    pub fn new(n: usize, entry: &'a Value) -> Self {
        Self {
            n,
            members: entry.as_object(),
            remarks: Vec::new(),
            cleaned: 0,
        }
    }

    fn add(&mut self, member: &str, code: FindingCode, message: &str, left_out: bool) {
        let pointer = if member.is_empty() {
            format!("/{}", self.n)
        } else {
            format!("/{}/{}", self.n, pointer_segment(member))
        };
        self.remarks.push(Remark {
            finding: Finding {
                pointer,
                code,
                message: message.to_owned(),
            },
            left_out,
        });
    }

    /// Adds a fault for which the whole entry is skipped.
    pub fn fault(&mut self, member: &str, code: FindingCode, message: &str) {
        self.add(member, code, message, true);
    }

    /// Adds a fault for which only the member is skipped or cut.
    pub fn remark(&mut self, member: &str, code: FindingCode, message: &str) {
        self.add(member, code, message, false);
    }

    /// Returns a member that is neither null nor blank.
    pub fn value(&self, member: &str) -> Option<&'a Value> {
        self.members?
            .get(member)
            .filter(|value| !value.is_null() && value.as_str().is_none_or(|text| !text.trim().is_empty()))
    }

    /// Reads a text as plain text in one line, or a number as text.
    pub fn text(&mut self, member: &str, longest: usize) -> Option<String> {
        let text = in_one_line(&self.plain(member)?);
        self.checked(text, member, longest)
    }

    /// Reads a text as plain text that may have several lines.
    pub fn notes(&mut self, member: &str, longest: usize) -> Option<String> {
        let text = self.plain(member)?;
        self.checked(text, member, longest)
    }

    fn plain(&mut self, member: &str) -> Option<String> {
        match self.value(member)? {
            Value::String(text) => Some(self.clean(text)),
            Value::Number(number) => Some(number.to_string()),
            _ => {
                self.remark(member, FindingCode::Type, "must be text");
                None
            }
        }
    }

    /// Makes plain text of a text of the feed.
    pub fn clean(&mut self, text: &str) -> String {
        if plain_text::has_markup(text) || plain_text::without_controls(text) != text {
            self.cleaned += 1;
        }
        from_html(text)
    }

    fn checked(&mut self, text: String, member: &str, longest: usize) -> Option<String> {
        if !is_visible(&text) {
            self.remark(member, FindingCode::Format, "has nothing that can be seen");
            return None;
        }
        if text.chars().count() > longest {
            let message = format!("was cut to {longest} characters");
            self.remark(member, FindingCode::Length, &message);
            return Some(text.chars().take(longest).collect());
        }
        Some(text)
    }

    /// Reads a text without which the entry is skipped.
    pub fn needed(&mut self, member: &str, longest: usize) -> Option<String> {
        let read = match self.value(member) {
            Some(Value::String(_) | Value::Number(_)) => self.text(member, longest),
            _ => None,
        };
        if read.is_none() {
            self.fault(
                member,
                FindingCode::Required,
                "must be given as text that can be seen",
            );
        }
        read
    }

    /// Reads the address of a web page. One that is too long is of no use when it is cut.
    pub fn web_address(&mut self, member: &str) -> Option<String> {
        let Value::String(text) = self.value(member)? else {
            self.remark(member, FindingCode::Type, "must be text");
            return None;
        };
        let text = from_html_address(text);
        let lower = text.to_ascii_lowercase();
        if text.chars().count() > 1000 {
            self.remark(member, FindingCode::Length, "must have at most 1000 characters");
        } else if !(lower.starts_with("https://") || lower.starts_with("http://"))
            || text.chars().any(|c| c.is_whitespace() || c.is_control())
        {
            let message = "must be an address that begins with https:// or http:// and has no spaces";
            self.remark(member, FindingCode::Format, message);
        } else {
            return Some(text);
        }
        None
    }
}
