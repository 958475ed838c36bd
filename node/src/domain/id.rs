//! Ids of records: UUIDs of version 7 (RFC 9562 §5.7), which sort by when they were given.

use uuid::Uuid;

/// Declares the id of one kind of record: a checked UUID, text on the wire, and where it stands
/// in the store.
macro_rules! id {
    ($(#[$doc:meta])* $Id:ident, $Error:ident, $folder:literal, $about:literal, $wrong:literal) => {
        $(#[$doc])*
        ///
        /// A UUID, version 7 (RFC 9562 §5.7), so that ids sort by when they were given. Written as
        /// text on the wire, too.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(description = $about, extend("format" = "uuid"))]
        pub struct $Id(uuid::Uuid);

        #[doc = concat!("A text that is no [`", stringify!($Id), "`].")]
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error($wrong)]
        pub struct $Error;

        impl $Id {
            /// What all records of this kind stand below.
            pub(super) fn folder() -> crate::store::Key {
                $folder.parse().expect("a word is a key")
            }

            /// An id as one looks.
            pub(super) fn example() -> Self {
                Self(crate::domain::id::EXAMPLE)
            }

            /// A new id, greater than those that this process drew before.
            pub(super) fn draw() -> Self {
                Self(uuid::Uuid::now_v7())
            }

            /// Where the record stands in the store.
            pub(super) fn key(self) -> crate::store::Key {
                format!(concat!($folder, ".{}"), self).parse().expect("a UUID is a word of a key")
            }

            /// Which record a key stands for: its own, or another that ends as its own does.
            pub(super) fn of_key(key: &crate::store::Key) -> Result<Self, crate::store::StoreError> {
                let id = key.as_str().rsplit('.').next().unwrap_or_default();
                id.parse().map_err(|error| crate::domain::stored::damaged(key, &error))
            }
        }

        impl std::fmt::Display for $Id {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl std::str::FromStr for $Id {
            type Err = $Error;

            fn from_str(text: &str) -> Result<Self, $Error> {
                match uuid::Uuid::try_parse(text) {
                    Ok(id) if id.get_version_num() == 7 => Ok(Self(id)),
                    _ => Err($Error),
                }
            }
        }

        impl TryFrom<String> for $Id {
            type Error = $Error;

            fn try_from(text: String) -> Result<Self, $Error> {
                text.parse()
            }
        }

        impl From<$Id> for String {
            fn from(id: $Id) -> Self {
                id.to_string()
            }
        }
    };
}

pub(super) use id;

/// An id as one looks: the one that RFC 9562 §A.6 has for an example.
pub(super) const EXAMPLE: Uuid = Uuid::from_u128(0x017f_22e2_79b0_7cc3_98c4_dc0c_0c07_398f);

/// When an id was given, in milliseconds since 1970 UTC: its first 48 bits.
pub(super) fn given_ms(id: Uuid) -> u64 {
    u64::try_from(id.as_u128() >> 80).unwrap_or(u64::MAX)
}

/// The least id that can be given at this time.
pub(super) fn least_of(unix_ms: u64) -> Uuid {
    let (version, variant) = (7 << 76, 2 << 62);
    Uuid::from_u128((u128::from(unix_ms) << 80) | version | variant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_knows_when_it_was_given() {
        let (before, id, after) =
            (crate::clock::unix_ms(), Uuid::now_v7(), crate::clock::unix_ms());
        assert!((before..=after).contains(&given_ms(id)));
        let least = least_of(given_ms(id));
        assert!(least <= id && least > least_of(given_ms(id) - 1));
        assert_eq!((least.get_version_num(), given_ms(least)), (7, given_ms(id)));
    }
}
