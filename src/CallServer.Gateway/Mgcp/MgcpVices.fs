namespace CallServer.Gateway

open System

/// What is wrong with an MGCP gateway, and what is unusual, to order.
[<NoComparison>]
type MgcpVices =
    {
        /// Knows no Bulk Audit package (RFC 3624): its parameters are ignored as unknown ones are.
        NoBulkAudit: bool
        /// AUCX is an unknown command: 504.
        NoAuditConnection: bool
        /// As osmo-mgw: AUEP is a bare 200 whatever it asks, AUCX gets no answer at all.
        ListsNothing: bool
        /// Answers of more octets than this are 533 instead.
        TooLargeAt: int voption
        /// The all-of wildcard anywhere but in the last term of a name is 503.
        TooComplicated: bool
        /// Several connection ids stand in one line, with commas, and not in a line each.
        CommaIds: bool
        LowerCase: bool
        /// Lines end in LF alone.
        LineFeeds: bool
        /// Lines end in CR alone.
        CarriageReturns: bool
        /// The only version that it takes, as `MGCP 0.1` or `MGCP 1.0 NCS 1.0`; nothing: 1.0 with any profile. Others are 528.
        Speaks: string voption
        /// Its 528 says which version it takes.
        TellsVersion: bool
        /// Every wildcard and range is an unknown endpoint: 500.
        NoWildcards: bool
        /// It lists its endpoints without the @ and what follows.
        NoDomains: bool
        /// Blanks wherever the grammar allows them.
        ExtraSpace: bool
        /// Every so many-th command is answered provisionally first, and finally later.
        ProvisionalEvery: int voption
        /// Never hears every so many-th datagram.
        SwallowsEvery: int voption
        AnswersTwice: bool
        WrongTransactions: bool
        /// Lists its endpoints under another domain than the one that they answer to.
        WrongDomain: bool
        /// A datagram that is no MGCP goes before every answer.
        Garbage: bool
        /// Answers in another protocol.
        Foreign: bool
        /// Answers are cut after so many octets.
        TruncatesAt: int voption
        /// Bulk audits end with a next endpoint that was reported already.
        LoopingBulk: bool
        /// Every so many-th endpoint in use is counted as free in bulk audits, or ...
        HidesEvery: int voption
        /// ... every so many-th free one as in use.
        InventsEvery: int voption
        /// All that bulk audits report is in one BA/EL line and one BA/C line.
        JoinedBulk: bool
        /// Silent after so many answers: 0 is silent from the beginning.
        AnswersOnly: int voption
        /// This return code to every command.
        Refuses: int voption
        DelayPerRequest: TimeSpan
        NoSessions: bool
        /// No local connection options are told: the call agent gave none.
        NoOptions: bool
        SaturatedCounters: bool
        /// At least so many endpoints, whatever the connections.
        Endpoints: int voption
        ConnectionsPerEndpoint: int
        /// Every so many-th endpoint is out of service: 501.
        OutOfServiceEvery: int voption
        /// It lost its call agent: RM is disconnected.
        Disconnected: bool
        /// Answers to the messages of one datagram come in one datagram.
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

    /// By the words of the command line.
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
