namespace CallServer.Ledger

open System
open System.Collections.Generic
open CallServer.Model

/// Interim records of long connections. Number n falls due when a connection is heard alive n whole intervals
/// after it was first heard; its CDR has the number after the last of them. All of it follows from FirstHeard
/// and LastHeard, which the store keeps: there is no timer per connection, and a restart of the server
/// neither skips nor repeats a number. If several fall due in one snapshot, after a long silence, each of
/// them is written.
module Interim =
    /// How many have fallen due since it was first heard; an interval of zero asks for none.
    let due (interval: TimeSpan) (c: Connection) : int =
        if interval <= TimeSpan.Zero || c.LastHeard <= c.FirstHeard then
            0
        else
            int ((c.LastHeard - c.FirstHeard).Ticks / interval.Ticks)

    /// The number of its CDR: 1 if there was no interim record.
    let finalNumber (interval: TimeSpan) (c: Connection) : int = due interval c + 1

    /// The records that fall due with one snapshot: each connection with the number of its record, in the
    /// order of ids and numbers. A connection that lives on under another id continues its numbers.
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
                // The same id first heard at another time is another connection.
                | ValueSome known when known.FirstHeard = c.FirstHeard -> due interval known
                | ValueSome _
                | ValueNone -> 0

            [| for c in after.Connections do
                   let now = due interval c

                   if now > 0 then
                       for number in dueBefore c + 1 .. now -> struct (c, number) |]
