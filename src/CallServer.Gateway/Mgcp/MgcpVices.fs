namespace CallServer.Gateway

open System

/// The faults and oddities that a simulated MGCP gateway can be given.
[<NoComparison>]
type MgcpVices =
    {
        /// It does not know the Bulk Audit package (RFC 3624) and ignores its parameters as unknown.
        NoBulkAudit: bool
        /// It does not know the command AUCX: 504.
        NoAuditConnection: bool
        /// Like osmo-mgw, it answers any AUEP with a bare 200, and does not answer AUCX.
        ListsNothing: bool
        /// It answers 533 if the answer would have more octets than this.
        TooLargeAt: int voption
        /// It answers 503 to an all-of wildcard anywhere except in the last term of a name.
        TooComplicated: bool
        /// Several connection ids are in one line, separated by commas, instead of one per line.
        CommaIds: bool
        LowerCase: bool
        /// Lines end in LF alone.
        LineFeeds: bool
        /// Lines end in CR alone.
        CarriageReturns: bool
        /// The only version that it accepts, such as `MGCP 0.1` or `MGCP 1.0 NCS 1.0`; otherwise 528.
        /// ValueNone accepts 1.0 with any profile.
        Speaks: string voption
        /// Its 528 says which version it accepts.
        TellsVersion: bool
        /// It treats every wildcard and range as an unknown endpoint: 500.
        NoWildcards: bool
        /// It lists its endpoints without an @ and a domain.
        NoDomains: bool
        /// It writes blanks wherever the grammar allows them.
        ExtraSpace: bool
        /// It answers every N-th command provisionally first, and finally later.
        ProvisionalEvery: int voption
        /// It never receives every N-th datagram.
        SwallowsEvery: int voption
        AnswersTwice: bool
        WrongTransactions: bool
        /// It lists its endpoints under another domain than the one at which they answer.
        WrongDomain: bool
        /// It sends a datagram that is not MGCP before every answer.
        Garbage: bool
        /// It answers in another protocol.
        Foreign: bool
        /// It cuts answers off after this many octets.
        TruncatesAt: int voption
        /// Bulk audits name a next endpoint that was already reported.
        LoopingBulk: bool
        /// Bulk audits count every N-th endpoint in use as free.
        HidesEvery: int voption
        /// Bulk audits count every N-th free endpoint as in use.
        InventsEvery: int voption
        /// Bulk audits put everything in one BA/EL line and one BA/C line.
        JoinedBulk: bool
        /// It is silent after this many answers; 0 means from the beginning.
        AnswersOnly: int voption
        /// It answers every command with this return code.
        Refuses: int voption
        DelayPerRequest: TimeSpan
        NoSessions: bool
        /// It states no local connection options, because the call agent gave none.
        NoOptions: bool
        SaturatedCounters: bool
        /// It has at least this many endpoints, however many connections there are.
        Endpoints: int voption
        ConnectionsPerEndpoint: int
        /// Every N-th endpoint is out of service: 501.
        OutOfServiceEvery: int voption
        /// It lost its call agent: RM is disconnected.
        Disconnected: bool
        /// It answers all messages of a datagram in one datagram.
        Piggybacks: bool
    }

