//! Programs that the examples start: whether they are here, and which packages of Debian bring them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use agendum_adapters::exec;
use clap::ValueEnum;
use tokio::process::Command;

/// How long a program may take to say its version, or what it knows.
const ANSWER: Duration = Duration::from_secs(10);

/// An example that starts programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Example {
    CodeReview,
    Media,
}

/// What shows that something is here.
enum Sign {
    /// It is on the PATH; with these arguments it says its version.
    Program(&'static [&'static str]),
    /// A program names this word among what it knows.
    Listed(&'static [&'static str], &'static str),
    /// One of these files exists.
    File(&'static [&'static str]),
}

struct Need {
    what: &'static str,
    package: &'static str,
    sign: Sign,
}

const fn need(what: &'static str, package: &'static str, sign: Sign) -> Need {
    Need { what, package, sign }
}

const CODE_REVIEW: [Need; 2] =
    [need("git", "git", Sign::Program(&["--version"])), need("cargo", "cargo", Sign::Program(&["--version"]))];

const MEDIA: [Need; 15] = [
    need("flite", "flite", Sign::Program(&["--version"])),
    need("sox", "sox", Sign::Program(&["--version"])),
    need("pocketsphinx_continuous", "pocketsphinx", Sign::Program(&[])),
    need("model en-us", "pocketsphinx-en-us", Sign::File(&EN_US)),
    need("wdiff", "wdiff", Sign::Program(&["--version"])),
    need("apertium", "apertium", Sign::Program(&["-V"])),
    need("dictionary eng-spa", "apertium-eng-spa", Sign::Listed(&["apertium", "-l"], "eng-spa")),
    need("povray", "povray", Sign::Program(&["--version"])),
    need("tesseract", "tesseract-ocr", Sign::Program(&["--version"])),
    need("letters eng", "tesseract-ocr-eng", Sign::Listed(&["tesseract", "--list-langs"], "eng")),
    need("convert", "imagemagick", Sign::Program(&["-version"])),
    // Another program may have that name.
    need("ImageMagick", "imagemagick", Sign::Listed(&["convert", "-version"], "Version:")),
    need("font DejaVu-Sans", "fonts-dejavu-core", Sign::Listed(&["convert", "-list", "font"], "DejaVu-Sans")),
    need("tee", "coreutils", Sign::Program(&["--version"])),
    need("realpath", "coreutils", Sign::Program(&["--version"])),
];

/// The acoustic model, where Debian and where a build from source put it.
const EN_US: [&str; 2] =
    ["/usr/share/pocketsphinx/model/en-us/en-us/mdef", "/usr/local/share/pocketsphinx/model/en-us/en-us/mdef"];

/// What was looked for, and what was found.
pub(crate) struct Found {
    pub(crate) what: &'static str,
    pub(crate) package: &'static str,
    /// Where it is, or who knows it; `None` if it is missing.
    pub(crate) place: Option<String>,
    pub(crate) version: Option<String>,
}

impl Example {
    /// The one with this name of a graph.
    pub(crate) fn named(graph: &str) -> Option<Self> {
        Self::value_variants().iter().copied().find(|example| example.name() == graph)
    }

    /// The name of its graph and of its folder.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CodeReview => "code-review",
            Self::Media => "media",
        }
    }

    const fn needs(self) -> &'static [Need] {
        match self {
            Self::CodeReview => &CODE_REVIEW,
            Self::Media => &MEDIA,
        }
    }

    /// True if a program that it starts is not on the PATH.
    pub(crate) fn lacks_a_program(self) -> bool {
        self.needs().iter().any(|need| matches!(need.sign, Sign::Program(_)) && on_path(need.what).is_none())
    }

    /// Looks for everything that it needs.
    pub(crate) async fn look(self) -> Vec<Found> {
        let mut all = Vec::new();
        for need in self.needs() {
            let (place, version) = need.look().await;
            all.push(Found { what: need.what, package: need.package, place, version });
        }
        all
    }
}

impl Need {
    async fn look(&self) -> (Option<String>, Option<String>) {
        match self.sign {
            Sign::Program(asking) => {
                let place = on_path(self.what);
                let version = match &place {
                    Some(_) if !asking.is_empty() => said(self.what, asking).await.and_then(|text| version(&text)),
                    _ => None,
                };
                (place.map(|place| place.display().to_string()), version)
            }
            Sign::Listed(command, name) => {
                let known = said(command[0], &command[1..]).await.unwrap_or_default();
                let listed = known.split_whitespace().any(|word| word == name);
                (listed.then(|| format!("known to {}", command[0])), None)
            }
            Sign::File(places) => {
                (places.iter().find(|place| Path::new(place).exists()).map(|&place| place.to_owned()), None)
            }
        }
    }
}

/// One line for `apt-get` that brings what is missing; `None` if nothing is.
pub(crate) fn install(found: &[Found]) -> Option<String> {
    let mut packages: Vec<&str> = found.iter().filter(|one| one.place.is_none()).map(|one| one.package).collect();
    packages.dedup();
    (!packages.is_empty()).then(|| format!("apt-get install {}", packages.join(" ")))
}

/// By its name alone: the folder counts for paths only.
fn on_path(program: &str) -> Option<PathBuf> {
    exec::find(program, Path::new("."))
}

async fn said(program: &str, asking: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(asking).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(ANSWER, command.output()).await.ok()?.ok()?;
    Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// The first word with a number of several parts, without what stands around it: `flite-2.2-current` says 2.2.
fn version(text: &str) -> Option<String> {
    text.split_whitespace().filter(|word| !word.contains('/')).find_map(|word| {
        let from = word.trim_start_matches(|character: char| !character.is_ascii_digit());
        let end = from.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(from.len());
        let number = from[..end].trim_end_matches('.');
        number.contains('.').then(|| number.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::{Example, Found, install, version};

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (said, expected) in [
            ("git version 2.39.5", "2.39.5"),
            ("  version: flite-2.2-current Sep 2018 (http://cmuflite.org)", "2.2"),
            ("sox:      SoX v14.4.2", "14.4.2"),
            ("povray: cannot open /root/.povray/3.7/povray.conf: gone\nPOV-Ray 3.7.0.10.unofficial", "3.7.0.10"),
            ("Version: ImageMagick 6.9.11-60 Q16", "6.9.11"),
            ("no number, 7 words", ""),
        ] {
            assert_eq!(version(said).unwrap_or_default(), expected, "{said}");
        }
    }

    #[test]
    fn what_is_missing_is_one_command() {
        let found = |what, package, place: Option<&str>| Found {
            what,
            package,
            place: place.map(str::to_owned),
            version: None,
        };
        let mut all = vec![found("flite", "flite", Some("/usr/bin/flite")), found("sox", "sox", None)];
        all.extend([found("tee", "coreutils", None), found("realpath", "coreutils", None)]);
        assert_eq!(install(&all).as_deref(), Some("apt-get install sox coreutils"));
        assert_eq!(install(&all[..1]), None);
    }

    #[test]
    fn every_program_of_the_media_example_is_looked_for() {
        let text = include_str!("../../../examples/media/agendum.toml");
        let config: toml::Table = toml::from_str(text).expect("it is TOML");
        let allowed = config["targets"]["studio"]["allow"].as_array().expect("a list");
        for program in allowed.iter().filter_map(toml::Value::as_str) {
            assert!(Example::Media.needs().iter().any(|need| need.what == program), "{program}");
        }
        assert_eq!(Example::named("media"), Some(Example::Media));
    }
}
