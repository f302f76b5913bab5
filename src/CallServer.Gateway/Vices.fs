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
        /// The time that every request takes, and every variable binding besides.
        DelayPerRequest: TimeSpan
        DelayPerVarBind: TimeSpan
        /// Silent after so many answers: 0 is silent from the beginning.
        AnswersOnly: int voption
        /// Every so many-th request is answered with that error-status (genErr, tooBig).
        ErrorEvery: struct (int * int) voption
        /// Replies carry another request-id, and another msgID, than their request.
        WrongRequestIds: bool
        /// All indexes change after every so many requests.
        RenumbersEvery: int voption
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
          DelayPerRequest = TimeSpan.Zero
          DelayPerVarBind = TimeSpan.Zero
          AnswersOnly = ValueNone
          ErrorEvery = ValueNone
          WrongRequestIds = false
          RenumbersEvery = ValueNone
          OddNumbers = false }

    /// Silent from the beginning.
    let mute: Vices = { none with AnswersOnly = ValueSome 0 }

    /// Dies in the middle of a walk.
    let dyingAfter (answers: int) : Vices = { none with AnswersOnly = ValueSome answers }

    let slow (request: TimeSpan) (varBind: TimeSpan) : Vices =
        { none with DelayPerRequest = request; DelayPerVarBind = varBind }
