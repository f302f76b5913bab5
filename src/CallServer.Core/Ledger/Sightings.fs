namespace CallServer.Ledger

open System.Collections.Generic

/// Counts what a snapshot showed for the first time, as a gateway's running total counts it.
module internal Sightings =
    let private nameOf (c: Connection) =
        match c.Facts.Call with
        | ValueSome call -> struct (string call, c.Stamp)
        | ValueNone -> struct (string c.Id, c.Stamp)

    /// How many the record did not know before these changes, and how many of them it met only after their end.
    let count (counted: TotalOf) (before: Connection[]) (changes: Change seq) : struct (int64 * int64) =
        let isNew =
            match counted with
            | TotalOf.Connections -> fun _ -> true
            | TotalOf.Calls ->
                let known = lazy (HashSet(before |> Seq.map nameOf))
                fun c -> known.Value.Add(nameOf c)

        let mutable seen, late = 0L, 0L

        for change in changes do
            match change with
            | Opened c when isNew c -> seen <- seen + 1L
            | Closed(c, _) when c.ConfirmedCount = 0 && isNew c ->
                seen <- seen + 1L
                late <- late + 1L
            | _ -> ()

        struct (seen, late)
