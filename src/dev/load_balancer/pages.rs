//! The stand-in's own pages: who to be, and what is to go wrong. No script, every value escaped.

use maud::{Markup, html};

use super::{ON, PREFIX, Trouble};
use crate::{
    authenticator::Profile,
    authoriser::Authoriser,
    config::EmailAddress,
    dev::{Persona, Personas, User},
    ingress::LocalTarget,
    pages,
};

/// What the sign-in page shows.
#[derive(Debug)]
pub(super) struct SignIn<'a> {
    /// Who may be chosen.
    pub(super) personas: &'a Personas,
    /// Who is signed in.
    pub(super) current: Option<&'a User>,
    /// Where the browser goes on.
    pub(super) return_to: &'a LocalTarget,
    /// What goes wrong at the moment.
    pub(super) trouble: Trouble,
    /// Path of the proxy's sign-out.
    pub(super) sign_out: &'a str,
    /// The policy in force.
    pub(super) policy: &'a Authoriser,
}

impl SignIn<'_> {
    /// The page.
    pub(super) fn render(&self) -> String {
        let content = html! {
            header {
                h1 { "Sign in" }
                @if self.current.is_some() {
                    nav aria-label="Account" {
                        a class="quiet" href=(self.return_to.as_str()) { "Back to the application" }
                        a class="quiet" href=(self.sign_out) { "Sign out" }
                    }
                }
            }
            (self.state())
            p { "This page stands in for Cognito. Choose who to be: the load balancer's stand-in signs real tokens for them, \
                and the proxy decides as it does in production." }
            div class="cards" {
                @for (index, persona) in self.personas.iter().enumerate() { (self.card(index, persona)) }
            }
            (somebody_else(self.return_to))
            (self.troubles())
        };
        pages::page("Sign in", &content)
    }

    fn state(&self) -> Markup {
        html! {
            @if let Some(user) = self.current {
                p class="notice good" role="status" { "Signed in as " strong { (user.email) } }
            }
            @if self.trouble != Trouble::None {
                p class="notice bad" role="status" { "Going wrong on purpose: " strong { (self.trouble.words().label) } }
            }
        }
    }

    fn card(&self, index: usize, persona: &Persona) -> Markup {
        let User { email, email_verified, name, groups, .. } = &persona.user;
        let name = name.as_deref().unwrap_or(email);
        html! {
            form class="card" method="post" action={ (PREFIX) "/sign-in" } {
                h2 { (persona.label) }
                p {
                    (name) br;
                    (email) @if !email_verified { span class="bad" { " (not verified)" } }
                    br;
                    span class="soft" { @if groups.is_empty() { "No groups" } @else { "Groups: " (groups.join(", ")) } }
                }
                p class="soft" {
                    @match self.policy.grant(&profile(&persona.user)) {
                        Some(grant) => { "The policy admits them: " code { (grant) } },
                        None => { "The policy refuses them" },
                    }
                }
                input type="hidden" name="persona" value=(index);
                (hidden_return(self.return_to))
                details {
                    summary { "Change e-mail and groups" }
                    (fields(&index.to_string(), Some(&persona.user)))
                }
                button type="submit" { "Sign in as " (name) }
            }
        }
    }

    fn troubles(&self) -> Markup {
        html! {
            div class="notice" {
                details open[self.trouble != Trouble::None] {
                    summary { "Make something go wrong" }
                    form method="post" action={ (PREFIX) "/trouble" } {
                        fieldset {
                            legend { "See each refusal as your users would. It lasts until you choose another, for everybody." }
                            @for trouble in Trouble::ALL {
                                @let words = trouble.words();
                                label class="choice" {
                                    input type="radio" name="trouble" value=(words.value) checked[trouble == self.trouble];
                                    span { (words.label) small { (words.effect) } }
                                }
                            }
                        }
                        (hidden_return(self.return_to))
                        p class="actions" { button type="submit" { "Apply" } }
                    }
                }
            }
        }
    }
}

fn somebody_else(return_to: &LocalTarget) -> Markup {
    html! {
        section aria-labelledby="somebody-else" {
            form class="card" method="post" action={ (PREFIX) "/sign-in" } {
                h2 id="somebody-else" { "Somebody else" }
                (hidden_return(return_to))
                (fields("new", None))
                p class="actions" { button type="submit" { "Sign in as this user" } }
            }
        }
    }
}

/// What the policy is asked about.
fn profile(user: &User) -> Profile {
    let User { sub, email, email_verified, username, name, given_name, family_name, groups } = user.clone();
    Profile {
        subject: sub,
        client: String::new(),
        email_address: EmailAddress::parse(&email).ok(),
        email: Some(email),
        email_verified: Some(email_verified),
        username: Some(username),
        name,
        given_name,
        family_name,
        groups,
        expires_at: 0,
        session_expires_at: 0,
    }
}

fn hidden_return(return_to: &LocalTarget) -> Markup {
    html! { input type="hidden" name="return" value=(return_to.as_str()); }
}

/// `scope` tells the fields of one form from those of the others.
fn fields(scope: &str, user: Option<&User>) -> Markup {
    let groups = user.map(|user| user.groups.join(", ")).unwrap_or_default();
    html! {
        div class="field" {
            label for={ "email-" (scope) } { "E-mail" }
            // Not of type `email`: addresses that browsers refuse are worth a try.
            input id={ "email-" (scope) } name="email" inputmode="email" autocomplete="off" spellcheck="false" required
                value=[user.map(|user| &user.email)];
        }
        div class="field" {
            label for={ "groups-" (scope) } { "Groups, separated by commas" }
            input id={ "groups-" (scope) } name="groups" autocomplete="off" value=(groups);
        }
        label class="choice" {
            input type="checkbox" name="email_verified" value=(ON) checked[user.is_none_or(|user| user.email_verified)];
            span { "E-mail is verified" }
        }
    }
}

/// What is answered in place of an application: a title, and what to do.
pub(super) fn message(title: &str, advice: &str) -> String {
    pages::page(
        title,
        &html! {
            div class="words" {
                h1 { (title) }
                p { (advice) }
                p class="actions" { a class="quiet" href={ (PREFIX) "/" } { "Sign-in page of dev" } }
            }
        },
    )
}
