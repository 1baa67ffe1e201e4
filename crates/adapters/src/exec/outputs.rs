//! What a program writes, read until nobody can write any more, or for a little while after its end.

use std::process::ExitStatus;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration as Span;

use agendum_ports::{Attempt, Chunk};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin};

use crate::exec::family::Family;

/// How long a program's outputs may stay open once it has ended; then whatever it left running holds them, and is killed.
const PIPE_GRACE: Span = Span::from_secs(1);
/// Bytes read at once.
const PIECE_BYTES: usize = 16 << 10;

/// The text of one output.
#[derive(Default)]
pub(super) struct Output {
    kept: Vec<u8>,
    /// True if more was read than is kept.
    pub(super) cut: bool,
    /// True if its text is shown while it arrives; of any other it is only told that something does.
    is_shown: bool,
}

impl Output {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }

    fn shown() -> Self {
        Self { is_shown: true, ..Self::default() }
    }

    /// `begun` says that output has come. Before that, what is not shown is no sign of it.
    async fn read(
        &mut self,
        pipe: Option<impl AsyncRead + Unpin>,
        bytes_max: usize,
        attempt: &Attempt,
        begun: &AtomicBool,
    ) {
        let Some(mut pipe) = pipe else { return };
        let mut piece = vec![0; PIECE_BYTES];
        let mut unsent = Vec::new();
        while let Ok(count @ 1..) = pipe.read(&mut piece).await {
            let room = count.min(bytes_max.saturating_sub(self.kept.len()));
            self.cut |= room < count;
            self.kept.extend_from_slice(&piece[..room]);
            begun.fetch_or(self.is_shown, Relaxed);
            if room == 0 || !self.is_shown {
                if begun.load(Relaxed) {
                    attempt.chunks.send(Chunk::Alive).await;
                }
                continue;
            }
            unsent.extend_from_slice(&piece[..room]);
            let rest = unsent.split_off(unsent.len() - half_a_letter(&unsent));
            send(attempt, &unsent).await;
            unsent = rest;
        }
        send(attempt, &unsent).await;
    }
}

async fn send(attempt: &Attempt, bytes: &[u8]) {
    if !bytes.is_empty() {
        attempt.chunks.send(Chunk::Text(String::from_utf8_lossy(bytes).into_owned())).await;
    }
}

/// Bytes at the end that begin a letter and do not end it: the next piece may.
fn half_a_letter(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last().map_or(&[] as &[u8], |last| last.invalid());
    if std::str::from_utf8(last).is_err_and(|error| error.error_len().is_none()) { last.len() } else { 0 }
}

/// How a program ended and what it wrote: standard output, then standard error.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) out: Output,
    pub(super) err: Output,
}

/// Gives the program its input, takes its outputs, waits for its end.
pub(super) async fn watch(
    child: &mut Child,
    family: &Family,
    input: Option<&str>,
    attempt: &Attempt,
    bytes_max: usize,
) -> std::io::Result<Ended> {
    let (mut out, mut err) = (Output::shown(), Output::default());
    let begun = AtomicBool::new(false);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let status = {
        let reading = async {
            tokio::join!(
                feed(stdin, input),
                out.read(stdout, bytes_max, attempt, &begun),
                err.read(stderr, bytes_max, attempt, &begun)
            )
        };
        tokio::pin!(reading);
        tokio::select! {
            _ = &mut reading => child.wait().await?,
            status = child.wait() => {
                if tokio::time::timeout(PIPE_GRACE, &mut reading).await.is_err() {
                    family.kill().await;
                    // What lies in the pipes is still read; what hid from us may hold them open for ever.
                    let _held = tokio::time::timeout(PIPE_GRACE, &mut reading).await;
                }
                status?
            }
        }
    };
    Ok(Ended { status, out, err })
}

async fn feed(pipe: Option<ChildStdin>, input: Option<&str>) {
    if let (Some(mut pipe), Some(text)) = (pipe, input) {
        // A program that does not read its input to the end is no error.
        let _closed = pipe.write_all(text.as_bytes()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use agendum_ports::Chunk;
    use agendum_ports::adapter::ChunkSink;
    use serde_json::json;
    use tokio::io::AsyncReadExt as _;

    use super::Output;
    use crate::tests::attempt;

    #[tokio::test]
    async fn a_letter_is_shown_whole_however_it_is_read() {
        let (mut attempt, _) = attempt(&json!({}));
        let (chunks, mut shown) = ChunkSink::channel(64);
        attempt.chunks = chunks;
        let pieces = (&b"a\xe2"[..]).chain(&b"\x82"[..]).chain(&b"\xacb\xff\xe2"[..]).chain(&b"c\xf0\x9f"[..]);
        let mut output = Output::shown();
        output.read(Some(pieces), 100, &attempt, &AtomicBool::new(false)).await;
        drop(attempt);
        let mut texts = Vec::new();
        while let Some(Chunk::Text(text)) = shown.recv().await {
            texts.push(text);
        }
        assert_eq!(texts, ["a", "\u{20ac}b\u{fffd}", "\u{fffd}c", "\u{fffd}"]);
        assert_eq!(texts.concat(), output.text());
    }

    #[tokio::test]
    async fn what_is_not_kept_or_not_shown_is_a_sign_of_life_once_output_has_begun() {
        for (mut output, begun, told) in [
            (Output::shown(), false, vec!["ab", "alive", "alive"]),
            (Output::default(), true, vec!["alive"; 3]),
            (Output::default(), false, vec![]),
        ] {
            let (mut attempt, _) = attempt(&json!({}));
            let (chunks, mut shown) = ChunkSink::channel(64);
            attempt.chunks = chunks;
            let pieces = (&b"ab"[..]).chain(&b"cd"[..]).chain(&b"ef"[..]);
            output.read(Some(pieces), 2, &attempt, &AtomicBool::new(begun)).await;
            drop(attempt);
            let mut heard = Vec::new();
            while let Some(chunk) = shown.recv().await {
                heard.push(if let Chunk::Text(text) = chunk { text } else { "alive".to_owned() });
            }
            assert_eq!(heard, told);
            assert!(output.cut);
        }
    }
}
