//! `[webhooks]`: where the secret is that webhooks in are signed with.

use std::path::{Path, PathBuf};

use agendum_server::Secrets;
use serde::Deserialize;

use crate::failure::Failure;

/// How to make a secret.
pub(super) const HINT: &str = "make one: echo whsec_$(openssl rand -base64 32)";

/// `[webhooks]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhooksConfig {
    /// The environment variable that holds the secret.
    #[serde(default)]
    pub(crate) secret_env: Option<String>,
    /// A file that holds the secret, relative to the configuration.
    #[serde(default)]
    pub(crate) secret_file: Option<PathBuf>,
}

impl WebhooksConfig {
    /// The secrets; none where nothing names them.
    pub(crate) fn secrets(&self, folder: &Path) -> Result<Option<Secrets>, Failure> {
        read("[webhooks]", self.secret_env.as_deref(), self.secret_file.as_deref(), folder)
    }
}

/// The secrets that a table of the configuration names; none where it names none.
pub(super) fn read(
    table: &str,
    variable: Option<&str>,
    file: Option<&Path>,
    folder: &Path,
) -> Result<Option<Secrets>, Failure> {
    let (text, place) = match (variable, file) {
        (None, None) => return Ok(None),
        (Some(variable), _) => {
            let text = std::env::var(variable).map_err(|_| {
                let message =
                    format!("{table} wants its secret in the environment variable {variable}, which is not set");
                Failure::usage(message).hint(HINT)
            })?;
            (text, variable.to_owned())
        }
        (None, Some(file)) => {
            let path = folder.join(file);
            let text = std::fs::read_to_string(&path).map_err(|error| {
                Failure::usage(format!("{table}: cannot read its secret from {}: {error}", path.display())).hint(HINT)
            })?;
            (text, path.display().to_string())
        }
    };
    let secrets = Secrets::read(&text);
    secrets.map(Some).map_err(|error| Failure::usage(format!("{table}: {place}: {error}")).hint(HINT))
}
