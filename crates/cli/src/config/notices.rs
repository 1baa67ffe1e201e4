//! `[notices.NAME]`: an endpoint outside that is told what becomes of runs. Only the configuration names addresses: a caller that could
//! would have us call whom it likes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agendum_adapters::Webhook;
use agendum_adapters::courier::{Sign, address};
use agendum_engine::{ENDPOINTS_MAX, Endpoint, GIVE_UP_MAX, Patience};
use agendum_server::Secrets;
use agendum_types::NoticeKind;
use serde::{Deserialize, Deserializer};

use super::Age;
use super::webhooks;
use crate::config::Config;
use crate::failure::Failure;

/// Characters of a name: it stands in addresses and logs.
const NAME_MAX: usize = 64;
/// Names of kinds in an error.
const KINDS: [&str; NoticeKind::ALL.len()] = {
    let (mut words, mut place) = ([""; NoticeKind::ALL.len()], 0);
    while place < words.len() {
        words[place] = NoticeKind::ALL[place].word();
        place += 1;
    }
    words
};

/// `[notices.NAME]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoticesConfig {
    /// Where to.
    url: String,
    /// The environment variable that holds the secret.
    #[serde(default)]
    secret_env: Option<String>,
    /// A file that holds the secret, relative to the configuration.
    #[serde(default)]
    secret_file: Option<PathBuf>,
    /// What is told.
    #[serde(default)]
    on: Option<Vec<Kind>>,
    /// Only of runs of this graph.
    #[serde(default)]
    graph: Option<String>,
    /// Plain http to another machine is allowed.
    #[serde(default)]
    insecure: bool,
    /// For how long a notice is sent again.
    #[serde(default)]
    give_up: Option<Age>,
}

/// A word of `on`.
#[derive(Clone, Copy, Debug)]
struct Kind(NoticeKind);

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        NoticeKind::from_word(&word).map(Self).ok_or_else(|| serde::de::Error::unknown_variant(&word, &KINDS))
    }
}

impl NoticesConfig {
    fn kinds(&self) -> Vec<NoticeKind> {
        self.on.as_ref().map_or_else(|| NoticeKind::DEFAULT.to_vec(), |on| on.iter().map(|Kind(kind)| *kind).collect())
    }

    fn give_up(&self) -> Patience {
        let standard = Patience::default();
        Patience { give_up: self.give_up.map_or(standard.give_up, |age| age.0), ..standard }
    }

    fn secrets(&self, name: &str, folder: &Path) -> Result<Secrets, Failure> {
        let table = format!("[notices.{name}]");
        let read = webhooks::read(&table, self.secret_env.as_deref(), self.secret_file.as_deref(), folder)?;
        read.ok_or_else(|| {
            Failure::usage(format!("{table} has no secret to sign with: secret_file = …")).hint(webhooks::HINT)
        })
    }

    /// As the engine knows it.
    fn endpoint(&self, name: &str, folder: &Path) -> Result<Endpoint, Failure> {
        let url = self.address(name)?;
        let secrets = self.secrets(name, folder)?;
        // Another address, another secret, other notices: another endpoint. It says nothing of what it is made of.
        let mark = secrets.sign("mark", 0, format!("{self:?}").as_bytes());
        let sign: Sign = Arc::new(move |id, seconds, body| secrets.sign(id, seconds, body));
        Ok(Endpoint {
            name: Arc::from(name),
            mark,
            on: self.kinds(),
            graph: self.graph.as_deref().map(Arc::from),
            patience: self.give_up(),
            courier: Arc::new(Webhook::new(url, sign)?),
        })
    }

    fn address(&self, name: &str) -> Result<reqwest::Url, Failure> {
        address(&self.url, self.insecure).map_err(|error| {
            Failure::usage(format!("[notices.{name}]: url {error}"))
                .hint("https://…; http:// for this machine, and with insecure = true for others")
        })
    }

