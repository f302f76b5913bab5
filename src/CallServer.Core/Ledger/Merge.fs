namespace CallServer.Ledger

open System
open CallServer.Model

/// Walks two sorted arrays side by side.
module internal Merge =
    /// Walks both arrays once, each sorted by id, and calls in the order of ids what is given for an element
    /// that only the first has, only the second has, or both have.
    let byId
        (first: Connection[])
        (second: 'T[])
        (idOf: 'T -> ConnectionId)
        (onlyFirst: Connection -> unit)
        (onlySecond: 'T -> unit)
        (both: Connection -> 'T -> unit)
        : unit =
        let rec next i j =
            if i < first.Length && j < second.Length then
                let order =
                    String.CompareOrdinal(ConnectionId.value first[i].Id, ConnectionId.value (idOf second[j]))

                if order < 0 then
                    onlyFirst first[i]
                    next (i + 1) j
                elif order > 0 then
                    onlySecond second[j]
                    next i (j + 1)
                else
                    both first[i] second[j]
                    next (i + 1) (j + 1)
            elif i < first.Length then
                onlyFirst first[i]
                next (i + 1) j
            elif j < second.Length then
                onlySecond second[j]
                next i (j + 1)

        next 0 0
