//! How a node that was killed tells its peers so when it is back: by stateless resets (RFC 9000
//! §10.3), for which it has to know its old connection ids and tokens again.

use std::sync::Arc;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use bothways_certs::Identity;
use quinn::EndpointConfig;
use quinn_proto::HashedConnectionIdGenerator;

/// Keys that are the same after a restart, and that nobody knows without the identity's key.
#[derive(Debug)]
pub(crate) struct RestartKeys {
    reset: Key,
    connection_ids: u64,
}

impl RestartKeys {
    /// Derives the keys of a node from the private key of its identity.
    pub(crate) fn of(identity: &Identity) -> Self {
        let secret = Key::new(HMAC_SHA256, identity.key().secret_der());
        let derive = |what: &str| sign(&secret, format!("bothways/1 {what}").as_bytes());
        let reset = Key::new(HMAC_SHA256, derive("stateless reset").as_ref());
        let ids = derive("connection ids");
        let first = ids.as_ref().first_chunk().expect("HMAC-SHA256 gives 32 bytes");
        Self { reset, connection_ids: u64::from_be_bytes(*first) }
    }

    /// The settings of an endpoint that is known again after a restart.
    pub(super) fn endpoint_settings(&self) -> EndpointConfig {
        let mut config = EndpointConfig::new(Arc::new(self.reset.clone()));
        let key = self.connection_ids;
        config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(key)));
        config
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
            (sign(&keys.reset, b"id").as_ref().to_vec(), keys.connection_ids)
        };
        assert_eq!(shown(&ann), shown(&ann));
        assert_ne!(shown(&ann).0, shown(&ben).0);
        assert_ne!(shown(&ann).1, shown(&ben).1);
    }
}
