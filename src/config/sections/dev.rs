//! The `[dev]` section: whether requests without a credential are the mock user.

/// Whether requests without a credential are the mock user.
#[derive(Debug, Clone)]
pub enum Dev {
    /// Never.
    Off,
    /// Yes: development.
    On(DevMode),
}

/// The mock user and the proof that the interlocks passed: made only by the configuration.
#[derive(Debug, Clone)]
pub struct DevMode {
    pub(in crate::config) mock_user: MockUser,
}

impl DevMode {
    /// Dev mode without its interlocks, for the unit tests of what uses it.
    #[cfg(test)]
    pub(crate) const fn for_tests(mock_user: MockUser) -> Self {
        Self { mock_user }
    }

    /// Who a request without any identity header is.
    #[must_use]
    pub const fn mock_user(&self) -> &MockUser {
        &self.mock_user
    }
}

/// The user of dev mode, defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MockUser {
    /// Subject.
    pub sub: String,
    /// E-mail address as written.
    pub email: String,
    /// Whether the address counts as verified.
    pub email_verified: bool,
    /// Login name.
    pub username: Option<String>,
    /// Full name.
    pub name: Option<String>,
    /// First name.
    pub given_name: Option<String>,
    /// Last name.
    pub family_name: Option<String>,
    /// Groups.
    pub groups: Vec<String>,
}
