//! What the proxy logs, for tests of lines that operators rely on. All tests of the process share it, so lines are found
//! by something unique in them. And in every line of every test, at every level, of whatever library: no token.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Write as _},
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::watch;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, filter::filter_fn, layer::Context, prelude::*};

use super::{secrecy, soon};

/// One line: its fields as text, the text of the event under `message`.
pub(crate) type Line = BTreeMap<String, String>;

static LINES: LazyLock<watch::Sender<Vec<Line>>> = LazyLock::new(|| watch::Sender::new(Vec::new()));

static INSTALLED: LazyLock<()> = LazyLock::new(|| {
    let ours = filter_fn(|meta| *meta.level() <= Level::INFO && meta.target().starts_with("cognito_auth_proxy"));
    tracing_subscriber::registry().with(Recorder.with_filter(ours)).with(Watch).init();
});

static RECORDING: AtomicBool = AtomicBool::new(false);

/// Begins to watch for tokens.
pub(crate) fn watch() {
    LazyLock::force(&INSTALLED);
}

/// Begins to record. Call it before the proxy starts.
pub(crate) fn record() {
    RECORDING.store(true, Ordering::Relaxed);
    watch();
}

/// Waits for the line that fits.
pub(crate) async fn line(what: &str, fits: impl Fn(&Line) -> bool) -> Line {
    let mut lines = LINES.subscribe();
    let lines = soon(what, lines.wait_for(|lines| lines.iter().any(&fits))).await.unwrap();
    lines.iter().find(|line| fits(line)).unwrap().clone()
}

/// How many lines so far fit.
pub(crate) fn count(fits: impl Fn(&Line) -> bool) -> usize {
    LINES.borrow().iter().filter(|line| fits(line)).count()
}

/// Waits for the access line of a request.
pub(crate) async fn access(request_id: &str) -> Line {
    line("the access line", |line| {
        line["message"] == "request" && line.get("request_id").is_some_and(|id| id == request_id)
    })
    .await
}

struct Recorder;

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if !RECORDING.load(Ordering::Relaxed) {
            return;
        }
        let mut line = Fields::default();
        event.record(&mut line);
        LINES.send_modify(|lines| lines.push(line.0));
    }
}

/// Ends the whole run where a line tells a token: it is logged in some task, whose panic no test would see.
struct Watch;

impl<S: Subscriber> Layer<S> for Watch {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Fields::default();
        event.record(&mut line);
        if let Some(found) = line.0.values().find_map(|value| secrecy::tells(value)) {
            // Not `eprintln`, which is shown only with the verdict of its test.
            let _unheard = writeln!(io::stderr(), "a line of {} tells a secret: {found}…", event.metadata().target());
            std::process::exit(101);
        }
    }
}

#[derive(Default)]
struct Fields(Line);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}
