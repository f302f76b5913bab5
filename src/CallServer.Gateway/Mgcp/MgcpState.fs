namespace CallServer.Gateway

open System
open CallServer.Model
open CallServer.Wire

/// An RSIP for the call agent, until it is answered (RFC 3435 §2.3.12).
[<NoComparison>]
type internal Announcement =
    {
        Transaction: int
        Method: string
        /// HOST:PORT.
        To: string
        /// When it is sent next, for the first time or again.
        Due: Instant
        /// The wait after that sending.
        Interval: TimeSpan
        Sent: int
    }

/// A command that got a provisional response.
[<NoComparison>]
type internal Execution =
    | Executing of command: MgcpCommand * peer: string * until: Instant
    /// The final response, repeated until it is acknowledged.
    | Unacknowledged of octets: byte[] * peer: string * due: Instant * sent: int

/// A gateway that speaks MGCP, at one moment. Its host owns the table.
[<NoComparison; ReferenceEquality>]
type internal MgcpState =
    {
        Options: MgcpOptions
        Wiring: Wiring voption
        /// The answers of the last 30 s by transaction id, in two generations. The older generation is dropped as a whole.
        Answered: Map<int, struct (Instant * byte[])>
        Before: Map<int, struct (Instant * byte[])>
        Generation: Instant
        Executions: Map<int, Execution>
        Announcements: Announcement list
        NextTransaction: int
        Notified: string
        Began: Instant
        /// The numbers of datagrams, commands and answers so far.
        Datagrams: int
        Commands: int
        Answers: int
    }

module internal MgcpState =
    /// T-HIST: how long answers are remembered (RFC 3435 §3.5.1).
    let private history = TimeSpan.FromSeconds 30.0

    let create (options: MgcpOptions) (now: Instant) : MgcpState =
        { Options = options
          Wiring = ValueNone
          Answered = Map.empty
          Before = Map.empty
          Generation = now
          Executions = Map.empty
          Announcements = []
          NextTransaction = options.FirstTransaction
          Notified =
            (match options.CallAgent with
             | ValueSome address ->
                 let host, port =
                     match address.LastIndexOf ':' with
                     | -1 -> address, "2727"
                     | colon -> address.Substring(0, colon), address.Substring(colon + 1)

                 $"ca@[{host}]:{port}"
             | ValueNone -> "")
          Began = now
          Datagrams = 0
          Commands = 0
          Answers = 0 }

    let remember (now: Instant) (transaction: int) (octets: byte[]) (state: MgcpState) : MgcpState =
        let state =
            if now - state.Generation > history then
                { state with Before = state.Answered; Answered = Map.empty; Generation = now }
            else
                state

        { state with Answered = state.Answered.Add(transaction, struct (now, octets)) }

    let tryRecall (now: Instant) (transaction: int) (state: MgcpState) : byte[] voption =
        let fresh found =
            match found with
            | Some(struct (at, octets)) when now - at <= history -> ValueSome octets
            | Some _
            | None -> ValueNone

        match fresh (state.Answered.TryFind transaction) with
        | ValueSome octets -> ValueSome octets
        | ValueNone -> fresh (state.Before.TryFind transaction)

    let wired (table: Table) (state: MgcpState) : struct (Wiring * MgcpState) =
        let vices = state.Options.Vices

        let wiring =
            match state.Wiring with
            | ValueSome wiring -> Wiring.refresh vices.ConnectionsPerEndpoint table wiring
            | ValueNone ->
                // Some endpoints are idle however busy the gateway is.
                let usual = table.NextSlot / vices.ConnectionsPerEndpoint * 3 / 2 + 24
                let atLeast = vices.Endpoints |> ValueOption.defaultValue usual
                Wiring.create vices.ConnectionsPerEndpoint atLeast table

        struct (wiring, { state with Wiring = ValueSome wiring })
