//! The users, their tokens and what the proxy judges them by.

use std::{
    error::Error,
    io,
    path::PathBuf,
    sync::{Mutex, PoisonError, RwLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::rand;
use cognito_auth_proxy::dev::{Issuer, KeyEndpoint, Parties, Tokens, User};
use tokio_util::task::TaskTracker;

/// How many users there are.
const POPULATION: usize = 2000;

/// What `Issuer::tokens_at` gives a load balancer's token.
const LIFE: u64 = 120;

/// Whose credential has less left than this gets a new one: no request waits for so long.
const TOO_OLD: Duration = Duration::from_secs(8);

/// A published key lives for this many rotations: longer than any token it signed.
const KEYS_KEPT: usize = 6;

/// One user, with a credential until it grows old.
pub(crate) struct Citizen {
    pub(crate) subject: String,
    user: User,
    credential: Mutex<Option<(Tokens, Instant)>>,
}

/// Everybody, and their issuer.
pub(crate) struct City {
    issuer: RwLock<Issuer>,
    keys: KeyEndpoint,
    citizens: Vec<Citizen>,
    policy: PathBuf,
}

impl City {
    pub(crate) async fn found(tasks: TaskTracker) -> Result<Self, Box<dyn Error>> {
        let issuer = Issuer::generate(Parties::default())?;
        let (keys, serving) = KeyEndpoint::bind(&issuer).await?;
        tasks.spawn(serving);
        let policy = std::env::temp_dir().join(format!("soak-policy-{}.json", std::process::id()));
        let citizens = (0..POPULATION).map(Citizen::number).collect();
        let city = Self { issuer: RwLock::new(issuer), keys, citizens, policy };
        city.write_policy(r#"{"allowed_groups": ["staff"]}"#)?;
        Ok(city)
    }

    /// What the proxy has to be told.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let issuer = self.issuer.read().unwrap_or_else(PoisonError::into_inner);
        let parties = issuer.parties();
        vec![
            ("COGNITO_AUTH_ALB_ARNS", parties.signer.clone()),
            ("COGNITO_AUTH_CLIENT_IDS", parties.client.clone()),
            ("COGNITO_AUTH_ALB_PUBLIC_KEYS_URL", self.keys.alb_url()),
            ("COGNITO_AUTH_USER_POOL_ID", parties.user_pool_id().to_owned()),
            ("COGNITO_AUTH_COGNITO_JWKS_URL", self.keys.jwks_url()),
            ("COGNITO_AUTH_CONFIG_PATH", self.policy.display().to_string()),
        ]
    }

    /// Replaces the policy file, in place.
    pub(crate) fn write_policy(&self, text: &str) -> io::Result<()> {
        std::fs::write(&self.policy, text)
    }

    /// Goes over to new keys. They are published before anything is signed with them.
    pub(crate) fn rotate(&self) {
        let mut issuer = self.issuer.write().unwrap_or_else(PoisonError::into_inner);
        issuer.rotate().expect("random numbers");
        issuer.withdraw_all_but(KEYS_KEPT);
        self.keys.publish(&issuer);
    }

    /// One of those the policy always admits.
    pub(crate) fn anybody(&self, dice: &mut Dice) -> &Citizen {
        self.citizens.get(dice.below(self.citizens.len())).expect("a citizen")
    }

    /// What this citizen presents now.
    pub(crate) fn credential(&self, citizen: &Citizen, dice: &mut Dice) -> Tokens {
        let mut held = citizen.credential.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((tokens, until)) = &*held
            && until.saturating_duration_since(Instant::now()) > TOO_OLD
        {
            return tokens.clone();
        }
        let life = 20 + dice.below(40) as u64;
        let tokens = self.sign(&citizen.user, life);
        *held = Some((tokens.clone(), Instant::now() + Duration::from_secs(life)));
        tokens
    }

    /// Somebody whom the policy never admits, or an admitted user whose time is over.
    pub(crate) fn unwelcome(&self) -> [(Tokens, u16, &'static str); 2] {
        let visitor = User::new("visitor", "visitor@example.com").in_groups(&["visitors"]);
        let member = User::new("late", "late@example.com").in_groups(&["staff"]);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let issuer = self.issuer.read().unwrap_or_else(PoisonError::into_inner);
        let expired = issuer.tokens_at(&member, now - LIFE - 60);
        [(issuer.tokens(&visitor), 403, "not_allowed"), (expired, 401, "token_expired")]
    }

    /// A credential under a key nobody has.
    pub(crate) fn under_key(&self, key_id: &str) -> Tokens {
        let issuer = self.issuer.read().unwrap_or_else(PoisonError::into_inner);
        let genuine = issuer.tokens(&User::new("nobody", "nobody@example.com").in_groups(&["staff"]));
        let expires = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) + LIFE;
        let header = issuer.alb_header_of(issuer.parties(), key_id, expires);
        let payload = issuer.alb_payload(&User::new("nobody", "nobody@example.com"), expires);
        Tokens { data: issuer.sign_alb(&header, &payload), ..genuine }
    }

    fn sign(&self, user: &User, life: u64) -> Tokens {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.issuer.read().unwrap_or_else(PoisonError::into_inner).tokens_at(user, now + life - LIFE)
    }
}

impl Drop for City {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_file(&self.policy);
    }
}

impl Citizen {
    fn number(number: usize) -> Self {
        let subject = format!("citizen-{number:04}-{}", "x".repeat(number % 7));
        let user = User::new(&subject, &format!("c{number}@example.com")).in_groups(&["staff"]);
        Self { subject, user, credential: Mutex::new(None) }
    }
}

/// Small random numbers (xorshift64), one row for each who needs them.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new() -> Self {
        let mut seed = [0; 8];
        rand::fill(&mut seed).expect("random numbers");
        Self(u64::from_le_bytes(seed) | 1)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Less than `limit`.
    #[expect(clippy::cast_possible_truncation, reason = "the remainder is below a usize")]
    pub(crate) const fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Between the two.
    pub(crate) const fn pause(&mut self, from: Duration, to: Duration) -> Duration {
        let span = to.saturating_sub(from).as_millis();
        Duration::from_millis(from.as_millis() as u64 + self.below(span as usize + 1) as u64)
    }

    /// A UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            a >> 32,
            a >> 16 & 0xffff,
            a & 0xffff,
            b >> 48,
            b & 0xffff_ffff_ffff
        )
    }
}
