//! The result, for people.

use super::configuration::Configuration;
use super::known;
use super::report::{Column, Difference, Report, differences};

/// What came of one configuration.
#[derive(Debug)]
pub struct Row {
    pub configuration: Configuration,
    pub differences: Vec<Difference>,
    /// What the programs said that prepared no root.
    pub refusals: Vec<String>,
}

/// Of the first column.
const NAME: usize = 52;

pub fn head() -> String {
    line("configuration", |column| column.word().to_string())
}

fn line(name: &str, cell: impl Fn(Column) -> String) -> String {
    let line = Column::ALL.into_iter().fold(format!("{name:<NAME$}"), |line, column| line + &format!("{:<12}", cell(column)));
    line.trim_end().to_string()
}

impl Row {
    pub fn of(configuration: Configuration, theirs: &Report, ours: &Report) -> Self {
        let refusals = [theirs.refusal(), ours.refusal()].into_iter().flatten().collect();
        Self { configuration, differences: differences(theirs, ours), refusals }
    }

    /// `same`, or how many lines differ; with a star where all of them are known.
    pub fn line(&self) -> String {
        let star = if self.is_as_documented() { "*" } else { "" };
        let cell = |column: &Column| match self.in_column(*column).count() {
            0 if self.both_refuse() => if *column == Column::Exit { "both refuse" } else { "-" }.to_string(),
            0 => "same".to_string(),
            number => format!("{number}{star}"),
        };
        line(&self.configuration.name(), |column| cell(&column))
    }

    pub fn is_as_documented(&self) -> bool {
        self.both_refuse() || known::covers(&self.configuration, &self.differences)
    }

    fn both_refuse(&self) -> bool {
        self.refusals.len() == 2
    }

    fn in_column(&self, column: Column) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(move |difference| difference.column == column)
    }
}

/// Every difference, and why it is there where that is known. A known one that does not show is told, too.
pub fn details(rows: &[Row]) -> Vec<String> {
    let mut lines = Vec::new();
    for row in rows {
        let known: Vec<_> = known::of(&row.configuration).filter(|_| !row.both_refuse()).collect();
        if row.differences.is_empty() && known.is_empty() && row.refusals.is_empty() {
            continue;
        }
        let sign = if row.is_as_documented() { "" } else { ": NOT AS DOCUMENTED" };
        lines.push(format!("\n{}{sign}", row.configuration.name()));
        lines.extend(row.refusals.iter().map(|said| format!("  refused     {said}")));
        lines.extend(known.iter().map(|known| format!("  * {}", known.text)));
        lines.extend(row.differences.iter().map(|difference| format!("  {:<12}{}", difference.column.word(), difference.line)));
    }
    if !lines.is_empty() {
        lines.insert(0, "\n- the original's alone   + bedplate's alone   * as the README says".to_string());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::configuration::Feature;
    use super::*;

    fn row(features: &[Feature], differences: &[(Column, &str)]) -> Row {
        let difference = |(column, line): &(Column, &str)| Difference { column: *column, line: line.to_string() };
        Row {
            configuration: Configuration(features.to_vec()),
            differences: differences.iter().map(difference).collect(),
            refusals: Vec::new(),
        }
    }

    #[test]
    fn one_line_a_configuration() {
        let words = |row: &Row| row.line().split_whitespace().map(str::to_string).collect::<Vec<_>>();
        let same = row(&[], &[]);
        assert_eq!(words(&same), ["defaults", "same", "same", "same", "same", "same", "same", "same"]);
        assert!(same.is_as_documented() && details(&[same]).is_empty());
        let odd = row(&[], &[(Column::Run, "+ x"), (Column::Run, "- y")]);
        assert_eq!(words(&odd), ["defaults", "same", "same", "same", "same", "2", "same", "same"]);
        assert!(!odd.is_as_documented());
        assert_eq!(details(&[odd])[1..], ["\ndefaults: NOT AS DOCUMENTED", "  run         + x", "  run         - y"]);
    }

    #[test]
    fn what_is_known_has_to_show_and_nothing_else() {
        let line = "- /sysroot/usr: ro,relatime super rw";
        assert!(row(&[Feature::Flags], &[(Column::Flags, line)]).is_as_documented());
        assert!(!row(&[Feature::Flags], &[]).is_as_documented());
        assert!(!row(&[Feature::Flags], &[(Column::Flags, line), (Column::Run, line)]).is_as_documented());
        assert!(!row(&[Feature::Flags], &[(Column::Flags, line), (Column::Flags, "- /sysroot: rw")]).is_as_documented());
    }
}
