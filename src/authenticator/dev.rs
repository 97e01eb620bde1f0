//! The mock user of development: made from a [`DevMode`], which only the configuration makes, behind its interlocks.

use crate::{
    authenticator::Profile,
    config::{DevMode, EmailAddress},
};

/// Who a request without any identity field is in dev mode.
pub(super) fn mock_profile(dev: &DevMode) -> Profile {
    let user = dev.mock_user().clone();
    Profile {
        subject: user.sub,
        client: String::new(),
        email_address: EmailAddress::parse(&user.email).ok(),
        email: Some(user.email),
        email_verified: Some(user.email_verified),
        username: user.username,
        name: user.name,
        given_name: user.given_name,
        family_name: user.family_name,
        groups: user.groups,
        expires_at: u64::MAX,
        session_expires_at: u64::MAX,
    }
}
