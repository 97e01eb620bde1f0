//! The two forms in which Prometheus reads metrics, and which one somebody asked for.

/// A form of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The older one, which every tool reads.
    Classic,
    /// `OpenMetrics`, which Prometheus asks for.
    OpenMetrics,
}

impl Form {
    /// What to answer to this `Accept`: `OpenMetrics` where it is named, and the older form to whoever does not know it.
    #[must_use]
    pub fn wanted_by(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Classic }
    }

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// A text of `OpenMetrics` in this form.
    #[must_use]
    pub fn of(self, open_metrics: String) -> String {
        match self {
            Self::Classic => classic(&open_metrics),
            Self::OpenMetrics => open_metrics,
        }
    }
}

/// In the older form the name of a counter's family ends in `_total`, as those of its samples do in both, and there is
/// no word at the end.
fn classic(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut lines = open_metrics.lines().peekable();
    while let Some(line) = lines.next() {
        let counter = |described: &&str| described.starts_with("# TYPE ") && described.ends_with(" counter");
        if line == "# EOF" {
            break;
        }
        if let (Some(rest), true) = (line.strip_prefix("# HELP "), lines.peek().is_some_and(counter)) {
            let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
            text.push_str(&format!("# HELP {name}_total {help}"));
        } else if counter(&line) {
            text.push_str(&line.replace(" counter", "_total counter"));
        } else {
            text.push_str(line);
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_form_calls_a_counter_by_the_name_of_its_samples() {
        let open_metrics =
            "# HELP a The a.\n# TYPE a counter\na_total{x=\"1\"} 2\n# HELP b The b.\n# TYPE b gauge\nb 3\n# EOF\n";
        let expected =
            "# HELP a_total The a.\n# TYPE a_total counter\na_total{x=\"1\"} 2\n# HELP b The b.\n# TYPE b gauge\nb 3\n";
        assert_eq!(Form::Classic.of(open_metrics.to_owned()), expected);
        assert_eq!(Form::OpenMetrics.of(open_metrics.to_owned()), open_metrics);
    }

    #[test]
    fn prometheus_gets_what_it_asks_for_and_everybody_else_what_they_can_read() {
        let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Form::wanted_by(prometheus), Form::OpenMetrics);
        for other in ["", "*/*", "text/plain;version=0.0.4", "text/html,application/xhtml+xml"] {
            assert_eq!(Form::wanted_by(other), Form::Classic, "{other}");
        }
    }
}
