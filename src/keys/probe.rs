//! What time is it where keys come from? For telling whether this machine's clock is right.

use std::time::SystemTime;

use http::header::DATE;

use super::{FetchError, fetch::Fetcher};
use crate::config::{Authorities, KeysUrl};

/// The `Date` of the host of `keys`, whatever else it answers; `None` where it gives none.
pub async fn time_at(keys: &KeysUrl, authorities: &Authorities) -> Result<Option<SystemTime>, FetchError> {
    let answer = Fetcher::for_url(keys, authorities)?.answer(keys.as_url().as_str()).await?;
    let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok());
    Ok(date.and_then(|date| httpdate::parse_http_date(date).ok()))
}
