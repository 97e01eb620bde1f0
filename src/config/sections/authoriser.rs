//! The `[authoriser]` section: who may come in.

use std::{collections::BTreeSet, path::PathBuf};

use crate::config::{Authorities, AwsPolicy, DomainName, EmailAddress};

/// Who may come in.
#[derive(Debug, Clone)]
pub struct Authoriser {
    /// The rules, or where they are kept.
    pub policy: PolicySource,
    /// What a policy without any rule means, wherever it is kept.
    pub when_empty: EmptyPolicy,
    /// Whether e-mail rules need a verified address.
    pub email_rules: EmailRules,
    /// Exact paths that need no user.
    pub public_paths: BTreeSet<String>,
}

/// Where the policy is.
#[derive(Debug, Clone)]
pub enum PolicySource {
    /// At AWS, read again now and then: the text that a file would hold.
    Aws {
        /// What is read, and how often.
        kept: AwsPolicy,
        /// Who may vouch for the servers of AWS, beside the system's authorities.
        authorities: Authorities,
    },
    /// In a file of its own, read again when it changes: JSON (the Python library's form) or the same keys in TOML.
    File(PathBuf),
    /// In the configuration itself.
    Inline(PolicyRules),
}

/// What a policy without any rule means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EmptyPolicy {
    /// Every verified user is admitted (`allow_any_authenticated = true`).
    AdmitAuthenticated,
    /// It is an error: the process does not start, a reload is not taken.
    #[default]
    Refuse,
}

/// Whether a rule by e-mail address or domain needs a verified address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EmailRules {
    /// Any address the identity provider states counts.
    AcceptUnverified,
    /// `email_verified` must be true.
    #[default]
    RequireVerified,
}

/// The rules as written: parsed values, not yet combined.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyRules {
    /// Groups of which one is enough.
    pub allowed_groups: Vec<String>,
    /// E-mail addresses.
    pub allowed_users: Vec<EmailAddress>,
    /// E-mail domains.
    pub allowed_domains: Vec<DomainName>,
    /// How the kinds of rule that are set combine.
    pub combination: Combination,
    /// Groups that pass every rule.
    pub admin_groups: Vec<String>,
    /// Addresses that pass every rule.
    pub admin_users: Vec<EmailAddress>,
}

/// How kinds of rule combine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Combination {
    /// Every kind that is set must pass (`require_all`).
    All,
    /// One kind that passes is enough.
    #[default]
    Any,
}
