//! The commands that import reference data. Nothing is passed over in silence: what was not understood, left out or taken
//! otherwise is in the report.

mod json_file;
mod meetings;
mod questionnaires;

use std::{fmt::Write, process::ExitCode};

use mainstay_domain::value::validation::Finding;

pub use self::{
    meetings::{MeetingsCommand, MeetingsImport, meetings},
    questionnaires::{QuestionnairesCommand, QuestionnairesImport, questionnaires},
};

/// The exit code of an import that left an entry out.
pub const PARTIAL_IMPORT: u8 = 2;

/// The outcome of an import, to be printed.
#[derive(Debug)]
pub struct Report {
    /// The lines to print.
    pub text: String,
    /// Whether an entry was left out.
    pub is_partial: bool,
}

impl Report {
    /// Returns the exit code, which says whether an entry was left out.
    pub fn exit_code(&self) -> ExitCode {
        if self.is_partial {
            ExitCode::from(PARTIAL_IMPORT)
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// Formats a finding as a line.
fn finding_line(finding: &Finding) -> String {
    printable(&format!(
        "  {}: {} ({})",
        finding.pointer, finding.message, finding.code
    )) + "\n"
}

/// Formats findings as lines under a heading; nothing if there are none.
fn finding_lines(heading: &str, findings: &[Finding]) -> String {
    let lines: String = findings.iter().map(finding_line).collect();
    if lines.is_empty() {
        lines
    } else {
        format!("{heading}:\n{lines}")
    }
}

/// Makes one line of a text that holds words of a file: control characters, with which a file could write anything
/// on a terminal, are shown as escapes.
fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            // Writing to a text cannot fail.
            let _ = write!(line, "{}", c.escape_unicode());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_cannot_write_to_the_terminal() {
        assert_eq!(
            printable("red\u{1b}[31m\u{7}\r\n\u{202e}end \u{e4}"),
            "red\\u{1b}[31m\\u{7}\\u{d}\\u{a}\\u{202e}end \u{e4}"
        );
    }
}
