//! What `--help` and the manual pages say below the options: exit codes, environment, files, examples. ASCII only: roff.
//!
//! clap wraps lines that are longer than the terminal and joins none. So a paragraph is one line here, and a row, which is
//! indented, has 80 characters at most.

/// What every command ends with.
pub(super) const EXIT_CODES: &str = "Exit codes:
  0   fine
  1   could not start, or failed while running; `healthcheck`: unhealthy;
      `doctor`: a check failed
  64  bad configuration or usage; every problem is on standard error, with its
      key and where the value came from";

pub(super) const SETTINGS: &str = "Environment:
  COGNITO_AUTH_*             one variable for each setting; `check` lists all,
                             config/default.toml explains them. Commas separate
                             lists; an empty variable counts as unset
  COGNITO_AUTH_PROXY_CONFIG  the configuration file, where --config names none
  COGNITO_AUTH_*_FILE        the file a secret is in, for example
                             COGNITO_AUTH_SIGNING_KEY_FILE=/run/key

Files:
  /etc/cognito-auth-proxy/config.toml  read if it exists and no other is named";

pub(super) const EXAMPLES: &str = "Examples:
  try it with your application, without AWS:
      cognito-auth-proxy dev --upstream http://127.0.0.1:7860
  is the configuration good?
      cognito-auth-proxy check --config proxy.toml
  is what surrounds the proxy good?
      cognito-auth-proxy doctor
  serve:
      cognito-auth-proxy run --config proxy.toml";

pub(super) const RUN: &str = "Signals:
  SIGTERM, SIGINT  drain, then exit 0; a second one ends the drain
  SIGHUP           what can be read again is read now

Example:
  COGNITO_AUTH_UPSTREAM_URL=http://127.0.0.1:7860 \\
      cognito-auth-proxy run --config proxy.toml";

pub(super) const DEV: &str = "Files:
  dev-personas.json, dev-personas.toml  who may be chosen on the sign-in page
  dev-mock-user.json                    the first of them
  Each is looked for in the working directory

Example:
  COGNITO_AUTH_UPSTREAM_PRESET=gradio \\
      cognito-auth-proxy dev --upstream http://127.0.0.1:7860

Exit codes: 0 when it is stopped by SIGINT or SIGTERM, 1 where it cannot start, 64 for a bad configuration.";

pub(super) const CHECK: &str =
    "Each problem is one line on standard error: the key, where its value came from, what is wrong, what to write.

Where the policy is kept at AWS (authoriser.secret_name, authoriser.ssm_parameter), AWS is asked for it, as a start would. Nothing else is connected to; `doctor` does that.

Exit codes: 0 for a good configuration, warnings or not; 64 for a bad one.

Example:
  cognito-auth-proxy check --config proxy.toml \\
      && systemctl restart cognito-auth-proxy";

pub(super) const HEALTHCHECK: &str =
    "Asks /health of the admin listener, or where that is off, the reserved prefix's of the main one.

Exit codes: 0 for healthy, 1 for everything else.

Example, in a task definition:
  \"healthCheck\": { \"command\": [\"CMD\", \"/cognito-auth-proxy\", \"healthcheck\"] }";

pub(super) const EXPLAIN: &str = "The first word of the output is `allow`, `deny` or `public` (no user is needed). The policy is the one that `run` would start with. Only the routes and the policy are asked: the tokens are taken to be good.

Exit codes: 0 for an answer, whichever it is; 64 for a bad configuration, policy or argument.

Examples:
  cognito-auth-proxy explain --email ann@example.com --group data --path /admin
  cognito-auth-proxy explain --email ann@example.com --path / | grep -q '^allow'";

pub(super) const DOCTOR: &str = "One line for each check: `ok`, `warn` or `fail`, what was found, and what to do about it. Run it where the proxy runs: in the same container or task, with the same settings. It connects to the key endpoints, the application and the proxy's own ports, and changes nothing.

The token file is text as a log or a debugging page shows it: lines `x-amzn-oidc-data: ...`, a JSON object of header names and values, or one bare token. Tokens are never printed, and an e-mail address only in part.

Exit codes: 0 where no check failed, warnings or not; 1 where one did; 64 for a bad configuration (what can be checked without it is checked).

Examples:
  cognito-auth-proxy doctor
  pbpaste | cognito-auth-proxy doctor --token-file -";

pub(super) const COMPLETIONS: &str = "Examples:
  cognito-auth-proxy completions bash \\
      > /etc/bash_completion.d/cognito-auth-proxy
  cognito-auth-proxy completions zsh > ~/.zfunc/_cognito-auth-proxy
  cognito-auth-proxy completions fish \\
      > ~/.config/fish/completions/cognito-auth-proxy.fish";

pub(super) const MAN: &str = "Examples:
  cognito-auth-proxy man | man -l -
  cognito-auth-proxy man doctor \\
      > /usr/local/share/man/man1/cognito-auth-proxy-doctor.1";
