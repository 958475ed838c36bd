//! Settings → [`Plan`]: names are parsed, files are read, and what contradicts itself is told
//! with the place where it was said.

use std::collections::BTreeSet;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use bothways_certs::{Identity, Trust};
use bothways_protocol::{NodeName, Role, RoleError};

use super::address::PeerAddress;
use super::debug::DebugPlan;
use super::exchange::ExchangePlan;
use super::gather::suggestion;
use super::http::HttpPlan;
use super::keys::key;
use super::limits::Limits;
use super::log::{LogFormat, LogPlan};
use super::plan::{Draft, Plan};
use super::services::{BUILT_IN_SERVICES, Services};
use super::services::{MessagesPlan, OrdersPlan};
use super::settings::{Origin, Problem, Said, Settings, SettingsError};
use super::value::Value;

impl Settings {
    /// Makes the plan that these settings ask for. Reads the identity's files and the authority's,
    /// and resolves the addresses to listen on; opens nothing.
    ///
    /// # Errors
    /// All that is wrong, each with where it was said.
    pub fn check(&self) -> Result<Plan, SettingsError> {
        let mut check = Check { settings: self, problems: Vec::new() };
        let draft = check.draft();
        if !check.problems.is_empty() {
            return Err(SettingsError::Wrong(check.problems));
        }
        // Without a draft there is a problem.
        let plan = draft
            .ok_or_else(Vec::new)
            .and_then(|draft| draft.check().map_err(|error| vec![Problem::new(error.to_string())]));
        plan.map_err(SettingsError::Wrong)
    }

    /// The path of the node's control socket: as it was said, else in the data folder.
    #[must_use]
    pub fn control(&self) -> Option<PathBuf> {
        let said = self.path(key::CONTROL).map(|said| said.value);
        said.or_else(|| Some(self.path(key::DATA)?.value.join("control.sock")))
    }

    /// What of these settings a short-lived client needs in order to talk to this one peer: the
    /// identity, the limits and that peer's address.
    #[must_use]
    pub fn of_client(mut self, peer: &NodeName) -> Self {
        self.values.retain(|path, _| path.starts_with("identity.") || path.starts_with("limits."));
        self.peers.retain(|name, _| name == peer.as_str());
        let (value, origin) = (Value::Text(Role::Client.to_string()), Origin::Default);
        self.values.insert(key::ROLE, Said { value, origin });
        // It lives too briefly for anybody to look at what it keeps in memory.
        let (value, origin) = (Value::Number(0), Origin::Default);
        self.values.insert("limits.exchange_recent", Said { value, origin });
        self
    }

    /// Says how to log.
    ///
    /// # Errors
    /// Where the level is neither a level nor a filter.
    pub fn logs(&self) -> Result<LogPlan, SettingsError> {
        let format = match self.text(key::LOG_FORMAT).map(|said| said.value).as_deref() {
            Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            _ => LogFormat::Auto,
        };
        let file = self.path(key::LOG_FILE).map(|said| said.value);
        let level = self.text(key::LOG_LEVEL);
        let Said { value, origin } =
            level.unwrap_or(Said { value: "info".to_owned(), origin: Origin::Default });
        let plan = LogPlan { format, level: value, file, kept: None };
        match plan.filter() {
            Ok(_) => Ok(plan),
            Err(error) => Err(SettingsError::Wrong(vec![Problem::at(&origin, error.to_string())])),
        }
    }
}

struct Check<'s> {
    settings: &'s Settings,
    problems: Vec<Problem>,
}

