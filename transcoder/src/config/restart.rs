//! [pure] Which changes a running transcoder cannot take over.
//!
//! The settings of streams and `[admission]` are taken over by [`Store::reconfigure`], certificates by what shows them,
//! `[admin]`, `[log]` and `[drain]` are the chassis' affair.
//!
//! [`Store::reconfigure`]: crate::store::Store::reconfigure

use super::Config;
use crate::exam::Terms;

impl Config {
    /// What is otherwise in `newer` and wants a restart, as the operator wrote it.
    pub fn changed_for_good(&self, newer: &Self) -> Vec<&'static str> {
        let clients = |it: &Self| it.origin.tls.as_ref().map(|tls| tls.clients.clone());
        let encoder = |it: &Self| Terms {
            ladder: Vec::new(),
            ..it.encoder.clone()
        };
        let token = newer.secret.origin_token();
        let all = [
            ("[rtmp]", self.rtmp != newer.rtmp),
            ("[origin] listen", self.origin.listen != newer.origin.listen),
            (
                "[origin] client_ca, or that there is a certificate",
                clients(self) != clients(newer),
            ),
            (
                "[cluster] secret",
                !self.secret.origin_token().matches(token.expose()),
            ),
            ("[encoder]", encoder(self) != encoder(newer)),
            // Encoders that nobody has examined are not tried out on a show.
            (
                "[ladder] rungs, of which there were none",
                self.encoder.exam
                    && self.encoder.ladder.is_empty()
                    && !newer.encoder.ladder.is_empty(),
            ),
            ("[archive]", self.archive != newer.archive),
            (
                "[recording] but for record",
                self.recordings != newer.recordings,
            ),
        ];
        let changed = all.into_iter().filter(|(_, changed)| *changed);
        changed.map(|(name, _)| name).collect()
    }
}
