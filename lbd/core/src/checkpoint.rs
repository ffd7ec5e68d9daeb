//! Where in the life of a stream an expression is evaluated, and where a fetch is valid.
//!
//! The 22 points and their order are the reference's (`-dKsmp` prints a column for each).

/// A point at which expressions are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Checkpoint {
    /// Frontend tcp-request connection rule.
    FeConAcc,
    /// Frontend tcp-request session rule.
    FeSesAcc,
    /// Frontend tcp-request content rule.
    FeReqCnt,
    /// Frontend http-request header rule.
    FeHrqHdr,
    /// Frontend http-request body rule.
    FeHrqBdy,
    /// Frontend use-backend rule.
    FeSetBck,
    /// Backend tcp-request content rule.
    BeReqCnt,
    /// Backend http-request header rule.
    BeHrqHdr,
    /// Backend http-request body rule.
    BeHrqBdy,
    /// Backend use-server, balance or stick-match rule.
    BeSetSrv,
    /// Server source selection.
    BeSrvCon,
    /// Backend tcp-response content rule.
    BeResCnt,
    /// Backend http-response header rule.
    BeHrsHdr,
    /// Backend http-response body rule.
    BeHrsBdy,
    /// Backend stick-store rule.
    BeStoRul,
    /// Frontend tcp-response content rule.
    FeResCnt,
    /// Frontend http-response header rule.
    FeHrsHdr,
    /// Frontend http-response body rule.
    FeHrsBdy,
    /// Logs.
    FeLogEnd,
    /// Backend tcp-check rule.
    BeChkRul,
    /// Configuration parser.
    CfgParser,
    /// CLI parser.
    CliParser,
}

impl Checkpoint {
    /// All points in the reference's order.
    pub const ALL: [Self; 22] = [
        Self::FeConAcc,
        Self::FeSesAcc,
        Self::FeReqCnt,
        Self::FeHrqHdr,
        Self::FeHrqBdy,
        Self::FeSetBck,
        Self::BeReqCnt,
        Self::BeHrqHdr,
        Self::BeHrqBdy,
        Self::BeSetSrv,
        Self::BeSrvCon,
        Self::BeResCnt,
        Self::BeHrsHdr,
        Self::BeHrsBdy,
        Self::BeStoRul,
        Self::FeResCnt,
        Self::FeHrsHdr,
        Self::FeHrsBdy,
        Self::FeLogEnd,
        Self::BeChkRul,
        Self::CfgParser,
        Self::CliParser,
    ];

    /// What the reference calls this place in its messages and in `-dKsmp`.
    pub fn describe(self) -> &'static str {
        match self {
            Self::FeConAcc => "frontend tcp-request connection rule",
            Self::FeSesAcc => "frontend tcp-request session rule",
            Self::FeReqCnt => "frontend tcp-request content rule",
            Self::FeHrqHdr => "frontend http-request header rule",
            Self::FeHrqBdy => "frontend http-request body rule",
            Self::FeSetBck => "frontend use-backend rule",
            Self::BeReqCnt => "backend tcp-request content rule",
            Self::BeHrqHdr => "backend http-request header rule",
            Self::BeHrqBdy => "backend http-request body rule",
            Self::BeSetSrv => "backend use-server, balance or stick-match rule",
            Self::BeSrvCon => "server source selection",
            Self::BeResCnt => "backend tcp-response content rule",
            Self::BeHrsHdr => "backend http-response header rule",
            Self::BeHrsBdy => "backend http-response body rule",
            Self::BeStoRul => "backend stick-store rule",
            Self::FeResCnt => "frontend tcp-response content rule",
            Self::FeHrsHdr => "frontend http-response header rule",
            Self::FeHrsBdy => "frontend http-response body rule",
            Self::FeLogEnd => "logs",
            Self::BeChkRul => "backend tcp-check rule",
            Self::CfgParser => "configuration parser",
            Self::CliParser => "CLI parser",
        }
    }
}

/// A set of points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checkpoints(pub u32);

impl Checkpoints {
    /// No point.
    pub const NONE: Self = Self(0);
    /// Every point.
    pub const ALL: Self = Self((1 << Checkpoint::ALL.len()) - 1);

    /// The set written as the reference's `-dKsmp` prints it: 22 characters, `Y` where valid and
    /// `.` where not, spaces ignored. Usable in constants.
    pub const fn parse(text: &str) -> Self {
        let bytes = text.as_bytes();
        let (mut i, mut bit, mut set) = (0, 0u32, 0u32);
        while i < bytes.len() {
            match bytes[i] {
                b'Y' => {
                    set |= 1 << bit;
                    bit += 1;
                }
                b'.' => bit += 1,
                _ => {}
            }
            i += 1;
        }
        assert!(bit as usize == Checkpoint::ALL.len(), "22 columns wanted");
        Self(set)
    }

    /// The points of either set.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The set of one point.
    pub const fn of(point: Checkpoint) -> Self {
        Self(1 << point as u32)
    }

    /// Whether `point` is in the set.
    pub const fn contains(self, point: Checkpoint) -> bool {
        self.0 & (1 << point as u32) != 0
    }
}
