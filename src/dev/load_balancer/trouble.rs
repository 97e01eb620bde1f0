//! What can be made to go wrong on purpose, so that each refusal can be looked at.

/// One thing that is wrong. It lasts until another one is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trouble {
    /// The access token has expired, and the load balancer still sends it (alb-facts 6.3).
    ExpiredAccessToken,
    /// The load balancer's token has expired: somebody replays an old request.
    ExpiredAlbToken,
    /// New keys cannot be fetched.
    KeysDown,
    /// There is no access token: the listener rule lacks the scope `openid`.
    NoAccessToken,
    /// Nothing is wrong.
    #[default]
    None,
    /// The access token is somebody else's.
    OtherUsersToken,
    /// The signature of the load balancer's token does not fit.
    TamperedSignature,
    /// The token was made for another app client.
    WrongClient,
    /// Another load balancer signed.
    WrongLoadBalancer,
}

/// How the sign-in page speaks of a trouble.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    /// Its value in the form.
    pub(super) value: &'static str,
    /// What it is called.
    pub(super) label: &'static str,
    /// What comes of it.
    pub(super) effect: &'static str,
}

impl Trouble {
    /// In the order of the page.
    pub(super) const ALL: [Self; 9] = [
        Self::None,
        Self::ExpiredAccessToken,
        Self::ExpiredAlbToken,
        Self::WrongLoadBalancer,
        Self::WrongClient,
        Self::TamperedSignature,
        Self::OtherUsersToken,
        Self::NoAccessToken,
        Self::KeysDown,
    ];

    /// The trouble with this value in the form.
    pub(super) fn parse(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trouble| trouble.words().value == value)
    }

    /// How the page speaks of it.
    pub(super) const fn words(self) -> Words {
        let (value, label, effect) = match self {
            Self::None => ("none", "Nothing", "The load balancer sends what it should."),
            Self::ExpiredAccessToken => (
                "expired_access_token",
                "Expired access token",
                "401 token_expired. A page is sent to sign in again, once a minute; the refusal itself shows the second \
                 time.",
            ),
            Self::ExpiredAlbToken => (
                "expired_alb_token",
                "Expired load balancer token",
                "401 token_expired, as for a recorded request that is sent again.",
            ),
            Self::WrongLoadBalancer => (
                "wrong_load_balancer",
                "Another load balancer signed",
                "401 wrong_signer, as when the load balancer was replaced and its ARN has changed.",
            ),
            Self::WrongClient => (
                "wrong_client",
                "Made for another app client",
                "401 wrong_client, as for a token of another application.",
            ),
            Self::TamperedSignature => ("tampered_signature", "Tampered signature", "401 bad_signature."),
            Self::OtherUsersToken => (
                "other_users_token",
                "Access token of another user",
                "401 subject_mismatch, as when somebody adds another user's groups to a sign-in.",
            ),
            Self::NoAccessToken => (
                "no_access_token",
                "No access token",
                "401 missing_credential, as when the listener rule lacks the scope openid.",
            ),
            Self::KeysDown => (
                "keys_down",
                "Keys cannot be fetched",
                "503 keys_unavailable: the tokens have a new key id, and the key endpoint does not answer.",
            ),
        };
        Words { value, label, effect }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_has_a_value_of_its_own() {
        for trouble in Trouble::ALL {
            assert_eq!(Trouble::parse(trouble.words().value), Some(trouble));
        }
        assert_eq!(Trouble::parse("anything"), None);
    }
}
