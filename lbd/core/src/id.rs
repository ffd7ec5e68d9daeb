//! Dense indices of one generation of the configuration.
//!
//! Names identify things across generations; these ids only within one.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);

        impl $name {
            /// The id as an index into the vector that it numbers.
            #[inline]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ids! {
    /// A frontend, backend or listen section: index into `Config::proxies`.
    ProxyId,
    /// A server: index into its backend's list of servers (not unique across backends).
    ServerId,
    /// A stick table: index into `Config::tables`.
    TableId,
    /// A `bind` line: index into its proxy's list of binds.
    BindId,
    /// One listening socket (a `bind` line has one for each address and port): index into
    /// `Config::listeners`.
    ListenerId,
}
