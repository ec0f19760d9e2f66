//! The kind of pub/sub that carries live events.

/// How live events are published, and received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PubSub {
    /// `PUBLISH`: in a Cluster each node passes every event on to all others.
    #[default]
    Classic,
    /// Both ways, while instances are moved from one to the other. Of two copies of an event the second is stale.
    Both,
    /// `SPUBLISH`, from Redis 7 on: in a Cluster events stay on the node that has the room.
    Sharded,
}

impl PubSub {
    /// Whether events go by `PUBLISH`.
    pub fn is_classic(self) -> bool {
        self != Self::Sharded
    }

    /// Whether events go by `SPUBLISH`.
    pub fn is_sharded(self) -> bool {
        self != Self::Classic
    }

    /// The commands that publish, as a list in Lua.
    pub fn commands(self) -> &'static str {
        match self {
            Self::Classic => "{ 'PUBLISH' }",
            Self::Both => "{ 'PUBLISH', 'SPUBLISH' }",
            Self::Sharded => "{ 'SPUBLISH' }",
        }
    }
}