impl Check<'_> {
    /// The draft, as far as it could be made; each thing that is missing from it is a problem.
    fn draft(&mut self) -> Option<Draft> {
        let role = self.role();
        let (listen, peers) = (self.listen(role), self.peers());
        let (services, limits) = (self.services(), self.limits());
        let messages = MessagesPlan::of(self.settings);
        let orders = OrdersPlan::of(self.settings, &mut self.problems);
        let exchange = ExchangePlan::of(self.settings, &mut self.problems);
        let http = HttpPlan::of(self.settings, &mut self.problems);
        self.check_role(role, &listen);
        let (identity, trust) = self.identity()?;
        self.check_name(&identity);

        let mut draft = Plan::draft(identity, trust).role(role).services(services).limits(limits);
        draft = draft.messages(messages).orders(orders).exchange(exchange).debug(self.debug());
        for address in listen {
            draft = draft.listen(address);
        }
        for (name, address) in peers {
            draft = draft.peer(name, address);
        }
        if let Some(socket) = self.settings.control() {
            draft = draft.control(socket);
        }
        if let Some(http) = http {
            draft = draft.http(http);
        }
        let data = self.settings.path(key::DATA).map(|said| said.value);
        Some(match data {
            Some(folder) => draft.data(folder),
            None => draft,
        })
    }

    fn debug(&self) -> DebugPlan {
        let path = |key| self.settings.path(key).map(|said| said.value);
        DebugPlan { qlog: path(key::QLOG), tls_key_log: path(key::TLS_KEY_LOG) }
    }

    fn tell(&mut self, origin: &Origin, what: impl Into<String>) {
        self.problems.push(Problem::at(origin, what));
    }

    fn role(&mut self) -> Role {
        let Some(Said { value, origin }) = self.settings.text(key::ROLE) else {
            return Role::default();
        };
        value.parse().unwrap_or_else(|error: RoleError| {
            self.tell(&origin, error.to_string());
            Role::default()
        })
    }

    /// The addresses; where nothing is said, the default, if the role listens at all.
    fn listen(&mut self, role: Role) -> Vec<SocketAddr> {
        let Some(Said { value, origin }) = self.settings.list(key::LISTEN) else {
            return Vec::new();
        };
        if origin == Origin::Default && !role.listens() {
            return Vec::new();
        }
        let mut addresses = Vec::new();
        for text in value {
            match text.to_socket_addrs() {
                Ok(found) => addresses.extend(found),
                Err(error) => self.tell(
                    &origin,
                    format!(
                        "cannot listen on {text:?}: {error}: write an address of this machine and \
                         a port, such as 127.0.0.1:4433 or [::]:4433"
                    ),
                ),
            }
        }
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    fn peers(&mut self) -> Vec<(NodeName, PeerAddress)> {
        let mut peers = Vec::new();
        for (name, said) in self.settings.peers() {
            match (name.parse::<NodeName>(), said.value.parse::<PeerAddress>()) {
                (Ok(name), Ok(address)) => peers.push((name, address)),
                (Err(error), _) => self.tell(&said.origin, error.to_string()),
                (_, Err(error)) => self.tell(&said.origin, format!("peer {name}: {error}")),
            }
        }
        peers
    }

    /// What [`Draft::check`] would refuse, too, but here with the line that said so.
    fn check_role(&mut self, role: Role, listen: &[SocketAddr]) {
        let listens = !role.listens() && !listen.is_empty();
        if let Some(said) = self.settings.list(key::LISTEN).filter(|_| listens) {
            let what = format!(
                "role {role} never listens, so that nobody can reach it: remove `listen`, or use \
                 role peer"
            );
            self.tell(&said.origin, what);
        }
        for (name, said) in self.settings.peers().filter(|_| !role.dials()) {
            let what = format!(
                "role {role} never dials, so peer {name} cannot be dialed: remove it, or use role \
                 peer"
            );
            self.tell(&said.origin, what);
        }
    }

    fn services(&mut self) -> Services {
        let Some(Said { value, origin }) = self.settings.list(key::SERVICES) else {
            return Services::All;
        };
        for name in value.iter().filter(|name| !BUILT_IN_SERVICES.contains(&name.as_str())) {
            let meant = suggestion(name, BUILT_IN_SERVICES.iter().copied());
            let all = BUILT_IN_SERVICES.join(", ");
            let meant = if meant.is_empty() { format!(": there is {all}") } else { meant };
            self.tell(&origin, format!("there is no service {name:?}{meant}"));
        }
        Services::Only(value.into_iter().collect::<BTreeSet<_>>())
    }

    fn limits(&mut self) -> Limits {
        let mut limits = Limits::default();
        for key in Limits::KEYS {
            let Some(Said { value: Value::Number(value), origin }) = self.settings.get(key.path)
            else {
                continue;
            };
            if let Err(error) = limits.set(key.path, value) {
                self.tell(&origin, error.to_string());
            }
        }
        limits
    }

    fn identity(&mut self) -> Option<(Identity, Trust)> {
        let certificate = self.needed(key::CERTIFICATE);
        let private = self.needed(key::KEY);
        let authority = self.needed(key::AUTHORITY);
        let trust = authority.and_then(|said| {
            Trust::load(&said.value)
                .map_err(|error| self.tell(&said.origin, error.to_string()))
                .ok()
        });
        let (certificate, private) = (certificate?, private?);
        let identity = Identity::load(&certificate.value, &private.value)
            .map_err(|error| self.tell(&certificate.origin, error.to_string()))
            .ok();
        Some((identity?, trust?))
    }

    fn needed(&mut self, path: &'static str) -> Option<Said<PathBuf>> {
        let said = self.settings.path(path);
        if said.is_none() {
            let what = format!(
                "`{path}` is needed: a node proves its name with a certificate, which `bothways \
                 cert issue` makes"
            );
            self.problems.push(Problem::new(what));
        }
        said
    }

    fn check_name(&mut self, identity: &Identity) {
        let Some(Said { value, origin }) = self.settings.text(key::NAME) else { return };
        if value != identity.name().as_str() {
            let what = format!(
                "`name` is {value:?}, but the certificate says {}: remove `name`, or have a \
                 certificate issued for {value:?}",
                identity.name()
            );
            self.tell(&origin, what);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bothways_certs::{Authority, DEFAULT_AUTHORITY_LIFE, DEFAULT_IDENTITY_LIFE};

    use super::super::gather::Sources;
    use super::*;

    const IDENTITY: &str = "[identity]\ncertificate = 'certs/hub.pem'\nkey = 'certs/hub.key'\n\
                            authority = 'certs/authority.pem'\n";

    /// A folder with the certificates of node hub in network demo.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let certs = folder.path().join("certs");
        let authority =
            Authority::create(&"demo".parse().unwrap(), DEFAULT_AUTHORITY_LIFE).unwrap();
        authority.save(&certs).unwrap();
        let hub = authority.issue(&"hub".parse().unwrap(), DEFAULT_IDENTITY_LIFE).unwrap();
        hub.save(&certs).unwrap();
        folder
    }

    fn gathered(folder: &Path, text: &str) -> Settings {
        let file = folder.join("node.toml");
        std::fs::write(&file, text).unwrap();
        Settings::gather(&Sources { file: Some(file), ..Sources::default() }).unwrap()
    }

    #[test]
    fn a_file_becomes_a_plan() {
        let folder = folder();
        let text = format!(
            "name = 'hub'\ndata = 'd'\nservices = ['people']\n{IDENTITY}\
             [messages]\nkeep_for_ms = 60_000\n[exchange]\nreaders = ['you']\n[orders]\nstaff = ['desk']\n\
             [orders.prices]\nflat-white = 4_50\n[peers.store]\naddress = 'store:1'\n[limits]\ndrain_ms = 5"
        );
        let plan = gathered(folder.path(), &text).check().unwrap();
        assert_eq!((plan.name().as_str(), plan.role()), ("hub", Role::Peer));
        assert_eq!(plan.listen(), ["127.0.0.1:4433".parse().unwrap()]);
        assert_eq!(plan.data(), Some(folder.path().join("d").as_path()));
        assert_eq!(plan.control(), Some(folder.path().join("d/control.sock").as_path()));
        assert_eq!(plan.peers()["store"].to_string(), "store:1");
        assert_eq!(plan.limits().drain.as_millis(), 5);
        assert_eq!(
            (plan.messages().keep_for.as_secs(), plan.orders().currency.as_str()),
            (60, "EUR")
        );
        assert_eq!(plan.orders().prices, [("flat-white".to_owned(), 450)].into());
        assert_eq!(plan.orders().staff, ["desk".parse().unwrap()].into());
        assert_eq!(plan.exchange().readers, ["you".parse().unwrap()].into());
        assert!(plan.services().enables("people") && !plan.services().enables("orders"));
    }

    #[test]
    fn a_client_does_not_listen_by_default() {
        let folder = folder();
        let plan =
            gathered(folder.path(), &format!("role = 'client'\n{IDENTITY}")).check().unwrap();
        assert!(plan.listen().is_empty());
        assert_eq!(plan.control(), None);
    }

    #[test]
    fn the_settings_of_a_server_serve_a_client_too() {
        let folder = folder();
        let text = format!(
            "role = 'server'\nlisten = ['127.0.0.1:1']\ndata = 'd'\n{IDENTITY}\
             [peers.store]\naddress = 'store:1'\n[peers.hug]\naddress = 'hug:1'"
        );
        let client = gathered(folder.path(), &text).of_client(&"store".parse().unwrap());
        let plan = client.check().unwrap();
        assert_eq!((plan.role(), plan.listen()), (Role::Client, [].as_slice()));
        assert_eq!((plan.peers().len(), plan.data(), plan.control()), (1, None, None));
    }

    #[test]
    fn what_contradicts_itself_is_told_with_its_line() {
        let folder = folder();
        let table = [
            ("\nrole='client'\nlisten=['127.0.0.1:1']\n", "node.toml:3: role client never listens"),
            ("role='server'\npeers.a.address='a:1'\n", "node.toml:2: role server never dials"),
            ("role='server'\nlisten=[]\n", "role server never dials, so it needs an address"),
            ("name='hug'\n", "node.toml:1: `name` is \"hug\", but the certificate says hub"),
            ("peers.hub.address='a:1'\n", "hub is to dial itself"),
            ("peers.A.address='a:1'\n", "node.toml:1: \"A\" is no node name"),
            ("peers.a.address='a'\n", "node.toml:1: peer a: \"a\" is no address"),
            ("listen=['here']\n", "node.toml:1: cannot listen on \"here\""),
            ("services=['peopel']\n", "there is no service \"peopel\": did you mean `people`?"),
            ("services=['x']\n", "there is no service \"x\": there is people"),
            ("orders.currency='eur'\n", "node.toml:1: `orders.currency` is \"eur\": it should be"),
            ("orders.staff=['a', 'B']\n", "node.toml:1: `orders.staff`: \"B\" is no node name"),
            ("otlp.endpoint='a:1'\n", "node.toml:1: `otlp.endpoint`: \"a:1\" is no OTLP endpoint"),
            ("exchange.readers=['A']\n", "node.toml:1: `exchange.readers`: \"A\" is no node name"),
            ("orders.prices={'Flat White'=1}\n", "\"Flat White\" is no item: write 1 to 64"),
            ("limits.keep_alive_ms=40_000\n", "limits.keep_alive_ms (40000) must be below"),
        ];
        for (text, expected) in table {
            let error = gathered(folder.path(), &format!("{text}{IDENTITY}")).check().unwrap_err();
            assert_eq!(error.problems().len(), 1, "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn each_missing_part_of_the_identity_is_told() {
        let folder = folder();
        let error = gathered(folder.path(), "").check().unwrap_err();
        for path in [key::CERTIFICATE, key::KEY, key::AUTHORITY] {
            assert!(error.to_string().contains(&format!("`{path}` is needed")), "{error}");
        }
        let lost = IDENTITY.replace("hub.pem", "lost.pem");
        let error = gathered(folder.path(), &lost).check().unwrap_err();
        assert!(error.to_string().contains("node.toml:2: there is no certificate"), "{error}");
    }

    #[test]
    fn a_log_level_that_is_none_is_told_with_its_line() {
        let folder = folder();
        let error = gathered(folder.path(), "[log]\nlevel = 'lots'").logs().unwrap_err();
        assert!(error.to_string().contains("node.toml:2: \"lots\" is no log level"), "{error}");
    }
}
