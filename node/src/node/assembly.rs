//! Puts a node together: the asking half, the answering half, the sockets between them and the
//! network.

use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Instant;

use bothways_certs::{DialerTls, listener_tls};
use bothways_protocol::{ALPN, Greeting, LANES, PeerLimits, VERSION};
use quinn::Endpoint;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Shared, StartError};
use crate::client::Outbound;
use crate::config::Plan;
use crate::exchange::Recorder;
use crate::metrics::Metrics;
use crate::network::Network;
use crate::otlp::Exporter;
use crate::service::{Inbound, Router};
use crate::session::{
    Complaints, Dialer, DialerParts, Dialers, Doorway, Table, Us, keep_alive, welcome_all,
};
use crate::transport::{
    AssemblyBudget, Dialing, Gate, GateBounds, Listener, QuicSettings, RestartKeys, Traces,
};

/// Assembles a node on the first network thread: binds its listeners, starts its dialers.
pub(super) fn assemble(
    plan: &Plan,
    router: Router,
    network: Network,
) -> Result<Shared, StartError> {
    let (name, limits) = (plan.name().clone(), plan.limits().clone());
    let table = Arc::new(Table::new(name.clone(), limits.connections_per_peer));
    let peers = plan.peers().iter().map(|(peer, address)| (peer.clone(), address.to_string()));
    let (handles, dialers) = Dialers::to(peers);
    let who = (name, plan.role());
    let exporter = plan.exchange().otlp.as_ref();
    let exporter = exporter.map(|endpoint| Exporter::start(&who.0, endpoint)).transpose()?;
    let export = exporter.as_ref().map(Exporter::takes_records);
    let recorder = Recorder::new(limits.exchange_recent, export);
    let metrics = Arc::new(Metrics::new());
    let outbound = Outbound::new(who, limits, network, table, handles, metrics, recorder);
    let outbound = Arc::new(outbound);
    let inbound = Arc::new(Inbound::new(outbound.clone(), router, &plan.exchange().readers));
    let ourselves: Weak<Inbound> = Arc::downgrade(&inbound);
    outbound.meet(ourselves);

    let us = Arc::new(us(plan, &inbound));
    let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
    let traces = Traces::open(plan.debug())?;
    plan.debug().warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    let listeners = bind(plan, &traces)?;
    let halves = (&outbound, &inbound);
    listen(&listeners, halves, &us, &stop, &mut tasks);
    let listening = listeners.iter().map(|listener| listener.address).collect();
    let mut endpoints: Vec<_> = listeners.into_iter().map(|listener| listener.endpoint).collect();
    if plan.role().dials() {
        endpoints.push(dial(plan, (dialers, traces), halves, &us, &stop, &mut tasks)?);
    }
    let (endpoints, tasks) = (Mutex::new(endpoints), Mutex::new(tasks));
    let (network, started_ms) = (us.network.clone(), us.greeting.boot_ms);
    let stopped = OnceLock::new();
    Ok(Shared {
        outbound,
        inbound,
        exporter,
        network,
        started_ms,
        listening,
        endpoints,
        stop,
        stopped,
        tasks,
    })
}

fn us(plan: &Plan, inbound: &Inbound) -> Us {
    let limits = plan.limits();
    let whole = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let lane_message_bytes = Some(limits.lane_message_bytes).filter(|bytes| *bytes > 0);
    Us {
        greeting: Greeting {
            version: VERSION,
            name: plan.name().clone(),
            role: plan.role(),
            boot_ms: crate::clock::unix_ms(),
            agent: concat!("bothways ", env!("CARGO_PKG_VERSION")).to_owned(),
            features: lane_message_bytes.map(|_| LANES.to_owned()).into_iter().collect(),
            limits: PeerLimits {
                in_flight: whole(limits.requests_in_flight),
                message_bytes: whole(inbound.largest_message()),
            },
        },
        network: plan.network().clone(),
        greeting_timeout: limits.handshake,
        lane_message_bytes,
        assembly: AssemblyBudget::new(limits.assembling_bytes_per_peer, limits.assembling_bytes),
    }
}

fn bind(plan: &Plan, traces: &Traces) -> Result<Vec<Listener>, StartError> {
    let settings = QuicSettings::new(plan.limits(), None, traces);
    let keys = RestartKeys::of(plan.identity());
    let mut listeners = Vec::new();
    for address in plan.listen() {
        let tls = listener_tls(plan.identity(), plan.trust(), &[ALPN])?;
        listeners.push(Listener::bind(*address, tls, &settings, traces, &keys)?);
    }
    Ok(listeners)
}

fn listen(
    listeners: &[Listener],
    (outbound, inbound): (&Arc<Outbound>, &Arc<Inbound>),
    us: &Arc<Us>,
    stop: &CancellationToken,
    tasks: &mut JoinSet<()>,
) {
    let gate = Gate::new(GateBounds::of(&outbound.limits), Instant::now());
    let doorway = Arc::new(Doorway {
        us: us.clone(),
        network: outbound.network.clone(),
        table: outbound.table.clone(),
        dispatch: inbound.clone(),
        limits: outbound.limits.clone(),
        gate: Arc::new(Mutex::new(gate)),
        stop: stop.clone(),
        metrics: outbound.metrics.clone(),
        complaints: Complaints::default(),
    });
    for listener in listeners {
        tasks.spawn(welcome_all(
            listener.endpoint.clone(),
            listener.accepting.clone(),
            doorway.clone(),
        ));
    }
}

fn dial(
    plan: &Plan,
    (dialers, traces): (Vec<Dialer>, Traces),
    (outbound, inbound): (&Arc<Outbound>, &Arc<Inbound>),
    us: &Arc<Us>,
    stop: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> Result<Endpoint, StartError> {
    let limits = &outbound.limits;
    let settings = QuicSettings::new(limits, Some(keep_alive(limits)), &traces);
    let dialing = Arc::new(Dialing::open(settings, traces)?);
    let endpoint = dialing.endpoint.clone();
    let parts = Arc::new(DialerParts {
        us: us.clone(),
        tls: Arc::new(DialerTls::new(plan.identity(), plan.trust(), &[ALPN])?),
        dialing,
        network: outbound.network.clone(),
        table: outbound.table.clone(),
        dispatch: inbound.clone(),
        limits: limits.clone(),
        stop: stop.clone(),
        metrics: outbound.metrics.clone(),
    });
    for dialer in dialers {
        tasks.spawn(dialer.run(parts.clone()));
    }
    Ok(endpoint)
}
