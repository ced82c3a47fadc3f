//! Tables as CSV (RFC 4180) that no spreadsheet takes for formulas.

/// A table with a head.
pub struct Table {
    columns: usize,
    text: String,
}

impl Table {
    /// Begins a table.
    pub fn new(columns: &[&str]) -> Self {
        let mut table = Self {
            columns: columns.len(),
            text: String::new(),
        };
        table.row(columns);
        table
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) {
        for (n, text) in cells.into_iter().enumerate() {
            if n > 0 {
                self.text.push(',');
            }
            cell(text.as_ref(), &mut self.text);
        }
        self.text.push_str("\r\n");
    }

    /// Ends the table with a row that holds a notice.
    pub fn text(mut self, notice: &str) -> String {
        let mut cells = vec![""; self.columns];
        if let Some(first) = cells.first_mut() {
            *first = notice;
        }
        self.row(cells);
        self.text
    }
}

/// Writes a cell in quotes. One that a spreadsheet would take for a formula gets an apostrophe before it.
fn cell(text: &str, out: &mut String) {
    out.push('"');
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        out.push('\'');
    }
    for c in text.chars() {
        match c {
            '"' => out.push_str("\"\""),
            // A line break inside a cell breaks many readers.
            '\r' | '\n' => out.push(' '),
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formula_is_left() {
        let mut table = Table::new(&["a", "b"]);
        table.row(["say \"hi\", now", "two\r\nlines"]);
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"] {
            table.row([formula, "plain - text"]);
        }
        let text = table.text("The notice.");
        assert_eq!(
            text,
            "\"a\",\"b\"\r\n\"say \"\"hi\"\", now\",\"two  lines\"\r\n\"'=1+1\",\"plain - text\"\r\n\"'+1\",\"plain - text\"\r\n\
             \"'-1\",\"plain - text\"\r\n\"'@SUM(A1)\",\"plain - text\"\r\n\"'\t=1\",\"plain - text\"\r\n\"The notice.\",\"\"\r\n"
        );
    }
}
