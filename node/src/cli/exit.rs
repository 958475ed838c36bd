//! What the exit code of `bothways` says. Scripts rely on these numbers: they do not change.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what was asked.
    Done = 0,
    /// The peer answered with a failure, or the work could not be done.
    Failed = 1,
    /// The command line is wrong (the number that clap uses).
    Usage = 2,
    /// The configuration, or the context, is wrong.
    Config = 3,
    /// The peer cannot be reached: wrong address, nobody there, no route.
    Unreachable = 4,
    /// One side does not trust the other: certificate, authority or name.
    Untrusted = 5,
    /// The deadline passed before there was an answer.
    Deadline = 6,
    /// There is nothing of what was looked for.
    Nothing = 7,
    /// Somebody interrupted it (128 + SIGINT, as shells count).
    Interrupted = 130,
}

/// The table for `bothways --help` and the man page.
pub(crate) const TABLE: &str = "\
Exit codes:
  0    done
  1    the peer answered with a failure, or the work could not be done
  2    the command line is wrong
  3    the configuration or the context is wrong
  4    the peer cannot be reached
  5    one side does not trust the other: certificate, authority or name
  6    the deadline passed before there was an answer
  7    there is nothing of what was looked for
  130  interrupted";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_each_code() {
        let all = [
            Exit::Done,
            Exit::Failed,
            Exit::Usage,
            Exit::Config,
            Exit::Unreachable,
            Exit::Untrusted,
            Exit::Deadline,
            Exit::Nothing,
            Exit::Interrupted,
        ];
        for exit in all {
            let start = format!("  {:<5}", exit as u8);
            assert!(TABLE.lines().any(|line| line.starts_with(&start)), "{exit:?}");
        }
        assert_eq!(TABLE.lines().count(), 1 + all.len());
    }
}
