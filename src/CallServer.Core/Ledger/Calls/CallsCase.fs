namespace CallServer.Ledger

open System.Collections.Generic
open CallServer.Model

/// What one call is judged by, and what can be said.
module internal CallsCase =
    [<NoComparison; NoEquality>]
    type Case =
        {
            Rules: CallRules
            Live: Leg[]
            Gone: Leg[]
            /// Its gateway's calls usually have the other kind of source, and all that could tell of it were asked: since when
            /// it is known to lack it.
            Lacks: Instant voption
        }

    [<NoComparison>]
    type Verdict =
        | Nothing
        /// What is told now may become a finding once it is told again.
        | Waiting
        | Proven of Finding

    let found kind since text = Proven { Kind = kind; Since = since; Text = text }

    /// At most three by name.
    let names (legs: Leg[]) =
        let shown = legs |> Seq.truncate 3 |> Seq.map (fun leg -> string leg.Key) |> String.concat ", "
        if legs.Length > 3 then $"{shown} and {legs.Length - 3} more" else shown

    let isAre (legs: Leg[]) = if legs.Length = 1 then "is" else "are"

    let latest (instants: Instant seq) = Seq.reduce Instant.max instants
    let earliest (instants: Instant seq) = Seq.reduce Instant.min instants

    /// Some live leg was heard alive so long after that the end of another is no matter of a moment.
    let outlived (case: Case) (over: Instant) =
        case.Live
        |> Array.exists (fun leg -> leg.IsConfirmed && leg.Connection.LastHeard >= over + case.Rules.Grace)

    /// All of them still say so, the grace after the last of them began to.
    let stillSay (case: Case) (since: Instant) (legs: Leg[]) =
        legs
        |> Array.forall (fun leg -> leg.IsConfirmed && leg.Connection.LastHeard >= since + case.Rules.Grace)

    /// The first that is proven, else whether one is to be waited for.
    let firstOf (verdicts: Verdict seq) =
        let mutable best = Nothing
        use each = verdicts.GetEnumerator()

        while (match best with
               | Proven _ -> false
               | Nothing
               | Waiting -> each.MoveNext()) do
            match best, each.Current with
            | Waiting, Nothing -> ()
            | _, verdict -> best <- verdict

        best

    let socket (leg: Leg) =
        leg.Connection.Facts.LocalMedia |> ValueOption.bind (CallsKeys.ofAddress leg.Key.Gateway)

    let target (leg: Leg) =
        leg.Connection.Facts.RemoteMedia |> ValueOption.bind (CallsKeys.ofAddress leg.Key.Gateway)

    /// Legs by their own socket, where it is that of one leg only.
    let bySocket (legs: Leg[]) : Dictionary<AddressKey, Leg> =
        let sockets = Dictionary<AddressKey, Leg>()
        let shared = HashSet<AddressKey>()

        for leg in legs do
            match socket leg with
            | ValueSome own when not (sockets.TryAdd(own, leg)) -> shared.Add own |> ignore
            | ValueSome _
            | ValueNone -> ()

        for own in shared do
            sockets.Remove own |> ignore

        sockets

    /// Pairs of which the first sends its media to the second's socket.
    let streams (legs: Leg[]) : struct (Leg * Leg)[] =
        let sockets = bySocket legs

        [| for leg in legs do
               match target leg with
               | ValueSome aim ->
                   match sockets.TryGetValue aim with
                   | true, peer when peer.Key <> leg.Key -> struct (leg, peer)
                   | _ -> ()
               | ValueNone -> () |]

    /// By gateway, in order.
    let bySource (legs: Leg[]) : struct (GatewayId * Leg[])[] =
        legs
        |> Array.groupBy (fun leg -> leg.Key.Gateway)
        |> Array.sortBy fst
        |> Array.map (fun (gateway, own) -> struct (gateway, own))
