namespace CallServer.Ledger

open System
open System.Collections.Generic
open CallServer.Model

/// Interim records of long connections: number n falls due when a connection is heard alive n whole intervals after it was
/// first heard, and its CDR has the number after the last of them. All of it follows from FirstHeard and LastHeard, which
/// the store keeps: no timer a connection, and a restart of the server neither skips a number nor repeats one. Where
/// several fall due in one snapshot, after a long silence, each of them is told.
module Interim =
    /// How many have fallen due since it was first heard; an interval of zero asks for none.
    let due (interval: TimeSpan) (c: Connection) : int =
        if interval <= TimeSpan.Zero || c.LastHeard <= c.FirstHeard then
            0
        else
            int ((c.LastHeard - c.FirstHeard).Ticks / interval.Ticks)

    /// The number of its CDR: 1 where there was no interim record.
    let finalNumber (interval: TimeSpan) (c: Connection) : int = due interval c + 1

    /// What one snapshot lets fall due, each connection with the number of its record, in the order of ids and numbers.
    /// A connection that lives on under another id goes on with its numbers.
    let fallen
        (interval: TimeSpan)
        (before: GatewayLedger)
        (changes: Change[])
        (after: GatewayLedger)
        : struct (Connection * int)[] =
        if interval <= TimeSpan.Zero || obj.ReferenceEquals(before, after) then
            [||]
        else
            let was = Dictionary<ConnectionId, ConnectionId>()

            for change in changes do
                match change with
                | Renamed(id, c) -> was[c.Id] <- id
                | _ -> ()

            let dueBefore (c: Connection) =
                let id =
                    match was.TryGetValue c.Id with
                    | true, id -> id
                    | _ -> c.Id

                match GatewayLedger.tryFind id before with
                // The same id with another first time is another connection.
                | ValueSome known when known.FirstHeard = c.FirstHeard -> due interval known
                | ValueSome _
                | ValueNone -> 0

            [| for c in after.Connections do
                   let now = due interval c

                   if now > 0 then
                       for number in dueBefore c + 1 .. now -> struct (c, number) |]