module MgcpVices =
    let none: MgcpVices =
        { NoBulkAudit = false
          NoAuditConnection = false
          ListsNothing = false
          TooLargeAt = ValueNone
          TooComplicated = false
          CommaIds = false
          LowerCase = false
          LineFeeds = false
          CarriageReturns = false
          Speaks = ValueNone
          TellsVersion = false
          NoWildcards = false
          NoDomains = false
          ExtraSpace = false
          ProvisionalEvery = ValueNone
          SwallowsEvery = ValueNone
          AnswersTwice = false
          WrongTransactions = false
          WrongDomain = false
          Garbage = false
          Foreign = false
          TruncatesAt = ValueNone
          LoopingBulk = false
          HidesEvery = ValueNone
          InventsEvery = ValueNone
          JoinedBulk = false
          AnswersOnly = ValueNone
          Refuses = ValueNone
          DelayPerRequest = TimeSpan.Zero
          NoSessions = false
          NoOptions = false
          SaturatedCounters = false
          Endpoints = ValueNone
          ConnectionsPerEndpoint = 1
          OutOfServiceEvery = ValueNone
          Disconnected = false
          Piggybacks = false }

    /// The words for the vices on the command line.
    let internal words: Word<MgcpVices> list =
        [ Words.flag "no-bulk-audit" (fun vices -> { vices with NoBulkAudit = true })
          Words.flag "no-aucx" (fun vices -> { vices with NoAuditConnection = true })
          Words.flag "does-not-list" (fun vices -> { vices with ListsNothing = true })
          Words.number "too-large-at" 1 (fun n vices -> { vices with TooLargeAt = ValueSome n })
          Words.flag "too-complicated" (fun vices -> { vices with TooComplicated = true })
          Words.flag "comma-ids" (fun vices -> { vices with CommaIds = true })
          Words.flag "lower-case" (fun vices -> { vices with LowerCase = true })
          Words.flag "lf-only" (fun vices -> { vices with LineFeeds = true })
          Words.flag "cr-only" (fun vices -> { vices with CarriageReturns = true })
          Words.flag "old-version" (fun vices -> { vices with Speaks = ValueSome "MGCP 0.1" })
          Words.flag "ncs-only" (fun vices -> { vices with Speaks = ValueSome "MGCP 1.0 NCS 1.0" })
          Words.flag "tells-version" (fun vices -> { vices with TellsVersion = true })
          Words.flag "no-wildcards" (fun vices -> { vices with NoWildcards = true })
          Words.flag "no-domains" (fun vices -> { vices with NoDomains = true })
          Words.flag "extra-space" (fun vices -> { vices with ExtraSpace = true })
          Words.number "provisional-every" 1 (fun n vices -> { vices with ProvisionalEvery = ValueSome n })
          Words.number "swallows-every" 1 (fun n vices -> { vices with SwallowsEvery = ValueSome n })
          Words.flag "answers-twice" (fun vices -> { vices with AnswersTwice = true })
          Words.flag "wrong-transactions" (fun vices -> { vices with WrongTransactions = true })
          Words.flag "wrong-domain" (fun vices -> { vices with WrongDomain = true })
          Words.flag "garbage" (fun vices -> { vices with Garbage = true })
          Words.flag "foreign" (fun vices -> { vices with Foreign = true })
          Words.number "truncates-at" 0 (fun n vices -> { vices with TruncatesAt = ValueSome n })
          Words.flag "looping-bulk" (fun vices -> { vices with LoopingBulk = true })
          Words.number "hides-every" 1 (fun n vices -> { vices with HidesEvery = ValueSome n })
          Words.number "invents-every" 1 (fun n vices -> { vices with InventsEvery = ValueSome n })
          Words.flag "joined-bulk" (fun vices -> { vices with JoinedBulk = true })
          Words.flag "silent" (fun vices -> { vices with AnswersOnly = ValueSome 0 })
          Words.number "mute-after" 0 (fun n vices -> { vices with AnswersOnly = ValueSome n })
          Words.number "refuses" 400 (fun n vices -> { vices with Refuses = ValueSome(min n 999) })
          Words.number "ms-per-request" 0 (fun n vices ->
              { vices with DelayPerRequest = TimeSpan.FromMilliseconds(float n) })
          Words.flag "no-sdp" (fun vices -> { vices with NoSessions = true })
          Words.flag "no-options" (fun vices -> { vices with NoOptions = true })
          Words.flag "saturated" (fun vices -> { vices with SaturatedCounters = true })
          Words.number "endpoints" 1 (fun n vices -> { vices with Endpoints = ValueSome(min n 1_000_000) })
          Words.number "per-endpoint" 1 (fun n vices -> { vices with ConnectionsPerEndpoint = n })
          Words.number "out-of-service-every" 1 (fun n vices ->
              { vices with OutOfServiceEvery = ValueSome n })
          Words.flag "disconnected" (fun vices -> { vices with Disconnected = true })
          Words.flag "piggybacks" (fun vices -> { vices with Piggybacks = true }) ]
