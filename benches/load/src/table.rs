//! Markdown tables whose columns are aligned.

/// A table with headings.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table without rows.
    pub fn new(headings: &[&str]) -> Self {
        Self {
            rows: vec![headings.iter().map(|&h| h.to_owned()).collect()],
        }
    }

    /// Adds a row.
    pub fn add(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &[String], n: usize| row.get(n).cloned().unwrap_or_default();
        let widths: Vec<usize> = (0..columns)
            .map(|n| {
                let lengths = self.rows.iter().map(|row| cell(row, n).chars().count());
                lengths.max().unwrap_or(0).max(3)
            })
            .collect();
        for (row_number, row) in self.rows.iter().enumerate() {
            for (n, width) in widths.iter().enumerate() {
                write!(f, "| {:<width$} ", cell(row, n))?;
            }
            writeln!(f, "|")?;
            if row_number == 0 {
                for width in &widths {
                    write!(f, "|{}", "-".repeat(width + 2))?;
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["a", "rate"]);
        table.add(["≥ 80 %".to_owned(), "1".to_owned()]);
        let expected = "| a      | rate |\n|--------|------|\n| ≥ 80 % | 1    |\n";
        assert_eq!(table.to_string(), expected);
    }
}
