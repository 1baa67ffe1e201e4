//! The peers' drivers and services. `bench/peers/run` starts them; what they obey is in `drive.rs`.

mod agendum;
mod dbos;
mod drive;
mod http;
mod restate;
mod service;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match role(&words).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("{}: {failed}", words.first().unwrap_or(&"peers"));
            ExitCode::FAILURE
        }
    }
}

async fn role(words: &[&str]) -> Result<(), String> {
    match words {
        ["service", address] => service::serve(address).await,
        ["restate-service", address] => restate::serve(address).await,
        ["agendum", address, data, service, mode] => {
            drive::obey(agendum::Agendum::new(address, data, service, *mode == "strict")?).await
        }
        ["restate", address] => drive::obey(restate::Restate::new(address)).await,
        ["dbos", url, connections] => {
            drive::obey(dbos::Dbos::launch(url, connections.parse().map_err(drive::told)?).await?).await
        }
        _ => Err("a role, and its arguments".to_owned()),
    }
}
