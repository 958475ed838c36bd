//! How a node that was killed tells its peers so when it is back: by stateless resets (RFC 9000
//! §10.3), for which it has to know its old connection ids and tokens again.

use std::sync::Arc;

use std::time::Duration;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use bothways_certs::Identity;
use quinn::{ConnectionId, ConnectionIdGenerator, EndpointConfig};
use quinn_proto::InvalidCid;

/// How much of a connection id is drawn, in bytes. A Retry names an id that is not held for it
/// (RFC 9000 §17.2.5), so that with few of them an Initial would now and then reach a connection of
/// somebody else: quinn's own generator draws three bytes, too few for thousands of connections.
const DRAWN: usize = 5;
/// How much of it tells that it is ours, in bytes.
const MARK: usize = 3;

/// Keys that are the same after a restart, and that nobody knows without the identity's key.
#[derive(Debug)]
pub(crate) struct RestartKeys {
    reset: Key,
    connection_ids: Key,
}

impl RestartKeys {
    /// Derives the keys of a node from the private key of its identity.
    pub(crate) fn of(identity: &Identity) -> Self {
        let secret = Key::new(HMAC_SHA256, identity.key().secret_der());
        let derive = |what: &str| sign(&secret, format!("bothways/1 {what}").as_bytes());
        let key = |what| Key::new(HMAC_SHA256, derive(what).as_ref());
        Self { reset: key("stateless reset"), connection_ids: key("connection ids") }
    }

    /// The settings of an endpoint that is known again after a restart.
    pub(super) fn endpoint_settings(&self) -> EndpointConfig {
        let mut config = EndpointConfig::new(Arc::new(self.reset.clone()));
        let key = self.connection_ids.clone();
        config.cid_generator(move || Box::new(MarkedIds { key: key.clone() }));
        config
    }
}

/// Connection ids of eight bytes that their node knows again, also after a restart: only a packet
/// with such an id is worth a stateless reset.
struct MarkedIds {
    key: Key,
}

impl MarkedIds {
    fn mark(&self, drawn: &[u8]) -> [u8; MARK] {
        let tag = sign(&self.key, drawn);
        *tag.as_ref().first_chunk().expect("HMAC-SHA256 gives 32 bytes")
    }
}

impl ConnectionIdGenerator for MarkedIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let drawn: [u8; DRAWN] = rand::random();
        let mut id = [0; DRAWN + MARK];
        id[..DRAWN].copy_from_slice(&drawn);
        id[DRAWN..].copy_from_slice(&self.mark(&drawn));
        ConnectionId::new(&id)
    }

    fn validate(&self, id: &ConnectionId) -> Result<(), InvalidCid> {
        match id.split_at_checked(DRAWN) {
            Some((drawn, mark)) if mark == self.mark(drawn) => Ok(()),
            _ => Err(InvalidCid),
        }
    }

    fn cid_len(&self) -> usize {
        DRAWN + MARK
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use bothways_certs::{Authority, DEFAULT_AUTHORITY_LIFE, DEFAULT_IDENTITY_LIFE};

    use super::*;

    #[test]
    fn an_identity_has_its_own_keys_and_always_the_same() {
        let authority =
            Authority::create(&"test".parse().unwrap(), DEFAULT_AUTHORITY_LIFE).unwrap();
        let issue = |name: &str| authority.issue(&name.parse().unwrap(), DEFAULT_IDENTITY_LIFE);
        let (ann, ben) = (issue("ann").unwrap(), issue("ben").unwrap());
        let shown = |identity| {
            let keys = RestartKeys::of(identity);
            let shown = |key| sign(key, b"id").as_ref().to_vec();
            (shown(&keys.reset), shown(&keys.connection_ids))
        };
        assert_eq!(shown(&ann), shown(&ann));
        assert_ne!(shown(&ann).0, shown(&ben).0);
        assert_ne!(shown(&ann).1, shown(&ben).1);
    }

    #[test]
    fn a_node_knows_its_ids_again_and_no_others() {
        let ids = |secret: &[u8]| MarkedIds { key: Key::new(HMAC_SHA256, secret) };
        let (mut before, after, other) = (ids(b"one"), ids(b"one"), ids(b"two"));
        let mut drawn = std::collections::HashSet::new();
        for _ in 0..1_000 {
            let id = before.generate_cid();
            assert_eq!(id.len(), before.cid_len());
            assert!(after.validate(&id).is_ok() && other.validate(&id).is_err());
            assert!(drawn.insert(id.to_vec()), "drawn twice");
        }
        for wrong in [&[][..], &[7; 3], &[7; 8], &[7; 20]] {
            assert!(after.validate(&ConnectionId::new(wrong)).is_err());
        }
    }
}
