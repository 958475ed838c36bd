//! `bothways trace tail`.

use std::time::Duration;

use bothways_protocol::NodeName;
use clap::Args;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::filters::Filters;
use super::source::{Places, Source, told};
use crate::cli::merged::Requests;
use crate::cli::remote::{self, Read, Reader};
use crate::cli::{Exit, Globals, Result, Trouble};

const EXAMPLES: &str = "\
Examples:
  bothways trace tail
  bothways trace tail --slower-than 10ms --peer hub
  bothways trace tail --from hub phone             of these nodes, over the network
  bothways trace tail --from /var/lib/hub --code unavailable -o json";

/// How often the logs are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// How often a node is asked for what has come.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Show each request as it ends, until Ctrl-C
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Tail {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    filters: Filters,
    /// Begin with the last so many requests that are recorded already
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    last: usize,
}

impl Tail {
    pub(super) fn run(self, globals: &Globals) -> Result {
        let Places { paths, nodes } = self.source.places(globals)?;
        if paths.iter().any(|path| path.as_os_str() == "-") {
            return Err(Trouble::new(Exit::Usage, "standard input cannot be followed")
                .with_hint("name files or folders, or use `bothways trace show --from -`"));
        }
        let mut requests = Requests::of(paths, self.filters.filter(), globals)?;
        remote::block_on_to_its_end(globals, async {
            // Taken before anything is shown: who sees a line can rely on it.
            let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
            let _ = futures_util::poll!(&mut stop);
            let (give, mut given) = mpsc::channel(1);
            let mut readers = JoinSet::new();
            for peer in &nodes {
                let mut reader = self.source.reader(peer, globals).await?;
                requests.feed(told(&peer.name, reader.read().await?, globals));
                readers.spawn(follow(reader, give.clone()));
            }
            requests.begin(self.last)?;
            loop {
                tokio::select! {
                    biased;
                    _ = &mut stop => return requests.end(),
                    Some(come) = given.recv() => take(come, &mut requests, globals)?,
                    () = tokio::time::sleep(LOOK_EVERY) => requests.turn()?,
                }
            }
        })
    }
}

/// What has come of a node.
enum Come {
    /// What it has recorded since the last time.
    Read(Read),
    /// It gives nothing any more, for now.
    Away(Trouble),
    /// It gives records again.
    Back,
}

/// Reads on, again and again, over whatever becomes of the node.
async fn follow(mut reader: Reader, give: mpsc::Sender<(NodeName, Come)>) {
    let mut is_away = false;
    loop {
        tokio::time::sleep(ASK_EVERY).await;
        let read = reader.read().await;
        let was_away = std::mem::replace(&mut is_away, read.is_err());
        let come = match read {
            Ok(read) => [was_away.then_some(Come::Back), Some(Come::Read(read))],
            Err(_) if was_away => continue,
            Err(trouble) => [Some(Come::Away(trouble)), None],
        };
        for come in come.into_iter().flatten() {
            if give.send((reader.peer().clone(), come)).await.is_err() {
                return;
            }
        }
    }
}

fn take((node, come): (NodeName, Come), requests: &mut Requests, globals: &Globals) -> Result {
    match come {
        Come::Read(read) => {
            requests.feed(told(&node, read, globals));
            requests.turn()?;
        }
        Come::Away(trouble) => globals.note(&format!("{node} is away: {}", trouble.what())),
        Come::Back => globals.note(&format!("{node} is back")),
    }
    Ok(())
}
