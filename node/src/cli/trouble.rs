//! An error as a person at a terminal needs it: what happened and why, what to do next, and the
//! exit code for scripts.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use bothways::visible;

use super::exit::Exit;

/// What a command returns.
pub(crate) type Result<T = ()> = std::result::Result<T, Trouble>;

/// Why a command ended early. Any error turns into one with `?`, as [`Exit::Failed`] and without
/// a hint; [`Advise`] says better.
#[derive(Debug)]
pub(crate) struct Trouble {
    exit: Exit,
    cause: anyhow::Error,
    details: Vec<String>,
    hint: Option<String>,
}

impl Trouble {
    /// Trouble in one sentence: lower case, no full stop.
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, cause: anyhow::Error::msg(what.into()), details: Vec::new(), hint: None }
    }

    /// Trouble by an error.
    pub(crate) fn of(exit: Exit, cause: impl Into<anyhow::Error>) -> Self {
        Self { exit, ..Self::from(cause) }
    }

    /// Adds lines that are shown, indented, under the error.
    #[must_use]
    pub(crate) fn details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    /// Adds what to do next: lower case, no full stop.
    #[must_use]
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// How the command ended, for scripts.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// The error beneath, where it is of this type.
    pub(crate) fn downcast_ref<E: std::error::Error + Send + Sync + 'static>(&self) -> Option<&E> {
        self.cause.chain().find_map(|cause| cause.downcast_ref())
    }

    /// Tells the person at the terminal, on standard error.
    pub(crate) fn tell(&self) {
        let red = AnsiColor::Red.on_default().bold();
        let cyan = AnsiColor::Cyan.on_default().bold();
        // Where standard error is closed there is nobody left to tell.
        let _ = anstream::stderr().lock().write_all(self.styled(red, cyan).as_bytes());
    }

    /// What happened, without what to do next.
    pub(crate) fn in_a_line(&self) -> String {
        let causes = chain(&self.cause);
        let told = std::iter::once(causes).chain(self.details.iter().cloned());
        visible(&told.collect::<Vec<_>>().join("; ")).into_owned()
    }

    /// What is told, without colour.
    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        self.styled(Style::new(), Style::new())
    }

    fn styled(&self, error: Style, hint: Style) -> String {
        let mut text = labelled(error, "error:", &visible(&chain(&self.cause)));
        for detail in &self.details {
            text += &format!("  {}\n", visible(detail));
        }
        if let Some(advice) = &self.hint {
            text += &labelled(hint, "hint:", &visible(advice));
        }
        text
    }
}

fn labelled(style: Style, label: &str, text: &str) -> String {
    format!("{style}{label}{style:#} {text}\n")
}

/// The causes in one line, outermost first, each said once.
fn chain(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if said.is_empty() {
            said = cause;
        } else if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

impl<E: Into<anyhow::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self { exit: Exit::Failed, cause: error.into(), details: Vec::new(), hint: None }
    }
}

/// Says with an error how the command ends and what the person can do.
pub(crate) trait Advise<T> {
    /// Ends the command with this code.
    fn exit(self, exit: Exit) -> Result<T>;
    /// Adds what to do next: lower case, no full stop.
    fn hint(self, hint: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<Trouble>> Advise<T> for std::result::Result<T, E> {
    fn exit(self, exit: Exit) -> Result<T> {
        self.map_err(|error| Trouble { exit, ..error.into() })
    }

    fn hint(self, hint: impl Into<String>) -> Result<T> {
        self.map_err(|error| error.into().with_hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn causes_are_joined_and_said_once() {
        let error = std::io::Error::other("disk full");
        let error =
            anyhow::Error::from(error).context("cannot write: disk full").context("no dice");
        assert_eq!(chain(&error), "no dice: cannot write: disk full");
    }

    #[test]
    fn advice_survives_further_advice() {
        let read = std::fs::read("/nowhere/at/all").context("cannot read");
        let trouble = read.exit(Exit::Config).hint("look").unwrap_err();
        assert_eq!(trouble.exit(), Exit::Config);
        assert_eq!(trouble.hint.as_deref(), Some("look"));
        assert!(trouble.downcast_ref::<std::io::Error>().is_some());
    }
}
