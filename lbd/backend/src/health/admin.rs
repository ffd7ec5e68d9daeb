//! Administrative state of a server: maintenance and drain, each with its origins.
//!
//! It does not act on the server: the machine derives that from changes.

/// A reason for maintenance or drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdminFlag {
    /// An operator or the agent drains it.
    ForcedDrain,
    /// An operator, the agent or the configuration put it in maintenance.
    ForcedMaint,
    /// The followed server drains.
    InheritedDrain,
    /// The followed server is in maintenance.
    InheritedMaint,
    /// Its name does not resolve.
    ResolutionMaint,
}

impl AdminFlag {
    /// Whether it is one of maintenance; else of drain.
    pub fn is_maint(self) -> bool {
        matches!(
            self,
            Self::ForcedMaint | Self::InheritedMaint | Self::ResolutionMaint
        )
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// All reasons in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Admin(u8);

impl Admin {
    /// Whether that reason is in force.
    pub fn has(self, flag: AdminFlag) -> bool {
        self.0 & flag.bit() != 0
    }

    /// In maintenance for any reason.
    pub fn is_maint(self) -> bool {
        [
            AdminFlag::ForcedMaint,
            AdminFlag::InheritedMaint,
            AdminFlag::ResolutionMaint,
        ]
        .iter()
        .any(|f| self.has(*f))
    }

    /// Draining for any reason.
    pub fn is_drain(self) -> bool {
        self.has(AdminFlag::ForcedDrain) || self.has(AdminFlag::InheritedDrain)
    }

    /// All reasons as the bits of a server state file (`srv_admin_state`).
    pub fn bits(self) -> u8 {
        let bits = [
            (AdminFlag::ForcedMaint, 0x01),
            (AdminFlag::InheritedMaint, 0x02),
            (AdminFlag::ForcedDrain, 0x08),
            (AdminFlag::InheritedDrain, 0x10),
            (AdminFlag::ResolutionMaint, 0x20),
        ];
        bits.iter()
            .filter(|(flag, _)| self.has(*flag))
            .map(|(_, bit)| bit)
            .sum()
    }

    /// With that reason switched.
    #[must_use]
    pub fn with(self, flag: AdminFlag, on: bool) -> Self {
        if on {
            Self(self.0 | flag.bit())
        } else {
            Self(self.0 & !flag.bit())
        }
    }
}
