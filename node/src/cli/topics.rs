//! Topics as they are named on the command line and in a topology.

use std::collections::BTreeMap;

/// The topics of each service that they name; where one names none, that topic.
pub(super) fn by_service(topics: &[String]) -> Result<BTreeMap<&str, Vec<String>>, &str> {
    let mut services: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for topic in topics {
        let (service, _) = topic.split_once('.').ok_or(topic.as_str())?;
        services.entry(service).or_default().push(topic.clone());
    }
    Ok(services)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_grouped_by_their_service_in_the_order_in_which_they_were_named() {
        let said = ["people.updated", "orders.*", "people.created"].map(ToOwned::to_owned);
        let services = by_service(&said).unwrap();
        let expected =
            [("orders", vec![said[1].clone()]), ("people", vec![said[0].clone(), said[2].clone()])];
        assert_eq!(services, expected.into());
        let wrong = ["people.*", "people"].map(ToOwned::to_owned);
        assert_eq!(by_service(&wrong), Err("people"));
    }
}
