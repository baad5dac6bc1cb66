//! A table that is printed row by row, as results come in.

/// Widths of the columns; the first is for names, the others for numbers.
pub struct Table {
    widths: Vec<usize>,
}

impl Table {
    /// Prints the head. No name may be longer than `name_width`.
    pub fn start(name_width: usize, titles: &[&str]) -> Table {
        let first = titles.first().map_or(0, |title| title.len().max(name_width));
        let numbers = titles.iter().skip(1).map(|title| title.chars().count().max(8));
        let table = Table { widths: std::iter::once(first).chain(numbers).collect() };
        table.row(&titles.iter().map(|title| (*title).to_string()).collect::<Vec<_>>());
        table.line();
        table
    }

    /// Prints a row.
    pub fn row(&self, cells: &[String]) {
        let mut text = String::new();
        for (index, (cell, &width)) in cells.iter().zip(&self.widths).enumerate() {
            if index == 0 {
                text += &format!("{cell:<width$}");
            } else {
                text += &format!("  {cell:>width$}");
            }
        }
        println!("{}", text.trim_end());
    }

    /// Prints a line across.
    pub fn line(&self) {
        println!("{}", "-".repeat(self.widths.iter().sum::<usize>() + 2 * (self.widths.len() - 1)));
    }
}
