//! How long requests took, by method and by how they ended: what Prometheus calls a histogram.
//!
//! Two additions for each request: the library's own histogram needs twice as many, and a lock to
//! find it. The library writes the text.

use std::sync::Arc;
use std::time::Duration;

use bothways_protocol::MethodName;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::methods::{ENDS_NS, Ends, Methods, Spread};
use crate::exchange::Outcome;

/// The method under which all are counted that are not told apart, as the semantic conventions have
/// it.
const OTHER: &str = "_OTHER";

/// The durations of the requests at one end. A handle: clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Durations(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    desc: Desc,
    names: Names,
    methods: Methods,
    other: Ends,
}

/// Which methods are told apart. What a peer makes up is not among them, so that it cannot make the
/// node hold more and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Those that were named at the start.
    Known,
    /// The first that come, so many of them.
    Learned(usize),
}

impl Durations {
    pub(super) fn new(name: &str, help: &str, names: Names) -> Self {
        let desc = Desc::new(name.to_owned(), help.to_owned(), Vec::new(), Default::default());
        let desc = desc.expect("the name is the format's");
        Self(Arc::new(Inner { desc, names, methods: Methods::new(), other: Ends::default() }))
    }

    /// Names methods that are told apart.
    pub(super) fn know<'m>(&self, methods: impl IntoIterator<Item = &'m MethodName>) {
        for method in methods {
            // Where there are too many, what is left is counted together.
            self.0.methods.hold(method, usize::MAX);
        }
    }

    /// A request is over.
    pub(super) fn note(&self, method: &MethodName, outcome: Outcome, took: Duration) {
        let Inner { names, methods, other, .. } = &*self.0;
        let found = methods.find(method).or_else(|| match names {
            Names::Known => None,
            Names::Learned(most) => methods.hold(method, *most),
        });
        found.map_or(other, |method| &method.ends).note(outcome, took);
    }

    /// How many are over, and how many of them ended otherwise than with a result.
    pub(super) fn counts(&self) -> (u64, u64) {
        let Inner { methods, other, .. } = &*self.0;
        let ends = methods.all().map(|method| &method.ends).chain([other]);
        let mut counts = (0, 0);
        for (outcome, spread) in ends.flat_map(Ends::each) {
            let count = spread.count();
            counts.0 += count;
            counts.1 += if outcome == Outcome::Ok { 0 } else { count };
        }
        counts
    }
}

impl Collector for Durations {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Inner { desc, methods, other, .. } = &*self.0;
        let named = methods.all().map(|method| (method.name.as_str(), &method.ends));
        let metrics = named.chain([(OTHER, other)]).flat_map(|(name, ends)| {
            ends.each().map(move |(outcome, spread)| metric(name, outcome, spread))
        });
        let mut family = MetricFamily::default();
        family.set_name(desc.fq_name.clone());
        family.set_help(desc.help.clone());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(metrics.collect());
        vec![family]
    }
}

fn metric(method: &str, outcome: Outcome, spread: &Spread) -> Metric {
    let mut labels = vec![
        label("rpc_method", method),
        label("rpc_response_status_code", outcome.as_str()),
        label("rpc_system_name", "bothways"),
    ];
    if let Outcome::Failed(code) = outcome {
        labels.insert(0, label("error_type", code.as_str()));
    }
    let cumulative = spread.cumulative();
    let buckets = ENDS_NS.iter().zip(cumulative).map(|(end_ns, count)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(Duration::from_nanos(*end_ns).as_secs_f64());
        bucket.set_cumulative_count(count);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(cumulative[ENDS_NS.len()]);
    histogram.set_sample_sum(spread.sum().as_secs_f64());
    let mut metric = Metric::from_label(labels);
    metric.set_histogram(histogram);
    metric
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.to_owned());
    label.set_value(value.to_owned());
    label
}
