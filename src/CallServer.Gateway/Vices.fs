namespace CallServer.Gateway

open System
open CallServer.Wire

/// How an agent's walk goes wrong at a row of a column (counted from 0). Both have been seen in the field (gosnmp issue 401 and
/// others).
type Looping =
    /// After this row it repeats the row for ever.
    | Repeats of row: int
    /// After this row it goes back to the first row of the column.
    | GoesBack of row: int

/// How wrong the gateway's own count of its connections is.
type Counting =
    | Honest
    /// It counts too many by this number, or too few if it is negative.
    | OffBy of int
    /// The count is up to this old.
    | LagsBy of TimeSpan

/// How an agent without GetBulk responds to one: an SNMPv1 engine behind an SNMPv2c front, or an agent configured this way.
type BulkRefusal =
    | Unanswered
    /// It answers with this error-status, and error-index 0.
    | AnsweredBy of status: int

/// The faults that a simulated agent can be given.
[<NoComparison>]
type Vices =
    {
        /// At most this many variable bindings in the reply to a GetBulk (net-snmp: 100).
        MaxVarBinds: int voption
        /// Replies with more octets than this are never sent, as on a narrow path or with a small buffer.
        SilentAbove: int voption
        /// Replies to GetBulk end within a row, if they have more than one.
        CutsRows: bool
        /// Replies to GetBulk lack their last repetition, if they have more than one.
        ShortByARow: bool
        /// GetBulk never shows the table's last row; GetNext does (gosnmp issue 467).
        BulkSkipsLastRow: bool
        Looping: Looping voption
        /// About one cell in this many is missing.
        MissingCells: int voption
        /// Prefixes of objects and whole columns that are not served.
        MissingColumns: Oid list
        Counting: Counting
        /// After this many requests a view hides the table of connections; 0 hides it from the beginning.
        HidesTableAfter: int voption
        /// A view hides the table for this many requests without a pause, then shows it until the requests pause.
        HidesTableFor: int voption
        /// GetNext and GetBulk say that the MIB ends after this row of every column (counted from 0). Get still finds the rest.
        EndsAfterRow: int voption
        /// The time that every request takes, and the time for each variable binding on top.
        DelayPerRequest: TimeSpan
        DelayPerVarBind: TimeSpan
        /// It is silent after this many answers; 0 means from the beginning.
        AnswersOnly: int voption
        /// Every N-th request is answered with this error-status (genErr, tooBig).
        ErrorEvery: struct (int * int) voption
        BulkRefusal: BulkRefusal voption
        /// Objects below these prefixes cannot be read, because a sub-agent is broken. A reply that would contain one becomes
        /// genErr.
        FaultyBelow: Oid list
        /// Errors have error-index 0 instead of the position of the culprit.
        BlamesNobody: bool
        /// It answers tooBig to any request for more variable bindings than this.
        TooBigAbove: int voption
        /// Replies have a request-id and a msgID that differ from those of the request.
        WrongRequestIds: bool
        /// About one connection in this many reports an impossible answer time: long before its setup, never, in the future, or
        /// half a period of the up-time ago (DIAL-CONTROL-MIB callActiveConnectTime). Some of them also report an end before
        /// their setup (callHistoryDisconnectTime).
        GarbageStamps: int voption
        /// All indexes change after every N requests.
        RenumbersEvery: int voption
        /// After this many requests without a pause a twin answers instead: a different engine with the same up-time that carries
        /// only every other connection. After a pause the agent answers again. Only SNMPv3 replies name the engine.
        TwinAfter: int voption
        /// Numbers in SNMPv2c replies have needless zero octets, and unsigned ones lack the zero that they need.
        OddNumbers: bool
        /// Every connection has another codec from this long after its start on.
        Renegotiates: TimeSpan voption
        /// These columns have no cell for a connection before this long after its setup.
        Late: struct (Set<Oid> * TimeSpan) voption
    }

module Vices =
    let none: Vices =
        { MaxVarBinds = ValueNone
          SilentAbove = ValueNone
          CutsRows = false
          ShortByARow = false
          BulkSkipsLastRow = false
          Looping = ValueNone
          MissingCells = ValueNone
          MissingColumns = []
          Counting = Honest
          HidesTableAfter = ValueNone
          HidesTableFor = ValueNone
          EndsAfterRow = ValueNone
          DelayPerRequest = TimeSpan.Zero
          DelayPerVarBind = TimeSpan.Zero
          AnswersOnly = ValueNone
          ErrorEvery = ValueNone
          BulkRefusal = ValueNone
          FaultyBelow = []
          BlamesNobody = false
          TooBigAbove = ValueNone
          WrongRequestIds = false
          GarbageStamps = ValueNone
          RenumbersEvery = ValueNone
          TwinAfter = ValueNone
          OddNumbers = false
          Renegotiates = ValueNone
          Late = ValueNone }

    /// Silent from the beginning.
    let mute: Vices = { none with AnswersOnly = ValueSome 0 }

    /// Stops answering in the middle of a walk.
    let dyingAfter (answers: int) : Vices = { none with AnswersOnly = ValueSome answers }

    let slow (request: TimeSpan) (varBind: TimeSpan) : Vices =
        { none with DelayPerRequest = request; DelayPerVarBind = varBind }
