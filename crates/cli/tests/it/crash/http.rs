//! As much HTTP as the outside needs: requests that say whether their answer came whole, and messages with a length.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A request or an answer.
pub(crate) struct Message {
    /// The first line.
    pub(crate) line: String,
    /// By name in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Message {
    /// The status of an answer.
    pub(crate) fn status(&self) -> u16 {
        self.line.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
    }
}

/// Where a server is, and what opens it.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
}

/// Longer than anything is answered; a server that is stopped in the middle closes the connection.
const PATIENCE: Duration = Duration::from_secs(20);

impl Door {
    /// The answer, if it came whole.
    pub(crate) fn call(&self, method: &str, path: &str, more: &str, body: &str) -> io::Result<Message> {
        let mut reader = BufReader::new(self.send(method, path, more, body)?);
        read(&mut reader)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// What arrives of an endless answer within this time.
    pub(crate) fn follow(&self, path: &str, span: Duration) -> io::Result<String> {
        let mut stream = self.send("GET", path, "", "")?;
        stream.set_read_timeout(Some(span))?;
        let (mut kept, mut piece) = (Vec::new(), [0; 4_096]);
        while let Ok(count) = stream.read(&mut piece) {
            if count == 0 {
                break;
            }
            kept.extend_from_slice(&piece[..count]);
        }
        Ok(String::from_utf8_lossy(&kept).into_owned())
    }

    fn send(&self, method: &str, path: &str, more: &str, body: &str) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let head = format!("{method} {path} HTTP/1.0\r\nAuthorization: Bearer {}\r\n{more}", self.token);
        let length = body.len();
        let framed = format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(framed.as_bytes())?;
        Ok(stream)
    }
}

/// The next message of a connection; none at its end.
pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Option<Message>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut message = Message { line, headers: BTreeMap::new(), body: String::new() };
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = header.trim().split_once(':') else { break };
        message.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = message.headers.get("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    message.body = String::from_utf8_lossy(&body).into_owned();
    Ok(Some(message))
}
