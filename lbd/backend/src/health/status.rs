//! Names and results of check statuses as logs, statistics and `ok-status` know them.
//!
//! It knows no check: the check script and the machine choose the status.

use lbd_core::bits;
/// What a status means for the server's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckResult {
    /// Passed, on condition that only streams bound to the server go there.
    CondPassed,
    /// Failed.
    Failed,
    /// Nothing to conclude.
    Neutral,
    /// Passed.
    Passed,
    /// No check has ended yet.
    Unknown,
}

impl CheckResult {
    /// Number in a server state file (`srv_check_result`).
    pub fn number(self) -> u32 {
        match self {
            Self::Unknown => 0,
            Self::Neutral => 1,
            Self::Failed => 2,
            Self::Passed => 3,
            Self::CondPassed => 4,
        }
    }
}

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident $short:literal $long:literal $result:ident;)*) => {
        /// Status of the last check.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum CheckStatus { $($(#[$doc])* $name,)* }

        impl CheckStatus {
            /// All statuses in the reference's order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Short name (`check_status` of the statistics).
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $short,)* }
            }

            /// Long description (log lines, `check_desc` of the statistics).
            pub fn describe(self) -> &'static str {
                match self { $(Self::$name => $long,)* }
            }

            /// What it means for the health.
            pub fn result(self) -> CheckResult {
                match self { $(Self::$name => CheckResult::$result,)* }
            }
        }
    };
}

statuses! {
    /// No check is configured.
    Unknown "UNK" "Unknown" Unknown;
    /// No check has ended yet.
    Initializing "INI" "Initializing" Unknown;
    /// The agent said nothing about health.
    Checked "CHECKED" "No status change" Neutral;
    /// Traffic gave too many errors (`observe`).
    HealthAnalyze "HANA" "Health analyze" Failed;
    /// A socket could not be made or used.
    SocketError "SOCKERR" "Socket error" Failed;
    /// Connected.
    L4Ok "L4OK" "Layer4 check passed" Passed;
    /// The connection was not made in time.
    L4Timeout "L4TOUT" "Layer4 timeout" Failed;
    /// The connection was refused or failed.
    L4Connection "L4CON" "Layer4 connection problem" Failed;
    /// TLS was set up.
    L6Ok "L6OK" "Layer6 check passed" Passed;
    /// TLS was not set up in time.
    L6Timeout "L6TOUT" "Layer6 timeout" Failed;
    /// TLS failed.
    L6Response "L6RSP" "Layer6 invalid response" Failed;
    /// No answer in time.
    L7Timeout "L7TOUT" "Layer7 timeout" Failed;
    /// The answer makes no sense.
    L7Response "L7RSP" "Layer7 invalid response" Failed;
    /// The answer is right.
    L7Ok "L7OK" "Layer7 check passed" Passed;
    /// The answer asks for no new clients (404 with `disable-on-404`).
    L7OkConditional "L7OKC" "Layer7 check conditionally passed" CondPassed;
    /// The answer says that the server is not well.
    L7Status "L7STS" "Layer7 wrong status" Failed;
    /// The external check failed.
    ProcessError "PROCERR" "External check error" Failed;
    /// The external check did not end in time.
    ProcessTimeout "PROCTOUT" "External check timeout" Failed;
    /// The external check passed.
    ProcessOk "PROCOK" "External check passed" Passed;
}

impl CheckStatus {
    /// Whether a code (HTTP status, exit status) goes with it.
    pub fn has_code(self) -> bool {
        matches!(
            self,
            Self::L7Ok
                | Self::L7OkConditional
                | Self::L7Status
                | Self::ProcessError
                | Self::ProcessTimeout
                | Self::ProcessOk
        )
    }

    /// Number in a server state file (`srv_check_status`); 2 is kept for a check in progress.
    pub fn number(self) -> u32 {
        let index = Self::ALL
            .iter()
            .position(|status| *status == self)
            .unwrap_or(0);
        let index = bits::count32(index);
        if index < 2 { index } else { index + 1 }
    }

    /// The status of a number in a server state file.
    pub fn of_number(number: u32) -> Option<Self> {
        let index = match number {
            0 | 1 => number,
            // A check was in progress: nothing is known of it.
            2 => 1,
            _ => number - 1,
        };
        Self::ALL.get(usize::try_from(index).ok()?).copied()
    }

    /// The status of that short name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|status| status.name() == name)
    }
}
