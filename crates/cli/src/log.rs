//! The log, on stderr. A command in front of somebody has progress there, and sentences: of the log it shows what they must know, as
//! sentences too, and the rest only where `AGENDUM_LOG` asks for it. A server has nothing else to say.

use std::fmt::{self, Debug, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

/// What says how much is logged.
const VARIABLE: &str = "AGENDUM_LOG";
/// Of the warnings those that nothing else tells: of the clock, and of programs that may outlive this one.
const TOLD: &str = "error,agendum_engine::shard::steady=warn,agendum_adapters::exec::guard=warn";

/// Begins it.
pub(crate) fn start(serves: bool) {
    let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    if !serves && std::env::var_os(VARIABLE).is_none() {
        tracing::subscriber::set_global_default(sentences(std::io::stderr)).expect("nobody else has begun it");
        return;
    }
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new("warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    log.without_time().init();
}

fn sentences(to: impl for<'w> MakeWriter<'w> + Send + Sync + 'static) -> impl Subscriber + Send + Sync {
    tracing_subscriber::fmt().with_env_filter(TOLD).with_writer(to).event_format(Sentence).finish()
}

/// An event as a sentence, with what it names behind it.
struct Sentence;

impl<S, N> FormatEvent<S, N> for Sentence
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        writeln!(to, "note: {}{}", said.message, said.named)
    }
}

#[derive(Default)]
struct Said {
    message: String,
    named: String,
}

impl Said {
    fn say(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        // A text takes all that is written to it.
        let _written = match field.name() {
            "message" => self.message.write_fmt(value),
            name => write!(self.named, "; {name}: {value}"),
        };
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.say(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.say(field, format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::sentences;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_what_somebody_must_know_is_told_and_as_a_sentence() {
        let written = Written::default();
        let to = written.clone();
        tracing::subscriber::with_default(sentences(move || to.clone()), || {
            tracing::warn!(target: "agendum_engine::notices::worker", endpoint = "x", "a notice is sent later");
            tracing::warn!(target: "agendum_engine::shard::steady", "the clock was set back by {}: time goes on", "2s");
            tracing::error!(target: "agendum_engine::shard::restore", run = %7, error = "bad", "a run is left out");
        });
        let told = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        insta::assert_snapshot!(told, @"
        note: the clock was set back by 2s: time goes on
        note: a run is left out; run: 7; error: bad
        ");
    }
}
