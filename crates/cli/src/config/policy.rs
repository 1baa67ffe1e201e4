//! `policy`: by which rules the scheduler chooses.

use std::path::PathBuf;

use agendum_spec::{Diagnostic, Severity};
use agendum_types::Policy;

use super::Config;
use super::faults::{Fault, failure, fault};
use crate::failure::Failure;
use crate::next;
use crate::policies::{Document, Found, Named};

const KEY: &str = "policy";
/// Faults of one document that are told here; `policy check` tells them all.
const FAULTS_MAX: usize = 8;

impl Config {
    /// The policy that it names, else the built-in one.
    pub(crate) fn policy(&self) -> Result<Found, Vec<Fault>> {
        let word = self.policy.clone().unwrap_or_else(|| PathBuf::from(Policy::BALANCED));
        let path = match Named::of(&word) {
            Named::BuiltIn(accepted) => return Ok(Found::built_in(accepted)),
            Named::File(path) => self.folder.join(path),
        };
        let document = Document::read(&path, &self.limits.0).map_err(|failure| {
            let hint = failure.hinted().to_owned();
            vec![fault(format!("policy: {}", failure.message()), hint, true).at(KEY)]
        })?;
        let accepted = document.checked.accepted;
        accepted.map(|accepted| Found { accepted, file: Some(path) }).ok_or_else(|| {
            let wrong = document.checked.diagnostics.iter().filter(|one| one.severity != Severity::Warning);
            wrong.take(FAULTS_MAX).map(|one| told(&document.name, one)).collect()
        })
    }

    /// The same for whoever is to run with it.
    pub(crate) fn sound_policy(&self) -> Result<Found, Failure> {
        self.policy().map_err(|faults| {
            failure(&faults).unwrap_or_else(|| Failure::usage("the policy of the configuration cannot be read"))
        })
    }
}

fn told(name: &str, of: &Diagnostic) -> Fault {
    let message = format!("policy {name}:{}:{}: {}", of.line, of.column, of.message);
    let hint = of.help.clone().unwrap_or_else(|| format!("agendum policy check {}", next::quoted(name)));
    fault(message, hint, true).at(KEY)
}
