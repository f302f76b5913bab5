namespace CallServer.Ledger

open System.Collections.Generic
open CallServer.Model

/// Counts what a snapshot showed for the first time, as a gateway's running total counts it.
module internal Sightings =
    let private nameOf (c: Connection) =
        match c.Facts.Call with
        | ValueSome call -> struct (string call, c.Stamp)
        | ValueNone -> struct (string c.Id, c.Stamp)

    /// When it may have begun, as a total counts it.
    let private began (c: Connection) : struct (Instant voption * Instant) =
        match c.Setup with
        | ValueSome setup -> struct (ValueSome setup.Within.Earliest, setup.Within.Latest)
        | ValueNone -> struct (ValueNone, c.Start.Within.Latest)

    /// What the record did not know before these changes. What it met only after its end may have begun before the tally's first
    /// total was read, and ended before the first list was told.
    let count (tally: Tally) (before: Connection[]) (changes: Change seq) : Sighted =
        let isNew =
            match tally.Of with
            | TotalOf.Connections -> fun _ -> true
            | TotalOf.Calls ->
                let known = lazy (HashSet(before |> Seq.map nameOf))
                fun c -> known.Value.Add(nameOf c)

        let mutable sighted = Sighted.nothing

        for change in changes do
            match change with
            | Opened c when isNew c -> sighted <- { sighted with Counted = sighted.Counted + 1L }
            | Closed(c, _) when c.ConfirmedCount = 0 && isNew c ->
                let struct (earliest, latest) = began c

                if earliest |> ValueOption.exists (fun earliest -> earliest >= tally.Told) then
                    sighted <- { sighted with Counted = sighted.Counted + 1L; Late = sighted.Late + 1L }
                elif latest >= tally.Since then
                    sighted <- { sighted with Perhaps = sighted.Perhaps + 1L }
            | _ -> ()

        sighted
