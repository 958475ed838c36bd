//! What a node leaves behind for those who look for a fault in it.

use std::path::PathBuf;

/// What a node leaves behind for those who look for a fault in it; nothing, unless it is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DebugPlan {
    /// The folder in which each connection leaves a file of what happened to its packets (qlog).
    pub qlog: Option<PathBuf>,
    /// The file to which the keys of each connection are added (the format of SSLKEYLOGFILE).
    pub tls_key_log: Option<PathBuf>,
}

impl DebugPlan {
    /// What whoever asks for it should know. A node says it when it starts.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let qlog = self.qlog.as_ref().map(|folder| {
            format!(
                "each connection leaves a file in {} (debug.qlog): who talked to whom, when and how \
                 much; it slows the node down",
                folder.display()
            )
        });
        let key_log = self.tls_key_log.as_ref().map(|file| {
            format!(
                "the keys of each connection go to {} (debug.tls_key_log): whoever has that file \
                 reads all traffic of this node; leave it off and remove the file when you are done",
                file.display()
            )
        });
        qlog.into_iter().chain(key_log).collect()
    }
}
