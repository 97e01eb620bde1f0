//! Figures with their spread, and the Markdown table they end in.

use std::fmt;

use super::contenders::Contender;

/// What was measured of one thing in each round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series(Vec<f64>);

impl Series {
    pub(crate) fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// Of each round with the same round of another.
    pub(crate) fn with(&self, other: &Self, combine: impl Fn(f64, f64) -> f64) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(own, other)| combine(*own, *other)).collect())
    }

    /// Of each round the quotient by the same round of another.
    pub(crate) fn over(&self, other: &Self) -> Self {
        self.with(other, |own, other| own / other)
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

impl FromIterator<f64> for Series {
    fn from_iter<T: IntoIterator<Item = f64>>(figures: T) -> Self {
        Self(figures.into_iter().collect())
    }
}

impl From<f64> for Series {
    fn from(figure: f64) -> Self {
        Self(vec![figure])
    }
}

impl fmt::Display for Series {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sorted = self.sorted();
        let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else { return Ok(()) };
        let (low, high) = (sorted.get((sorted.len() - 1) / 2), sorted.get(sorted.len() / 2));
        let median = low.zip(high).map_or(0.0, |(low, high)| (low + high) / 2.0);
        // Three digits say what such a figure can know.
        let digits = match median.abs() {
            0.0..10.0 => 2,
            10.0..100.0 => 1,
            _ => 0,
        };
        write!(formatter, "{median:.digits$}")?;
        if sorted.len() > 1 {
            write!(formatter, " ({least:.digits$}..{most:.digits$})")?;
        }
        Ok(())
    }
}

/// What a figure is held against in the same round.
#[derive(Debug, Clone, Default)]
pub(crate) enum Beside {
    #[default]
    Nobody,
    /// The quotient by plain nginx's.
    Nginx(Series),
    /// What it has more than the application without a proxy.
    Direct(Series),
    /// The quotient by what the workload names.
    Own(Series),
}

/// One line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// What was done.
    pub(crate) workload: String,
    /// Who did it.
    pub(crate) contender: Contender,
    pub(crate) figure: Series,
    pub(crate) unit: &'static str,
    pub(crate) beside: Beside,
    /// What ours should reach.
    pub(crate) target: &'static str,
}

/// All lines so far.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Line>);

impl Table {
    /// Adds a line, and shows it while the rest is being measured.
    pub(crate) fn push(&mut self, line: Line) {
        eprintln!("  {line}");
        self.0.push(line);
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { workload, contender, figure, unit, beside, target } = self;
        let beside = match beside {
            Beside::Nobody => String::new(),
            Beside::Nginx(_) if *contender == Contender::Nginx => String::new(),
            Beside::Nginx(ratio) => format!("{ratio} × nginx"),
            Beside::Direct(above) => format!("{above} {unit} above direct"),
            Beside::Own(ratio) => format!("{ratio} ×"),
        };
        write!(formatter, "| {workload} | {} | {figure} {unit} | {beside} | {target} |", contender.name())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "| workload | contender | measured | in the same round | target |")?;
        writeln!(formatter, "| --- | --- | --- | --- | --- |")?;
        self.0.iter().try_for_each(|line| writeln!(formatter, "{line}"))
    }
}