    /// What is wrong with it.
    fn fault(&self, name: &str, folder: &Path) -> Option<Failure> {
        let is_name = |name: &str| {
            (1..=NAME_MAX).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if !is_name(name) {
            let message = format!("[notices.{name:?}] is no name of an endpoint");
            return Some(Failure::usage(message).hint("letters, digits, - and _, 64 at most"));
        }
        if self.kinds().is_empty() {
            let message = format!("[notices.{name}] is told nothing: `on` is empty");
            return Some(Failure::usage(message).hint(format!("on = [\"answered\"]; also {}", KINDS[1..].join(", "))));
        }
        if self.give_up().give_up > GIVE_UP_MAX {
            let message = format!("[notices.{name}]: `give_up` is too long");
            return Some(Failure::usage(message).hint("7d at most"));
        }
        self.address(name).err().or_else(|| self.secrets(name, folder).err())
    }

    /// What `config check` says of it: nothing of its address but the host, for the rest may be a secret.
    fn line(&self) -> String {
        let host = address(&self.url, true).ok().and_then(|url| {
            let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
            Some(format!("{}://{}{port}", url.scheme(), url.host_str()?))
        });
        let kinds: Vec<_> = self.kinds().iter().map(|kind| kind.word()).collect();
        let graph = self.graph.as_ref().map_or_else(String::new, |graph| format!(", of graph {graph}"));
        format!("{} on {}{graph}, for {}", host.unwrap_or_default(), kinds.join(", "), self.give_up().give_up)
    }
}

impl Config {
    /// Whom to tell what becomes of runs.
    pub(crate) fn endpoints(&self) -> Result<Vec<Endpoint>, Failure> {
        self.notices.iter().map(|(name, notices)| notices.endpoint(name, &self.folder)).collect()
    }

