namespace CallServer.Gateway

open System
open CallServer.Wire

/// Reads the SNMP agent's vices from the command line, such as `mute-after=200`.
module ViceWords =
    let private milliseconds (value: int) = TimeSpan.FromMilliseconds(float value)

    /// The error-status genErr (RFC 3416).
    [<Literal>]
    let private GenErr = 5

    let internal words: Word<Vices> list =
        [ Words.number "mute-after" 0 (fun n vices -> { vices with AnswersOnly = ValueSome n })
          Words.number "max-varbinds" 1 (fun n vices -> { vices with MaxVarBinds = ValueSome n })
          Words.number "silent-above" 1 (fun n vices -> { vices with SilentAbove = ValueSome n })
          Words.flag "cuts-rows" (fun vices -> { vices with CutsRows = true })
          Words.flag "short-by-a-row" (fun vices -> { vices with ShortByARow = true })
          Words.flag "bulk-skips-last-row" (fun vices -> { vices with BulkSkipsLastRow = true })
          Words.number "repeats-at" 0 (fun n vices -> { vices with Looping = ValueSome(Repeats n) })
          Words.number "goes-back-at" 0 (fun n vices -> { vices with Looping = ValueSome(GoesBack n) })
          Words.number "missing-cells" 1 (fun n vices -> { vices with MissingCells = ValueSome n })
          Words.number "count-off-by" Int32.MinValue (fun n vices -> { vices with Counting = OffBy n })
          Words.number "hides-table-after" 0 (fun n vices -> { vices with HidesTableAfter = ValueSome n })
          Words.number "hides-table-for" 1 (fun n vices -> { vices with HidesTableFor = ValueSome n })
          Words.number "ends-after-row" 0 (fun n vices -> { vices with EndsAfterRow = ValueSome n })
          Words.number "ms-per-request" 0 (fun n vices -> { vices with DelayPerRequest = milliseconds n })
          Words.number "ms-per-varbind" 0 (fun n vices -> { vices with DelayPerVarBind = milliseconds n })
          Words.number "error-every" 1 (fun n vices ->
              { vices with ErrorEvery = ValueSome(struct (n, GenErr)) })
          Words.flag "no-bulk" (fun vices -> { vices with BulkRefusal = ValueSome Unanswered })
          Words.flag "bulk-error" (fun vices -> { vices with BulkRefusal = ValueSome(AnsweredBy GenErr) })
          Words.number "faulty-enterprise" 1 (fun n vices ->
              { vices with FaultyBelow = Oid.parse $"1.3.6.1.4.1.{n}" :: vices.FaultyBelow })
          Words.flag "blames-nobody" (fun vices -> { vices with BlamesNobody = true })
          Words.number "too-big-above" 1 (fun n vices -> { vices with TooBigAbove = ValueSome n })
          Words.flag "wrong-request-ids" (fun vices -> { vices with WrongRequestIds = true })
          Words.number "garbage-stamps" 1 (fun n vices -> { vices with GarbageStamps = ValueSome n })
          Words.number "renumbers-every" 1 (fun n vices -> { vices with RenumbersEvery = ValueSome n })
          Words.number "twin-after" 1 (fun n vices -> { vices with TwinAfter = ValueSome n })
          Words.flag "odd-numbers" (fun vices -> { vices with OddNumbers = true }) ]

    /// The words as the help lists them.
    let known: string list = Words.known words

    /// Adds the vice that this word names. An error describes the mistake.
    let add (word: string) (vices: Vices) : Result<Vices, string> = Words.add words word vices
