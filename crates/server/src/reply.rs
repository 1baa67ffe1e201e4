//! Errors as RFC 9457 problems.

use std::fmt;
use std::marker::PhantomData;

use agendum_engine::{ReadError, Room, SubmitError, Unfinished};
use agendum_ports::{RunRow, StoreError};
use agendum_types::{Duration, RunId};
use agendum_wire::v1::Problem;
use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection, StringRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A refusal, and when to try again if that is known.
pub(crate) struct Refused(pub(crate) Problem, Option<Duration>);

impl Refused {
    pub(crate) fn new(status: StatusCode, kind: &str, title: &str, detail: impl ToString) -> Self {
        let problem = Problem {
            kind: kind.to_owned(),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.to_string(),
            diagnostics: Vec::new(),
            more: false,
        };
        Self(problem, None)
    }

    pub(crate) fn bad(kind: &str, title: &str, detail: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, kind, title, detail)
    }

    pub(crate) fn no_run(id: RunId) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no_run",
            "there is no such run",
            format!("no run {id}: `agendum runs ls` lists them"),
        )
    }

    /// A run that takes nothing any more.
    pub(crate) fn ended(row: &RunRow) -> Self {
        let how = row.answered.map_or_else(String::new, |_| format!(": {}", row.status.word()));
        Self::new(StatusCode::CONFLICT, "not_live", "the run is not live", format!("run {} has ended{how}", row.run))
    }

    /// A run that was damaged when the journal was opened.
    pub(crate) fn left_out(id: RunId) -> Self {
        let detail = format!(
            "run {id} was left out when its data directory was opened: what is kept of it is damaged, and the log says how. \
             It goes on when that is mended and the directory opened again"
        );
        Self::new(StatusCode::CONFLICT, "left_out", "the run is damaged", detail)
    }

    /// The engine takes no work now.
    pub(crate) fn unavailable(error: impl ToString) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the engine takes no work now", error)
    }

    /// There is no room for more work.
    pub(crate) fn disk_full(room: Room) -> Self {
        let detail = format!("{room}: free some, and intake opens by itself; what was taken in goes on");
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", "nothing more is taken in now", detail)
    }

    /// As many streams are open as may be.
    pub(crate) fn busy() -> Self {
        let detail = "too many streams of events are open: close one, or come back later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "no stream can be opened now", detail)
    }

    pub(crate) fn read_only() -> Self {
        let detail = "this process only reads the data directory; start one that owns it with `agendum serve`";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "read_only", "nothing can be run here", detail)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(problem, after) = self;
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json")], Json(problem)).into_response();
        let usual = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Some(1),
            StatusCode::INSUFFICIENT_STORAGE => Some(10),
            _ => None,
        };
        let seconds = after.map(|after| after.as_micros().div_ceil(1_000_000)).or(usual);
        if let Some(seconds) = seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A body that is an object: structs are read from arrays as well, whose members would be taken for fields.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(body: D) -> Result<Self, D::Error> {
        body.deserialize_map(Members(PhantomData))
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
    type Value = Object<T>;

    fn expecting(&self, said: &mut fmt::Formatter<'_>) -> fmt::Result {
        said.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Object)
    }
}

/// A part of a request that is refused as a problem.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T, S> FromRequestParts<S> for Asked<T>
where
    T: FromRequestParts<S, Rejection: Into<Refused>>,
    S: Send + Sync,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        T::from_request_parts(parts, state).await.map(Self).map_err(Into::into)
    }
}

/// The body of a request, refused as a problem if it is none.
pub(crate) struct Said<T>(pub(crate) T);

impl<T, S> FromRequest<S> for Said<T>
where
    T: FromRequest<S, Rejection: Into<Refused>>,
    S: Send + Sync,
{
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        T::from_request(request, state).await.map(Self).map_err(Into::into)
    }
}

fn unfit(status: StatusCode, detail: String) -> Refused {
    Refused::new(status, "body", "the body does not fit", detail)
}

impl From<JsonRejection> for Refused {
    fn from(error: JsonRejection) -> Self {
        unfit(error.status(), error.body_text())
    }
}

impl From<StringRejection> for Refused {
    fn from(error: StringRejection) -> Self {
        unfit(error.status(), error.body_text())
    }
}

impl From<BytesRejection> for Refused {
    fn from(error: BytesRejection) -> Self {
        unfit(error.status(), error.body_text())
    }
}

impl From<QueryRejection> for Refused {
    fn from(error: QueryRejection) -> Self {
        Self::bad("query", "the query is not understood", error.body_text())
    }
}

impl From<PathRejection> for Refused {
    fn from(error: PathRejection) -> Self {
        Self::bad("path", "the address is not understood", error.body_text())
    }
}

impl From<SubmitError> for Refused {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Rejected(rejected) if rejected.retry_after().is_some() => {
                let (code, after) = (rejected.code(), rejected.retry_after());
                let refused = Self::new(StatusCode::TOO_MANY_REQUESTS, code, "the run was not accepted", rejected);
                Self(refused.0, after)
            }
            SubmitError::Rejected(rejected) => {
                let hint = if rejected.code() == "no_target" {
                    "; targets are named in agendum.toml, see docs/configuration.md"
                } else {
                    ""
                };
                let detail = format!("{rejected}{hint}");
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, rejected.code(), "the run was not accepted", detail)
            }
            SubmitError::Payload(message) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "payload", "the inputs cannot be kept", message)
            }
            SubmitError::Unkept(message) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unkept", "the inputs cannot be kept now", message)
            }
            SubmitError::DiskFull(room) => Self::disk_full(room),
            SubmitError::Unavailable(_) => Self::unavailable(error),
            SubmitError::OtherRequest { .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "key_in_use", "another request has this key", error)
            }
            SubmitError::NoGroup(error) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "concurrency_key", "the inputs name no group", error)
            }
            SubmitError::Unfinished(error) => error.into(),
            SubmitError::Unread(_) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unreadable", "the store cannot be read", error)
            }
        }
    }
}

impl From<Unfinished> for Refused {
    fn from(error: Unfinished) -> Self {
        let status = match error {
            Unfinished::TooLong(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Unfinished::Full(_) => StatusCode::TOO_MANY_REQUESTS,
            Unfinished::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, "unchecked", "the submission could not be checked", error)
    }
}

impl From<ReadError> for Refused {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NoRun(run) => Self::no_run(run),
            ReadError::LeftOut(run) => Self::left_out(run),
            ReadError::Store(_) | ReadError::Decode(_) | ReadError::Payload(_) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unreadable", "the store cannot be read", error)
            }
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        ReadError::from(error).into()
    }
}