    /// One of them.
    pub(crate) fn endpoint(&self, name: &str) -> Result<Endpoint, Failure> {
        let found = self.notices.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.notices.keys().map(String::as_str).collect();
            let hint = if known.is_empty() {
                "docs/configuration.md shows one".to_owned()
            } else {
                format!("there are {}", known.join(", "))
            };
            Failure::usage(format!("the configuration has no [notices.{name}]")).hint(hint)
        })?;
        found.endpoint(name, &self.folder)
    }

    /// What is wrong with them, each with the name of the endpoint.
    pub(super) fn notices_faults(&self) -> Vec<(Option<&str>, Failure)> {
        let count = self.notices.len();
        let too_many = (count > ENDPOINTS_MAX).then(|| {
            Failure::usage(format!("{count} endpoints for notices: {ENDPOINTS_MAX} at most")).hint("join some")
        });
        let fault = |(name, notices): (&'_ String, &NoticesConfig)| notices.fault(name, &self.folder);
        let each = self.notices.iter().filter_map(|of| Some((Some(of.0.as_str()), fault(of)?)));
        too_many.map(|failure| (None, failure)).into_iter().chain(each).collect()
    }

    /// Each by name, as people read it.
    pub(crate) fn notices_lines(&self) -> Vec<(&str, String)> {
        self.notices.iter().map(|(name, notices)| (name.as_str(), notices.line())).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn said(text: &str) -> String {
        let config = match Config::read("agendum.toml", text, std::iter::empty()) {
            Ok(config) => config,
            Err(failure) => return failure.text(),
        };
        let faults = config.faults();
        let faults = faults.iter().map(|fault| format!("{}\nhint: {}", fault.message, fault.hint)).collect::<Vec<_>>();
        let lines =
            config.notices_lines().into_iter().map(|(name, line)| format!("{name}: {line}")).collect::<Vec<_>>();
        if faults.is_empty() { lines.join("\n") } else { faults.join("\n") }
    }

    #[test]
    fn endpoints_are_checked_before_anything_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let secret = format!("secret_file = {file:?}");
        let good = format!("url = \"https://example.com:8443/hook?token=hidden\"\n{secret}");
        let many = |count: usize| (0..count).map(|one| format!("[notices.n{one}]\n{good}\n")).collect::<String>();
        let cases = [
            format!("[notices.ops]\n{good}"),
            format!("[notices.ops]\n{good}\non = [\"done\", \"reminder\"]\ngraph = \"refund\"\ngive_up = \"2d\""),
            format!("[notices.ops]\n{good}\non = [\"answrd\"]"),
            format!("[notices.ops]\n{good}\non = []"),
            format!("[notices.ops]\n{good}\ngive_up = \"8d\""),
            format!("[notices.\"a b\"]\n{good}"),
            format!("[notices.ops]\nurl = \"http://example.com\"\n{secret}"),
            format!("[notices.ops]\nurl = \"http://example.com\"\ninsecure = true\n{secret}"),
            "[notices.ops]\nurl = \"https://example.com\"".to_owned(),
            "[notices.ops]\nurl = \"https://example.com\"\nsecret_env = \"AGENDUM_NOT_SET\"".to_owned(),
            many(17).replacen("n0", "zero", 1),
            "[retention]\nruns = 30".to_owned(),
        ];
        let told = cases.map(|text| said(&text).replace(&*file.to_string_lossy(), "FILE"));
        assert!(told.iter().all(|text| !text.contains("hidden")), "{told:?}");
        assert!(said(&many(16)).lines().count() == 16, "so many may be");
        insta::assert_snapshot!(told.join("\n--\n"), @r#"
        ops: https://example.com:8443 on answered, waiting, compensation_failed, budget_asked, for 24h 00m
        --
        ops: https://example.com:8443 on done, reminder, of graph refund, for 48h 00m
        --
        agendum.toml: TOML parse error at line 4, column 6
          |
        4 | on = ["answrd"]
          |      ^^^^^^^^^^
        unknown variant `answrd`, expected one of `answered`, `done`, `waiting`, `reminder`, `compensated`, `compensation_failed`, `quarantined`, `budget_asked`

        hint: did you mean `answered`?
        --
        [notices.ops] is told nothing: `on` is empty
        hint: on = ["answered"]; also done, waiting, reminder, compensated, compensation_failed, quarantined, budget_asked
        --
        [notices.ops]: `give_up` is too long
        hint: 7d at most
        --
        [notices."a b"] is no name of an endpoint
        hint: letters, digits, - and _, 64 at most
        --
        [notices.ops]: url is not https
        hint: https://…; http:// for this machine, and with insecure = true for others
        --
        ops: http://example.com on answered, waiting, compensation_failed, budget_asked, for 24h 00m
        --
        [notices.ops] has no secret to sign with: secret_file = …
        hint: make one: echo whsec_$(openssl rand -base64 32)
        --
        [notices.ops] wants its secret in the environment variable AGENDUM_NOT_SET, which is not set
        hint: make one: echo whsec_$(openssl rand -base64 32)
        --
        17 endpoints for notices: 16 at most
        hint: join some
        --
        agendum.toml: TOML parse error at line 2, column 8
          |
        2 | runs = 30
          |        ^^
        30 of what? Write it as "30d", or "30h"

        hint: docs/configuration.md lists every key
        "#);
    }

    #[test]
    fn another_configuration_is_another_endpoint() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let mark = |secret: &str, more: &str| {
            std::fs::write(&file, secret).unwrap();
            let text = format!("[notices.ops]\nurl = \"https://example.com\"\nsecret_file = {file:?}\n{more}");
            Config::read("agendum.toml", &text, std::iter::empty()).unwrap().endpoint("ops").unwrap().mark
        };
        let (one, other) =
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        let mut marks = [mark(one, ""), mark(other, ""), mark(one, "graph = \"g\""), mark(one, "on = [\"done\"]")];
        assert_eq!(marks[0], mark(one, ""));
        marks.sort();
        assert!(marks.windows(2).all(|two| two[0] != two[1]), "{marks:?}");
    }
}
