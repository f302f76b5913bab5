namespace CallServer.Gateway

open System
open CallServer.Wire

/// How an agent's walk goes astray at a row of a column (counted from 0): gosnmp issue 401 and others saw
/// both.
type Looping =
    /// After that row it tells that row again, for ever.
    | Repeats of row: int
    /// After that row it goes back to the column's first one.
    | GoesBack of row: int

/// How far the gateway's own count of its connections is to be trusted.
type Counting =
    | Honest
    /// So many too many, or too few where negative.
    | OffBy of int
    /// The count is that of up to so long ago.
    | LagsBy of TimeSpan

/// What an agent without GetBulk does with one: an SNMPv1 engine behind an SNMPv2c facade, or one that is told to.
type BulkRefusal =
    | Unanswered
    /// That error-status, and error-index 0.
    | AnsweredBy of status: int

/// What is wrong with an agent, to order.
[<NoComparison>]
type Vices =
    {
        /// At most so many variable bindings in a GetBulk's reply (net-snmp: 100).
        MaxVarBinds: int voption
        /// Replies of more octets than this are never sent (a path or a buffer too narrow).
        SilentAbove: int voption
        /// Replies to GetBulk end within a row where they have more than one.
        CutsRows: bool
        /// Replies to GetBulk lack their last repetition where they have more than one.
        ShortByARow: bool
        /// GetBulk never shows the table's last row; GetNext does (gosnmp issue 467).
        BulkSkipsLastRow: bool
        Looping: Looping voption
        /// About one cell in so many is missing.
        MissingCells: int voption
        /// Objects and whole columns that are not served: prefixes of their names.
        MissingColumns: Oid list
        Counting: Counting
        /// After so many requests a view hides the table of connections: 0 hides it from the beginning.
        HidesTableAfter: int voption
        /// A view hides it for so many requests one upon the other, and shows it then until they pause.
        HidesTableFor: int voption
        /// GetNext and GetBulk say that the MIB ends after that row of every column (counted from 0); Get knows better.
        EndsAfterRow: int voption
        /// The time that every request takes, and every variable binding besides.
        DelayPerRequest: TimeSpan
        DelayPerVarBind: TimeSpan
        /// Silent after so many answers: 0 is silent from the beginning.
        AnswersOnly: int voption
        /// Every so many-th request is answered with that error-status (genErr, tooBig).
        ErrorEvery: struct (int * int) voption
        BulkRefusal: BulkRefusal voption
        /// Below one of these an object cannot be told: a broken sub-agent. Whatever would tell one is answered by genErr.
        FaultyBelow: Oid list
        /// Errors have error-index 0 instead of the place of the culprit.
        BlamesNobody: bool
        /// tooBig to any request that asks for more variable bindings than this.
        TooBigAbove: int voption
        /// Replies carry another request-id, and another msgID, than their request.
        WrongRequestIds: bool
        /// About one connection in so many tells an answer that cannot be: long before its setup, never, ahead of now, or half a
        /// period of the up-time ago (DIAL-CONTROL-MIB callActiveConnectTime); and some of them an end before their setup
        /// (callHistoryDisconnectTime).
        GarbageStamps: int voption
        /// All indexes change after every so many requests.
        RenumbersEvery: int voption
        /// After so many requests one upon the other a twin answers in its place: another engine, as long up, that carries every
        /// other connection alone. It gives back after a pause (SNMPv3: of engines another version tells nothing).
        TwinAfter: int voption
        /// Numbers in SNMPv2c replies carry needless zero octets, and unsigned ones lack the zero that they
        /// need.
        OddNumbers: bool
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
          OddNumbers = false }

    /// Silent from the beginning.
    let mute: Vices = { none with AnswersOnly = ValueSome 0 }

    /// Dies in the middle of a walk.
    let dyingAfter (answers: int) : Vices = { none with AnswersOnly = ValueSome answers }

    let slow (request: TimeSpan) (varBind: TimeSpan) : Vices =
        { none with DelayPerRequest = request; DelayPerVarBind = varBind }
