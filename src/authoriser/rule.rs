//! The kinds of rule, each a pure question about a profile, and how they combine.

use std::{collections::HashSet, fmt, sync::Arc};

use rapidhash::fast::RandomState;

use crate::{
    authenticator::Profile,
    config::{DomainName, EmailAddress, EmailRules},
};

/// One kind of rule.
pub trait Rule: fmt::Debug + Send + Sync {
    /// Its name in a policy: `allowed_groups`.
    fn name(&self) -> &'static str;

    /// What of this rule admits the user; `None` if nothing does.
    fn grant(&self, profile: &Profile) -> Option<Grant>;
}

/// What admitted a user. It prints as a short name for logs, `group:staff`, which holds no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Membership of an admin group.
    AdminGroup(Arc<str>),
    /// The address is an admin's.
    AdminUser,
    /// Every kind of rule that is set.
    All(Arc<[Self]>),
    /// There is no rule beyond being signed in.
    AnyAuthenticated,
    /// The domain of the address.
    Domain(Arc<str>),
    /// Membership of a group.
    Group(Arc<str>),
    /// The address.
    User,
}

/// Whether a user is an admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Passes every rule; the application is told so.
    Admin,
    /// Admitted by the rules for everybody.
    Member,
}

impl Grant {
    /// The standing it gives.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        match self {
            Self::AdminGroup(_) | Self::AdminUser => Standing::Admin,
            Self::All(_) | Self::AnyAuthenticated | Self::Domain(_) | Self::Group(_) | Self::User => Standing::Member,
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AdminGroup(name) => write!(formatter, "admin-group:{name}"),
            Self::AdminUser => formatter.write_str("admin-user"),
            Self::All(grants) => grants.iter().enumerate().try_for_each(|(index, grant)| {
                let separator = if index == 0 { "" } else { "+" };
                write!(formatter, "{separator}{grant}")
            }),
            Self::AnyAuthenticated => formatter.write_str("any-authenticated"),
            Self::Domain(name) => write!(formatter, "domain:{name}"),
            Self::Group(name) => write!(formatter, "group:{name}"),
            Self::User => formatter.write_str("user"),
        }
    }
}

/// Names a policy lists. A user may be in hundreds of groups, and each is looked for, also where none is found; whoever
/// writes the policy chooses what is in the set, so that its hash has nobody to withstand.
pub(super) type Names = HashSet<Arc<str>, RandomState>;

/// Membership of one of these groups, compared exactly.
#[derive(Debug)]
pub(super) struct Groups {
    pub(super) names: Names,
    pub(super) standing: Standing,
}

impl Rule for Groups {
    fn name(&self) -> &'static str {
        match self.standing {
            Standing::Admin => "admin_groups",
            Standing::Member => "allowed_groups",
        }
    }

    fn grant(&self, profile: &Profile) -> Option<Grant> {
        let name = profile.groups.iter().find_map(|group| self.names.get(group.as_str()))?;
        Some(match self.standing {
            Standing::Admin => Grant::AdminGroup(Arc::clone(name)),
            Standing::Member => Grant::Group(Arc::clone(name)),
        })
    }
}

/// One of these addresses.
#[derive(Debug)]
pub(super) struct Users {
    pub(super) addresses: HashSet<EmailAddress>,
    pub(super) email_rules: EmailRules,
    pub(super) standing: Standing,
}

impl Rule for Users {
    fn name(&self) -> &'static str {
        match self.standing {
            Standing::Admin => "admin_users",
            Standing::Member => "allowed_users",
        }
    }

    fn grant(&self, profile: &Profile) -> Option<Grant> {
        let address = usable_address(self.email_rules, profile)?;
        self.addresses.contains(address).then_some(match self.standing {
            Standing::Admin => Grant::AdminUser,
            Standing::Member => Grant::User,
        })
    }
}

/// An address of exactly one of these domains.
#[derive(Debug)]
pub(super) struct Domains {
    names: Names,
    email_rules: EmailRules,
}

impl Domains {
    pub(super) fn of(domains: &[DomainName], email_rules: EmailRules) -> Self {
        Self { names: domains.iter().map(|domain| domain.as_str().into()).collect(), email_rules }
    }
}

impl Rule for Domains {
    fn name(&self) -> &'static str {
        "allowed_domains"
    }

    fn grant(&self, profile: &Profile) -> Option<Grant> {
        let address = usable_address(self.email_rules, profile)?;
        self.names.get(address.domain()).map(|name| Grant::Domain(Arc::clone(name)))
    }
}

/// Every verified user (`allow_any_authenticated`).
#[derive(Debug)]
pub(super) struct AnyAuthenticated;

impl Rule for AnyAuthenticated {
    fn name(&self) -> &'static str {
        "allow_any_authenticated"
    }

    fn grant(&self, _: &Profile) -> Option<Grant> {
        Some(Grant::AnyAuthenticated)
    }
}

/// The address rules may look at: anybody can type somebody else's into a sign-up form, so by default only one that the
/// identity provider says it verified.
fn usable_address(email_rules: EmailRules, profile: &Profile) -> Option<&EmailAddress> {
    let address = profile.email_address.as_ref();
    match email_rules {
        EmailRules::AcceptUnverified => address,
        EmailRules::RequireVerified => address.filter(|_| profile.email_verified == Some(true)),
    }
}

/// How the rules for everybody combine. No variant is an empty list, which "all of" would find satisfied.
#[derive(Debug)]
pub(super) enum Rules {
    /// There are none: only admins are admitted.
    AdminsOnly,
    /// Each must admit the user (`require_all`).
    AllOf(AtLeastOne<Box<dyn Rule>>),
    /// One is enough.
    AnyOf(AtLeastOne<Box<dyn Rule>>),
}

impl Rules {
    pub(super) fn grant(&self, profile: &Profile) -> Option<Grant> {
        match self {
            Self::AdminsOnly => None,
            Self::AllOf(rules) => rules.iter().map(|rule| rule.grant(profile)).collect::<Option<_>>().map(Grant::All),
            Self::AnyOf(rules) => rules.iter().find_map(|rule| rule.grant(profile)),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &dyn Rule> {
        let rules = match self {
            Self::AdminsOnly => None,
            Self::AllOf(rules) | Self::AnyOf(rules) => Some(rules),
        };
        rules.into_iter().flat_map(AtLeastOne::iter).map(AsRef::as_ref)
    }
}

/// A list that is not empty.
#[derive(Debug)]
pub(super) struct AtLeastOne<T> {
    first: T,
    others: Vec<T>,
}

impl<T> AtLeastOne<T> {
    pub(super) const fn one(item: T) -> Self {
        Self { first: item, others: Vec::new() }
    }

    /// `None` where there is nothing.
    pub(super) fn from_items(items: Vec<T>) -> Option<Self> {
        let mut items = items.into_iter();
        Some(Self { first: items.next()?, others: items.collect() })
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.others)
    }
}
