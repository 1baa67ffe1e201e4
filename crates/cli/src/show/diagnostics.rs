//! What a server says of a text that was sent to it, in that text.

use std::fmt;
use std::io::Write as _;

use miette::{LabeledSpan, NamedSource, SourceCode};
use serde_json::Value as Json;

/// One thing that is said of a text.
#[derive(Debug)]
struct Said {
    said: Json,
    source: NamedSource<String>,
}

/// All of them with snippets.
pub(crate) fn diagnostics(name: &str, text: &str, said: &[Json]) -> std::io::Result<()> {
    let mut err = anstream::stderr();
    for one in said {
        let source = NamedSource::new(name, text.to_owned());
        writeln!(err, "{:?}", miette::Report::new(Said { said: one.clone(), source }))?;
    }
    Ok(())
}

/// One in a line, where the text is not at hand.
pub(crate) fn diagnostic(said: &Json) -> String {
    let text = |key: &str| said[key].as_str().unwrap_or_default();
    let help = if text("help").is_empty() { String::new() } else { format!(" ({})", text("help")) };
    format!("{}:{}: {}{help}", said["line"], said["column"], text("message"))
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.said["message"].as_str().unwrap_or_default())
    }
}

impl std::error::Error for Said {}

impl miette::Diagnostic for Said {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.said["code"].as_str().map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(if self.said["severity"] == "warning" { miette::Severity::Warning } else { miette::Severity::Error })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.said["help"].as_str().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let number = |key: &str| self.said[key].as_u64().and_then(|number| usize::try_from(number).ok());
        let (offset, length) = (number("offset")?, number("length")?.max(1));
        Some(Box::new(std::iter::once(LabeledSpan::underline(offset..offset + length))))
    }
}
